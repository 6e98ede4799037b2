// Package mask draws which channels live and holds the answer, one bit a
// channel.
//
// A [Mask] belongs to a batch of samples × channels. Trial i = n·channels + c
// decides over channel c of sample n, whatever the tensor's layout or type. The
// trials come from a random stream, [Philox] unless you bring bits of your own.
package mask

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// Policy says what becomes of an element of a dropped channel.
type Policy uint8

const (
	// Select writes +0 and does not use the source, so that NaN and Inf in a
	// dropped channel vanish.
	Select Policy = iota
	// Multiply writes the IEEE product with 0, as PyTorch does: NaN and Inf
	// give NaN, a negative number gives -0.
	Multiply
)

// String returns the policy's name.
func (p Policy) String() string {
	switch p {
	case Select:
		return "Select"
	case Multiply:
		return "Multiply"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// CheckRate returns an error unless rate is a number in [0,1].
func CheckRate(rate float64) error {
	if !(rate >= 0 && rate <= 1) {
		return fmt.Errorf("mask: rate %v, want a number from 0 to 1", rate)
	}
	return nil
}

// Mask is the outcome of samples×channels trials at one rate. The zero Mask has
// no trials.
//
// Reading a Mask is safe for many goroutines at once; [Mask.Reset], [Mask.Set]
// and drawing into it are not.
type Mask struct {
	bits     []uint64 // bit i is trial i: 1 if kept; bits past the last are 0
	samples  int
	channels int
	rate     float64
	policy   Policy

	// What a kept channel is multiplied by, and its bits as float64, float32,
	// float16 and bfloat16.
	factor    float64
	f64       uint64
	f32       uint32
	f16, bf16 uint16
}

// New returns a mask of samples×channels in which every channel is kept, unless
// the rate is 1. It returns an error if a count is negative, if the number of
// trials overflows an int, if the rate is not in [0,1], or if there is no such
// policy.
func New(samples, channels int, rate float64, policy Policy) (*Mask, error) {
	m := new(Mask)
	if err := m.Reset(samples, channels, rate, policy); err != nil {
		return nil, err
	}
	return m, nil
}

// Reset makes m what [New] would return and reuses its memory where it is
// large enough. On an error m is as it was.
func (m *Mask) Reset(samples, channels int, rate float64, policy Policy) error {
	if samples < 0 || channels < 0 {
		return fmt.Errorf("mask: %d samples of %d channels, want neither negative", samples, channels)
	}
	hi, lo := bits.Mul64(uint64(samples), uint64(channels))
	if hi != 0 || lo > math.MaxInt-63 || uint64(int(lo)) != lo {
		return fmt.Errorf("mask: %d samples of %d channels are more trials than an int counts", samples, channels)
	}
	if err := CheckRate(rate); err != nil {
		return err
	}
	if policy > Multiply {
		return fmt.Errorf("mask: %v, want Select or Multiply", policy)
	}
	trials := int(lo)
	words := (trials + 63) / 64
	if cap(m.bits) < words {
		m.bits = make([]uint64, words)
	}
	m.bits = m.bits[:words]
	m.samples, m.channels, m.rate, m.policy = samples, channels, rate, policy
	if m.factor = 0; rate < 1 {
		m.factor = 1 / (1 - rate)
	}
	m.f64, m.f32 = math.Float64bits(m.factor), math.Float32bits(float32(m.factor))
	m.f16, m.bf16 = half(m.factor, 10, 5), half(m.factor, 7, 8)
	m.fill()
	return nil
}

// fill keeps every channel, or none at rate 1.
func (m *Mask) fill() {
	if m.rate == 1 {
		clear(m.bits)
		return
	}
	for i := range m.bits {
		m.bits[i] = ^uint64(0)
	}
	if rest := m.samples * m.channels % 64; rest > 0 {
		m.bits[len(m.bits)-1] = 1<<rest - 1
	}
}

// Samples returns the number of samples.
func (m *Mask) Samples() int { return m.samples }

// Channels returns the number of channels of a sample.
func (m *Mask) Channels() int { return m.channels }

// Rate returns the share of channels that a stream drops.
func (m *Mask) Rate() float64 { return m.rate }

// Policy returns what becomes of dropped elements.
func (m *Mask) Policy() Policy { return m.policy }

// Kept reports whether channel c of sample n lives. It panics if there is no
// such channel.
func (m *Mask) Kept(n, c int) bool {
	i := m.trial(n, c)
	return m.bits[i/64]>>(i%64)&1 == 1
}

// Set decides over channel c of sample n by hand. It panics if there is no such
// channel.
func (m *Mask) Set(n, c int, kept bool) {
	i := m.trial(n, c)
	bit := uint64(1) << (i % 64)
	if kept {
		m.bits[i/64] |= bit
	} else {
		m.bits[i/64] &^= bit
	}
}

func (m *Mask) trial(n, c int) int {
	if n < 0 || n >= m.samples || c < 0 || c >= m.channels {
		panic(fmt.Sprintf("mask: channel %d of sample %d in a mask of %d×%d", c, n, m.samples, m.channels))
	}
	return n*m.channels + c
}

// CountKept returns the number of living channels in the whole batch.
func (m *Mask) CountKept() int {
	n := 0
	for _, w := range m.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Factor returns what an element of a kept channel is multiplied by: 1/(1−rate),
// so that the expected value of every element stays what it was (inverted
// dropout). At rate 1, where nothing is kept, it is 0.
func (m *Mask) Factor() float64 {
	if m.rate == 0 {
		return 1 // also of the zero Mask
	}
	return m.factor
}

// Factors writes the factor of every channel to dst: 0 if it is dropped,
// [Mask.Factor] rounded once to T if it is kept. A sample takes pitch entries
// of dst, of which those past its channels are 0: pitch is m.Channels(), or more
// where channels are padded. It panics unless pitch ≥ m.Channels() and
// len(dst) = m.Samples()·pitch.
func Factors[T ~float32 | ~float64](dst []T, m *Mask, pitch int) {
	if unsafe.Sizeof(T(0)) == 4 {
		factors(unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)), m, pitch, m.f32)
	} else {
		factors(unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(dst))), len(dst)), m, pitch, m.f64)
	}
}

