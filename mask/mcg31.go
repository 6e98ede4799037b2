package mask

const (
	mcg31           = 1<<31 - 1
	mcg31Multiplier = 1132489760
)

// mcg31Mul returns a·b mod 2³¹−1, for factors below it.
func mcg31Mul(a, b uint64) uint64 {
	p := a * b
	p = p&mcg31 + p>>31 // 2³¹ is 1
	if p >= mcg31 {
		p -= mcg31
	}
	return p
}

// mcg31Power returns the multiplier's n-th power.
func mcg31Power(n uint64) uint64 {
	p, square := uint64(1), uint64(mcg31Multiplier)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = mcg31Mul(p, square)
		}
		square = mcg31Mul(square, square)
	}
	return p
}

// ceilMCG31 returns how many numbers x have x·2⁻³¹ < q, as float32 numbers.
func ceilMCG31(q float64) uint64 {
	// A product with a power of two is exact. Of the numbers below it, those within
	// half a place, at most 64, are rounded to it.
	bound := float32(q) * (1 << 31)
	x := uint64(bound)
	for x > 0 && float32(x-1) >= bound {
		x--
	}
	for float32(x) < bound {
		x++
	}
	return x
}

// drawMCG31 decides the trials by x and what follows it.
func (m *Mask) drawMCG31(x, threshold uint64) {
	// Eight strands, each the eighth of the numbers: a multiplication takes longer than
	// it takes to begin the next.
	const strands = 8
	var at [strands]uint64
	for i := range at {
		at[i] = x
		x = mcg31Mul(x, mcg31Multiplier)
	}
	step := mcg31Power(strands)
	for i := range m.bits {
		var word uint64
		for done := 0; done < 64; done += strands {
			for k := range at {
				word |= (at[k] - threshold) >> 63 << (done + k)
				at[k] = mcg31Mul(at[k], step)
			}
		}
		m.bits[i] = word
	}
	m.trim()
}
