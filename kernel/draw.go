package kernel

// Temporary until the vectorised draws arrive.

type Draw struct {
	Counter [4]uint32
	Stride  [4]uint32
	Key     [2]uint32
	Shift   uint32
	Below   uint32
}

func Philox(bits []uint64, d *Draw) {
	c := d.Counter
	for i := range bits {
		var w uint64
		for b := 0; b < 16; b++ {
			x, k := c, d.Key
			for r := 0; r < 10; r++ {
				p0, p1 := 0xD2511F53*uint64(x[0]), 0xCD9E8D57*uint64(x[2])
				x = [4]uint32{uint32(p1>>32) ^ x[1] ^ k[0], uint32(p1), uint32(p0>>32) ^ x[3] ^ k[1], uint32(p0)}
				k[0] += 0x9E3779B9
				k[1] += 0xBB67AE85
			}
			for j := 0; j < 4; j++ {
				if x[j]<<d.Shift < d.Below {
					w |= 1 << (4*b + j)
				}
				c[j] += d.Stride[j]
			}
		}
		bits[i] = w
	}
}

func threefry(k [2]uint32, x0, x1 uint32) (uint32, uint32) {
	ks := [3]uint32{k[0], k[1], k[0] ^ k[1] ^ 0x1BD11BDA}
	x0 += ks[0]
	x1 += ks[1]
	rot := [8]int{13, 15, 26, 6, 17, 29, 16, 24}
	for g := 0; g < 5; g++ {
		for j := 0; j < 4; j++ {
			r := rot[(g%2)*4+j]
			x0 += x1
			x1 = x1<<r | x1>>(32-r)
			x1 ^= x0
		}
		x0 += ks[(g+1)%3]
		x1 += ks[(g+2)%3] + uint32(g) + 1
	}
	return x0, x1
}

func Threefry(bits []uint64, d *Draw) {
	c := d.Counter
	for i := range bits {
		var w uint64
		for b := 0; b < 64; b++ {
			x0, x1 := threefry(d.Key, c[0], c[1])
			if (x0^x1)<<d.Shift < d.Below {
				w |= 1 << b
			}
			c[0] += d.Stride[0]
			c[1] += d.Stride[1]
		}
		bits[i] = w
	}
}

func ThreefryPairs(first, second []uint64, d *Draw) {
	c := d.Counter
	for i := range first {
		var w, v uint64
		for b := 0; b < 64; b++ {
			x0, x1 := threefry(d.Key, c[0], c[1])
			if x0<<d.Shift < d.Below {
				w |= 1 << b
			}
			if x1<<d.Shift < d.Below {
				v |= 1 << b
			}
			c[0] += d.Stride[0]
			c[1] += d.Stride[1]
		}
		first[i], second[i] = w, v
	}
}

func MersenneTwister(words, state *[624]uint32) {
	s := state
	for i := 0; i < 624; i++ {
		y := s[i]&0x80000000 | s[(i+1)%624]&0x7fffffff
		s[i] = s[(i+397)%624] ^ y>>1 ^ -(y&1)&0x9908b0df
	}
	for i, y := range s {
		y ^= y >> 11
		y ^= y << 7 & 0x9d2c5680
		y ^= y << 15 & 0xefc60000
		y ^= y >> 18
		words[i] = y
	}
}