// FactorsF16 is [Factors] for float16 numbers in any 16-bit type. The factor is
// rounded once, from float64; above rates of 0.99998 it is infinite.
func FactorsF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.f16))
}

// FactorsBF16 is [Factors] for bfloat16 numbers in any 16-bit type.
func FactorsBF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.bf16))
}

// half returns the bits of f, which is 0 or at least 1, rounded to the nearest
// number with so many bits of fraction and exponent, ties to even.
func half(f float64, fraction, exponent int) uint16 {
	if f == 0 {
		return 0
	}
	cut := 52 - fraction
	bits := math.Float64bits(f)
	bits += 1<<(cut-1) - 1 + bits>>cut&1
	infinity := uint16(1<<exponent-1) << fraction
	e := int(bits>>52) - 1023 + 1<<(exponent-1) - 1
	if e >= 1<<exponent-1 {
		return infinity
	}
	return uint16(e)<<fraction | uint16(bits<<12>>12>>cut)
}

// factors writes the bits of a factor, or of +0.
func factors[T ~uint16 | ~uint32 | ~uint64](dst []T, m *Mask, pitch int, f T) {
	if pitch < m.channels || len(dst) != m.samples*pitch {
		refuse(len(dst), m, pitch)
	}
	if pitch == m.channels {
		expand(dst, m.bits, 0, f)
		return
	}
	for n := range m.samples {
		row := dst[n*pitch : (n+1)*pitch]
		expand(row[:m.channels], m.bits, uint(n*m.channels), f)
		clear(row[m.channels:])
	}
}

func refuse(factors int, m *Mask, pitch int) {
	panic(fmt.Sprintf("mask: %d factors in rows of %d for a mask of %d×%d, want samples·pitch factors and a pitch of channels or more", factors, pitch, m.samples, m.channels))
}

// expand writes f for every bit that is set, from the given bit on, else 0. It
// does not branch on them: they are random, every second branch would be
// mispredicted.
func expand[T ~uint16 | ~uint32 | ~uint64](dst []T, bits []uint64, from uint, f T) {
	if len(dst) > 64 {
		expandMany(dst, bits, from, f)
		return
	}
	for len(dst) > 0 {
		k := min(64-from%64, uint(len(dst)))
		expandWord(dst[:k], bits[from/64]>>(from%64), f)
		dst = dst[k:]
		from += k
	}
}

// expandMany is expand four at a time, from a table of the sixteen outcomes.
func expandMany[T ~uint16 | ~uint32 | ~uint64](dst []T, bits []uint64, from uint, f T) {
	var table [16][4]T
	for outcome := range table {
		expandWord(table[outcome][:], uint64(outcome), f)
	}
	for len(dst) > 0 {
		word := bits[from/64] >> (from % 64)
		k := min(64-from%64, uint(len(dst)))
		some := dst[:k]
		for len(some) >= 4 {
			*(*[4]T)(some) = table[word&15]
			word >>= 4
			some = some[4:]
		}
		expandWord(some, word, f)
		dst = dst[k:]
		from += k
	}
}

// expandWord writes f for every bit of word that is set, else 0.
func expandWord[T ~uint16 | ~uint32 | ~uint64](dst []T, word uint64, f T) {
	for i := range dst {
		dst[i] = f & -T(word&1)
		word >>= 1
	}
}
