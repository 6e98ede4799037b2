// Package mask draws which channels live and holds the answer, one bit a
// channel.
//
// A [Mask] belongs to a batch of samples × channels. Trial i = n·channels + c
// decides over channel c of sample n, whatever the tensor's layout or type. The
// trials come from a [Stream], at a [Place] in it: from [Philox], or from one that
// draws what another framework draws, or from bits of your own. README.md, beside this
// file, has the table of the streams: which framework, which versions, what is
// reproduced and what is not. [Draw] lets channels share a trial.
//
// A stream brings its [Arithmetic]: what becomes of the elements of dropped channels and
// of kept ones. [Factors] turns a mask into what a kernel multiplies or divides by.
package mask

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// CheckRate returns an error unless rate is a number in [0,1].
func CheckRate(rate float64) error {
	if !(rate >= 0 && rate <= 1) {
		return fmt.Errorf("mask: rate %v, want a number from 0 to 1", rate)
	}
	return nil
}

// Mask is the outcome of samples×channels trials at one rate, with what is then
// done to the elements. The zero Mask has no trials.
//
// Reading a Mask is safe for many goroutines at once; [Mask.Reset], [Mask.Set]
// and the other methods that change one, and drawing into it, are not.
type Mask struct {
	bits       []uint64 // bit i is trial i: 1 if kept; bits past the last are 0
	samples    int
	channels   int
	rate       float64
	count      int // of channels kept in each sample, 0 unless it is fixed
	arithmetic Arithmetic

	// What a kept element is multiplied by, or divided by.
	factor float64
	kept   numbers
	// With Alpha, what is then added to a kept and to a dropped element.
	keptShift, droppedShift numbers
	// With Gaussian, where the noise comes from.
	noise noise
}

// New returns a mask of samples×channels in which every channel is kept, unless
// the rate is 1, with the rule [Reciprocal]. It returns an error if a count is
// negative, if the number of trials overflows an int, if the rate is not in
// [0,1], or if there is no such policy.
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
	return m.ResetArithmetic(samples, channels, rate, Arithmetic{Policy: policy})
}

// ResetArithmetic is [Mask.Reset] with any rule. It is an error if there is no such
// rule.
func (m *Mask) ResetArithmetic(samples, channels int, rate float64, a Arithmetic) error {
	trials, err := trialsOf(samples, channels)
	if err != nil {
		return err
	}
	if err := CheckRate(rate); err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	rate = math.Abs(rate) // -0 is 0
	words := (trials + 63) / 64
	if cap(m.bits) < words {
		m.bits = make([]uint64, words)
	}
	m.bits = m.bits[:words]
	m.samples, m.channels = samples, channels
	if m.rate != rate || m.arithmetic != a || m.count != 0 || m.factor == 0 {
		m.rate, m.arithmetic, m.count = rate, a, 0
		m.setNumbers()
	}
	m.noise = noise{}
	m.fill()
	return nil
}

// trialsOf returns how many trials a mask has.
func trialsOf(samples, channels int) (int, error) {
	if samples < 0 || channels < 0 {
		return 0, fmt.Errorf("mask: %d samples of %d channels, want neither negative", samples, channels)
	}
	hi, lo := bits.Mul64(uint64(samples), uint64(channels))
	if hi != 0 || lo > math.MaxInt-63 || uint64(int(lo)) != lo {
		return 0, fmt.Errorf("mask: %d samples of %d channels are more trials than an int counts", samples, channels)
	}
	return int(lo), nil
}

// setNumbers computes what follows from rate, count and arithmetic.
func (m *Mask) setNumbers() {
	m.factor, m.keptShift, m.droppedShift = 0, numbers{}, numbers{}
	q := m.keep()
	if q > 0 {
		m.factor = m.arithmetic.Rule.factor(q, m.rate) // 1 where all are kept
	}
	m.kept = once(m.factor)
	if q == 0 || m.rate == 0 && m.count == 0 {
		return
	}
	switch m.arithmetic.Rule {
	case WideReciprocal:
		m.kept = wideReciprocal(q)
	case RoundedReciprocal:
		m.kept = roundedReciprocal(q)
	case Quotient:
		m.kept = twice(q)
	case CompiledQuotient:
		m.kept = compiledQuotient(q)
	case Alpha:
		m.kept, m.keptShift, m.droppedShift = alphaNumbers(m.factor, m.rate)
	case AlphaGradient:
		m.kept, _, _ = alphaNumbers(m.factor, m.rate)
	}
}

