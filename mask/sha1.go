package mask

import (
	"encoding/binary"
	"math/bits"
)

// sha1 returns the SHA-1 of data (FIPS 180-4), which flax.linen makes keys of. The
// standard library's brings 26 packages and 33 MB of BSS with it.
func sha1(data []byte) [20]byte {
	h := [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	rest := data
	for ; len(rest) >= 64; rest = rest[64:] {
		sha1Block(&h, rest)
	}
	// The rest, a 1 bit, zeros, and the number of bits as the last 64 of a block.
	var end [128]byte
	n := copy(end[:], rest)
	end[n] = 0x80
	last := end[:64]
	if n >= 64-8 {
		last = end[:]
	}
	binary.BigEndian.PutUint64(last[len(last)-8:], 8*uint64(len(data)))
	for ; len(last) > 0; last = last[64:] {
		sha1Block(&h, last)
	}
	var sum [20]byte
	for i, x := range h {
		binary.BigEndian.PutUint32(sum[4*i:], x)
	}
	return sum
}

// sha1Block adds a block of 64 bytes.
func sha1Block(h *[5]uint32, block []byte) {
	var w [80]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(block[4*i:])
	}
	for i := 16; i < len(w); i++ {
		w[i] = bits.RotateLeft32(w[i-3]^w[i-8]^w[i-14]^w[i-16], 1)
	}
	a, b, c, d, e := h[0], h[1], h[2], h[3], h[4]
	for i, x := range w {
		var f, k uint32
		switch i / 20 {
		case 0:
			f, k = b&c|^b&d, 0x5a827999
		case 1:
			f, k = b^c^d, 0x6ed9eba1
		case 2:
			f, k = b&c|b&d|c&d, 0x8f1bbcdc
		default:
			f, k = b^c^d, 0xca62c1d6
		}
		a, b, c, d, e = bits.RotateLeft32(a, 5)+f+e+k+x, a, bits.RotateLeft32(b, 30), c, d
	}
	h[0] += a
	h[1] += b
	h[2] += c
	h[3] += d
	h[4] += e
}
