package kernel

import "unsafe"

// philoxGeneric is the meaning of the assembly kernels that draw from Philox.
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

// threefryGeneric is the meaning of the assembly kernels that draw from the two
// words of Threefry at once.
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

// threefryPairsGeneric is that of those that draw from each.
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

// mersenneTwisterGeneric is the meaning of the assembly kernels of mt19937.
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

// twist returns what becomes of a word, given the word behind it and the one that
// is m further.
func twist(word, next, far uint32) uint32 {
	y := word&(1<<31) | next&(1<<31-1)
	return far ^ y>>1 ^ -(y&1)&0x9908b0df
}

// wordsBelowGeneric is the meaning of the assembly kernels that compare words. Behind
// the last eight it may write zeros up to the end of a word of bits.
func wordsBelowGeneric(to *uint64, from *uint32, eights int, mask, below uint32) {
	t := trials{mask: mask, below: below}
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

// pairsBelowGeneric is that of those that compare pairs.
func pairsBelowGeneric(to *uint64, from *uint32, eights int, below uint64) {
	words := unsafe.Slice(from, 2*8*eights)
	for out := unsafe.Slice(to, (eights+7)/8); len(words) > 0; out = out[1:] {
		n := min(len(words), 2*64)
		// From the top downwards, so that every shift is by one.
		var word uint64
		for some := words[:n]; len(some) >= 2; some = some[2:] {
			number := uint64(some[0]&(1<<21-1))<<32 | uint64(some[1])
			word = word>>1 | (number-below)&(1<<63)
		}
		out[0], words = word>>(64-n/2), words[n:]
	}
}

// mcg31Generic is that of those of MCG31m1. Eight strands, each the eighth of the
// numbers: a multiplication takes longer than it takes to begin the next.
func mcg31Generic(to *uint64, words int, powers *[66]uint32, x, below uint32) {
	const strands = 8
	var at [strands]uint32
	for i := range at {
		at[i] = mcg31Mul(x, powers[i])
	}
	out, step := unsafe.Slice(to, words), powers[strands]
	for i := range out {
		var word uint64
		for done := 0; done < 64; done += strands {
			for k := range at {
				word |= (uint64(at[k]) - uint64(below)) >> 63 << (done + k)
				at[k] = mcg31Mul(at[k], step)
			}
		}
		out[i] = word
	}
}