// keep returns the probability with which a channel is kept.
func (m *Mask) keep() float64 {
	if m.count > 0 {
		return float64(m.count) / float64(m.channels)
	}
	return 1 - m.rate
}

// Samples returns the number of samples.
func (m *Mask) Samples() int { return m.samples }

// Channels returns the number of channels of a sample.
func (m *Mask) Channels() int { return m.channels }

// Rate returns the rate that was asked for. Where a count is fixed, the share of
// channels that are dropped is the nearest that their number allows.
func (m *Mask) Rate() float64 { return m.rate }

// Policy returns what becomes of dropped elements.
func (m *Mask) Policy() Policy { return m.arithmetic.Policy }

// Rule returns what becomes of kept elements.
func (m *Mask) Rule() Rule { return m.arithmetic.Rule }

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

// KeptOf returns an iterator over the living channels of sample n, in order. It
// panics if there is no such sample.
//
//	for c := range m.KeptOf(n) {
func (m *Mask) KeptOf(n int) func(yield func(c int) bool) {
	from, to := m.row(n)
	return func(yield func(int) bool) {
		for at := from; at < to; at += 64 {
			word := m.get(at) & (^uint64(0) >> (64 - min(64, to-at)))
			for ; word != 0; word &= word - 1 {
				if !yield(at - from + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// CountKeptOf returns the number of living channels of sample n. It panics if there
// is no such sample.
func (m *Mask) CountKeptOf(n int) int {
	count := 0
	for at, to := m.row(n); at < to; at += 64 {
		count += bits.OnesCount64(m.get(at) & (^uint64(0) >> (64 - min(64, to-at))))
	}
	return count
}

// row returns where the trials of sample n begin and end.
func (m *Mask) row(n int) (from, to int) {
	if n < 0 || n >= m.samples {
		panic(fmt.Sprintf("mask: sample %d in a mask of %d×%d", n, m.samples, m.channels))
	}
	return n * m.channels, (n + 1) * m.channels
}

// CountKept returns the number of living channels in the whole batch.
func (m *Mask) CountKept() int {
	n := 0
	for _, w := range m.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Factor returns what an element of a kept channel is multiplied by, in float64:
// 1/(1−rate), so that the expected value of every element stays what it was
// (inverted dropout), unless the mask's [Rule] says otherwise. At rate 1, where
// nothing is kept, it is 0.
func (m *Mask) Factor() float64 {
	if m.rate == 0 && m.count == 0 {
		return 1 // also of the zero Mask
	}
	return m.factor
}

// Identity reports whether the mask changes nothing: everything is kept, and with
// the factor 1.
func (m *Mask) Identity() bool {
	if m.Factor() != 1 || m.rate != 0 && (m.arithmetic.Rule == Gaussian || m.arithmetic.Rule == Alpha) {
		return false
	}
	return m.CountKept() == m.samples*m.channels
}

// Gradient returns the mask that belongs to the gradient: m itself, or, of the rule
// [Alpha], one with the same channels and the rule [AlphaGradient], which shares m's
// memory.
func (m *Mask) Gradient() *Mask {
	if m.arithmetic.Rule != Alpha {
		return m
	}
	g := *m
	g.arithmetic.Rule = AlphaGradient
	g.setNumbers()
	return &g
}

// Divides reports whether [Factors] writes what elements of a type are divided by.
func (m *Mask) Divides(t Type) bool {
	return m.arithmetic.Rule == Quotient || m.arithmetic.Rule == CompiledQuotient && t == BFloat16
}

// Shifts reports whether something is added to the products, see [Shifts].
func (m *Mask) Shifts() bool { return m.arithmetic.Rule == Alpha && m.rate > 0 && m.rate < 1 }

// Factors writes the factor of every channel to dst: 0 if it is dropped,
// [Mask.Factor] in the roundings of the mask's [Rule] if it is kept; where the mask
// divides, see [Mask.Divides], it is the divisor. A sample takes pitch entries of dst, of which
// those past its channels are 0: pitch is m.Channels(), or more where channels are
// padded. It panics unless pitch ≥ m.Channels() and len(dst) = m.Samples()·pitch.
func Factors[T ~float32 | ~float64](dst []T, m *Mask, pitch int) {
	if unsafe.Sizeof(T(0)) == 4 {
		factors(bits32(dst), m, pitch, m.kept.f32, 0)
	} else {
		factors(bits64(dst), m, pitch, m.kept.f64, 0)
	}
	if m.arithmetic.Rule == Gaussian {
		m.noisy(pitch, func(i int, f float64) { dst[i] = T(f) })
	}
}

// FactorsF16 is [Factors] for float16 numbers in any 16-bit type. The factor is
// rounded once, from float64; above rates of 0.99998 it is infinite.
func FactorsF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.kept.f16), 0)
	if m.arithmetic.Rule == Gaussian {
		m.noisy(pitch, func(i int, f float64) { dst[i] = T(half(f, 10, 5)) })
	}
}

// FactorsBF16 is [Factors] for bfloat16 numbers in any 16-bit type.
func FactorsBF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.kept.bf16), 0)
	if m.arithmetic.Rule == Gaussian {
		m.noisy(pitch, func(i int, f float64) { dst[i] = T(half(f, 7, 8)) })
	}
}

