package draw

import "unsafe"

// philoxGeneric is what the assembly of Philox does.
func philoxGeneric(to *uint64, words int, t *trials) {
	c, out := t.counter, unsafe.Slice(to, words)
	for i := range out {
		var word uint64
		for b := 0; b < 64; b += 4 {
			w0, w1, w2, w3 := PhiloxBlock(c[0], c[1], c[2], c[3], t.key[0], t.key[1])
			word |= (t.bit(w0) | t.bit(w1)<<1 | t.bit(w2)<<2 | t.bit(w3)<<3) << b
			for j := range c {
				c[j] += t.stride[j]
			}
		}
		out[i] = word
	}
}

// threefryGeneric is what the assembly of Threefry does that draws one bit with
// both words of a block.
func threefryGeneric(to *uint64, words int, t *trials) {
	c0, c1, out := t.counter[0], t.counter[1], unsafe.Slice(to, words)
	for i := range out {
		var word uint64
		for b := range 64 {
			x0, x1 := ThreefryBlock(c0, c1, t.key[0], t.key[1])
			word |= t.bit(x0^x1) << b
			c0 += t.stride[0]
			c1 += t.stride[1]
		}
		out[i] = word
	}
}

// threefryPairsGeneric is what the assembly of Threefry does that draws one bit with
// each word of a block.
func threefryPairsGeneric(first, second *uint64, words int, t *trials) {
	c0, c1 := t.counter[0], t.counter[1]
	out0, out1 := unsafe.Slice(first, words), unsafe.Slice(second, words)
	for i := range out0 {
		var word0, word1 uint64
		for b := range 64 {
			x0, x1 := ThreefryBlock(c0, c1, t.key[0], t.key[1])
			word0 |= t.bit(x0) << b
			word1 |= t.bit(x1) << b
			c0 += t.stride[0]
			c1 += t.stride[1]
		}
		out0[i], out1[i] = word0, word1
	}
}

// mersenneTwisterGeneric is what the assembly of mt19937 does.
func mersenneTwisterGeneric(words, state *[624]uint32) {
	const n, m = len(state), 397
	for i := 0; i < n-m; i++ {
		state[i] = twist(state[i], state[i+1], state[i+m])
	}
	for i := n - m; i < n-1; i++ {
		state[i] = twist(state[i], state[i+1], state[i+m-n])
	}
	state[n-1] = twist(state[n-1], state[0], state[m-1])
	for i, x := range state {
		x ^= x >> 11
		x ^= x << 7 & 0x9d2c5680
		x ^= x << 15 & 0xefc60000
		words[i] = x ^ x>>18
	}
}

// twist returns what a word of the state becomes, given the next word and the one
// that follows it by 397.
func twist(word, next, far uint32) uint32 {
	y := word&(1<<31) | next&(1<<31-1)
	return far ^ y>>1 ^ -(y&1)&0x9908b0df
}

// compareWordsGeneric is what the assembly that compares words does. After the last
// eight it may write zeros up to the end of a word of bits.
func compareWordsGeneric(to *uint64, from *uint32, eights int, mask, threshold uint32) {
	t := trials{mask: mask, threshold: threshold}
	words := unsafe.Slice(from, 8*eights)
	for out := unsafe.Slice(to, (eights+7)/8); len(words) > 0; out = out[1:] {
		n := min(len(words), 64)
		var word uint64
		for i, w := range words[:n] {
			word |= t.bit(w) << i
		}
		out[0], words = word, words[n:]
	}
}

// comparePairsGeneric is what the assembly that compares pairs does.
func comparePairsGeneric(to *uint64, from *uint32, eights int, threshold uint64) {
	words := unsafe.Slice(from, 2*8*eights)
	for out := unsafe.Slice(to, (eights+7)/8); len(words) > 0; out = out[1:] {
		n := min(len(words), 2*64)
		// Bits enter at the top, so that every shift is by one.
		var word uint64
		for some := words[:n]; len(some) >= 2; some = some[2:] {
			number := uint64(some[0]&(1<<21-1))<<32 | uint64(some[1])
			word = word>>1 | (number-threshold)&(1<<63)
		}
		out[0], words = word>>(64-n/2), words[n:]
	}
}

// mcg31Generic is what the assembly of MCG31m1 does. It follows eight sequences,
// each of every eighth number: a multiplication takes longer than it takes to begin
// the next.
func mcg31Generic(to *uint64, words int, powers *[66]uint32, x, threshold uint32) {
	const lanes = 8
	var at [lanes]uint32
	for i := range at {
		at[i] = mcg31Mul(x, powers[i])
	}
	out, step := unsafe.Slice(to, words), powers[lanes]
	for i := range out {
		var word uint64
		for done := 0; done < 64; done += lanes {
			for k := range at {
				word |= (uint64(at[k]) - uint64(threshold)) >> 63 << (done + k)
				at[k] = mcg31Mul(at[k], step)
			}
		}
		out[i] = word
	}
}
