package mask

import (
	"math/bits"
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// blockWords is the number of 32-bit words that one step of mt19937 makes.
const blockWords = 624

// mersenne is mt19937 (Matsumoto and Nishimura 1998) between two blocks of its words.
type mersenne struct {
	state, words [blockWords]uint32 // words is the last block, tempered
}

// seed is init_genrand in the authors' code.
func (g *mersenne) seed(s uint32) {
	g.state[0] = s
	for i := 1; i < blockWords; i++ {
		s = 1812433253*(s^s>>30) + uint32(i)
		g.state[i] = s
	}
}

// turns reports whether mt19937 makes numbers of a state: one whose 19937 bits are 0 stays
// so.
func turns(state *[blockWords]uint32) bool {
	any := state[0] >> 31
	for _, w := range state[1:] {
		any |= w
	}
	return any != 0
}

// temper makes the words of the state itself.
func (g *mersenne) temper() {
	for i, w := range g.state {
		w ^= w >> 11
		w ^= w << 7 & 0x9d2c5680
		w ^= w << 15 & 0xefc60000
		g.words[i] = w ^ w>>18
	}
}

// next makes the next block.
func (g *mersenne) next() { draw.MersenneTwister(&g.words, &g.state) }

// sequence gives the words of mt19937 from any place up. It remembers where it was, so that
// going on from there costs nothing.
type sequence struct {
	seed  uint32
	start *[blockWords]uint32 // the state of block 0, nil for that of the seed
	mu    sync.Mutex
	begun bool
	block uint64 // the number of the block in words
	mersenne
}

// jumpBlocks is the distance in blocks above which a jump replaces walking. A jump takes 4
// to 9 ms on every tier, walking so many blocks 1 ms with AVX-512 and 12 ms in plain Go
// (Zen 4).
const jumpBlocks = 10000

// seek makes words the block that holds word at.
func (s *sequence) seek(at uint64) {
	block := at / blockWords
	if s.begun && block == s.block {
		return
	}
	if !s.begun || block < s.block || block-s.block > jumpBlocks {
		s.begin(block)
	}
	for ; s.block < block; s.block++ {
		s.next()
	}
}

// begin makes words a block, from the beginning of the sequence.
func (s *sequence) begin(block uint64) {
	s.begun, s.block = true, block
	if s.start == nil {
		s.mersenne.seed(s.seed)
		s.skip(block)
		s.next()
		return
	}
	if s.state = *s.start; block == 0 {
		s.temper()
		return
	}
	s.skip(block - 1)
	s.next()
}

// skip advances the state by a number of blocks.
func (g *mersenne) skip(blocks uint64) {
	if blocks > jumpBlocks {
		g.jump(blocks)
		return
	}
	for ; blocks > 0; blocks-- {
		g.next()
	}
}

// jump advances the state by a number of blocks: with F the step from one word to the
// next, a linear map over GF(2), and φ its characteristic polynomial, Fⁿ = g(F) where
// g(x) = xⁿ mod φ(x) (Haramoto et al., "Efficient jump ahead for F₂-linear random
// number generators", 2008).
func (g *mersenne) jump(blocks uint64) {
	p := power(blocks)
	// Horner's rule: sum = F(sum) + start for each bit of the polynomial, else F(sum).
	// The words of sum lie in a ring, the oldest at head.
	start, head := g.state, 0
	var sum [blockWords]uint32
	for i := degree - 1; i >= 0; i-- {
		x := sum[head]&0x80000000 | sum[(head+1)%blockWords]&0x7fffffff
		sum[head] = sum[(head+397)%blockWords] ^ x>>1 ^ -(x&1)&twist
		head = (head + 1) % blockWords
		if p[i/64]>>(i%64)&1 == 1 {
			split := blockWords - head
			for k, w := range start[:split] {
				sum[head+k] ^= w
			}
			for k, w := range start[split:] {
				sum[k] ^= w
			}
		}
	}
	copy(g.state[:], sum[head:])
	copy(g.state[blockWords-head:], sum[:head])
}

const (
	// degree is how many bits of state mt19937 has.
	degree = 19937
	// twist is the last row of its matrix.
	twist = 0x9908b0df
)

// polynomial is a polynomial over GF(2) of at most φ's degree. The coefficient of xⁱ is bit
// i.
type polynomial [(degree + 63) / 64]uint64

// power returns x^(624·blocks) mod φ. The exponent is a multiple of 16, so the last steps
// are squares, which reduce.
func power(blocks uint64) *polynomial {
	p, terms := new(polynomial), terms()
	p[0] = 1
	hi, lo := bits.Mul64(blocks, blockWords)
	for i := 127; i >= 0; i-- {
		p.square(terms)
		bit := lo >> i
		if i >= 64 {
			bit = hi >> (i - 64)
		}
		if bit&1 == 1 {
			p.timesX()
		}
	}
	return p
}

// square sets p to p² mod φ.
func (p *polynomial) square(terms []int) {
	// The square of a sum is the sum of the squares: bit i moves to bit 2i.
	var wide [2*len(p) + 1]uint64
	for i, w := range p {
		wide[2*i], wide[2*i+1] = spread(uint32(w)), spread(uint32(w>>32))
	}
	// x^degree is the sum of φ's other terms, the highest of which is more than 64 degrees
	// lower: 64 bits are replaced in one step, from the top.
	for i := len(wide) - 1; i > degree/64; i-- {
		reduce(wide[:], i, wide[i], terms)
	}
	const rest = degree % 64
	above := wide[degree/64] >> rest << rest
	wide[degree/64] ^= above
	reduce(wide[:], degree/64, above, terms)
	copy(p[:], wide[:])
}

// timesX sets p to x·p, which may have φ's degree: only square reduces.
func (p *polynomial) timesX() {
	carry := uint64(0)
	for i, w := range p {
		p[i], carry = w<<1|carry, w>>63
	}
}

// reduce adds to p what word·x^(64·i) is modulo φ.
func reduce(p []uint64, i int, word uint64, terms []int) {
	if word == 0 {
		return
	}
	for _, t := range terms {
		at := 64*i - degree + t
		if at < 0 {
			// Here the lowest bits of word are 0.
			p[0] ^= word >> -at
			continue
		}
		w, s := at/64, at%64
		p[w] ^= word << s
		p[w+1] ^= word >> (64 - s)
	}
}

// terms returns the powers of x in φ except the highest. By appendix A of Matsumoto and
// Nishimura, with n = 624, m = 397, w = 32 and r = 31, A = xⁿ+xᵐ, B = xⁿ⁻¹+xᵐ⁻¹ and aᵢ
// bit i of the twist,
//
//	φ = A·B³¹ + Σ aᵢ·A·B³⁰⁻ⁱ (i from 0 to 30) + a₃₁
func terms() []int {
	count := map[int]int{}
	for i := 0; i <= 31; i++ { // i is the power of B
		if i < 31 && uint32(twist)>>(30-i)&1 == 0 {
			continue
		}
		// Bⁱ has the terms whose binomial coefficients are odd.
		for k := 0; k <= i; k++ {
			if k&^i != 0 {
				continue // C(i,k) is even (Lucas)
			}
			b := 623*k + 396*(i-k)
			count[b+624]++
			count[b+397]++
		}
	}
	count[0] += twist >> 31 & 1
	var all []int
	for t, n := range count {
		if n%2 == 1 && t != degree {
			all = append(all, t)
		}
	}
	return all
}

// spread puts zeros between the bits of x.
func spread(x uint32) uint64 {
	w := uint64(x)
	w = (w | w<<16) & 0x0000ffff0000ffff
	w = (w | w<<8) & 0x00ff00ff00ff00ff
	w = (w | w<<4) & 0x0f0f0f0f0f0f0f0f
	w = (w | w<<2) & 0x3333333333333333
	return (w | w<<1) & 0x5555555555555555
}