// Shifts writes what is added to the products of every channel: 0 unless the rule
// is [Alpha]. Its arguments are those of [Factors].
func Shifts[T ~float32 | ~float64](dst []T, m *Mask, pitch int) {
	if unsafe.Sizeof(T(0)) == 4 {
		factors(bits32(dst), m, pitch, m.keptShift.f32, m.droppedShift.f32)
	} else {
		factors(bits64(dst), m, pitch, m.keptShift.f64, m.droppedShift.f64)
	}
}

// ShiftsF16 is [Shifts] for float16 numbers in any 16-bit type.
func ShiftsF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.keptShift.f16), T(m.droppedShift.f16))
}

// ShiftsBF16 is [Shifts] for bfloat16 numbers in any 16-bit type.
func ShiftsBF16[T ~uint16](dst []T, m *Mask, pitch int) {
	factors(dst, m, pitch, T(m.keptShift.bf16), T(m.droppedShift.bf16))
}

func bits32[T any](s []T) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

func bits64[T any](s []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// factors writes the bits of what belongs to a kept channel, or to a dropped one.
func factors[T ~uint16 | ~uint32 | ~uint64](dst []T, m *Mask, pitch int, kept, dropped T) {
	if pitch < m.channels || len(dst) != m.samples*pitch {
		refuse(len(dst), m, pitch)
	}
	if pitch == m.channels {
		expand(dst, m.bits, 0, kept, dropped)
		return
	}
	for n := range m.samples {
		row := dst[n*pitch : (n+1)*pitch]
		expand(row[:m.channels], m.bits, uint(n*m.channels), kept, dropped)
		clear(row[m.channels:])
	}
}

func refuse(factors int, m *Mask, pitch int) {
	panic(fmt.Sprintf("mask: %d factors in rows of %d for a mask of %d×%d, want samples·pitch factors and a pitch of channels or more", factors, pitch, m.samples, m.channels))
}

// expand writes kept for every bit that is set, from the given bit on, else
// dropped. It does not branch on them: they are random, every second branch would
// be mispredicted.
func expand[T ~uint16 | ~uint32 | ~uint64](dst []T, bits []uint64, from uint, kept, dropped T) {
	if len(dst) > 64 {
		expandMany(dst, bits, from, kept, dropped)
		return
	}
	for len(dst) > 0 {
		k := min(64-from%64, uint(len(dst)))
		expandWord(dst[:k], bits[from/64]>>(from%64), kept, dropped)
		dst = dst[k:]
		from += k
	}
}

// expandMany is expand four at a time, from a table of the sixteen outcomes.
func expandMany[T ~uint16 | ~uint32 | ~uint64](dst []T, bits []uint64, from uint, kept, dropped T) {
	var table [16][4]T
	for outcome := range table {
		expandWord(table[outcome][:], uint64(outcome), kept, dropped)
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
		expandWord(some, word, kept, dropped)
		dst = dst[k:]
		from += k
	}
}

// expandWord writes kept for every bit of word that is set, else dropped.
func expandWord[T ~uint16 | ~uint32 | ~uint64](dst []T, word uint64, kept, dropped T) {
	for i := range dst {
		dst[i] = dropped ^ (kept^dropped)&-T(word&1)
		word >>= 1
	}
}
