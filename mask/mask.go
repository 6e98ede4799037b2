// Package mask draws which channels are kept, and holds the outcome in one bit for each
// channel.
//
// A [Mask] belongs to a batch of samples × channels. Trial i = n·channels + c decides
// channel c of sample n, whatever the layout and the type of the tensor. Trials come from
// a [Stream] at a [Place]: from [Philox], from a stream that draws what another framework
// draws, or from a generator of your own. [Draw] lets channels share a trial. README.md
// has a table of the streams: which framework and versions they reproduce, and what they
// do not.
//
// A mask also holds its [Arithmetic]: what is computed with the elements of kept and of
// dropped channels. A stream suggests that of its framework. [Mask.Fill] writes the
// numbers that a kernel computes with, and says what they mean. [Factors] writes those of
// masks that only multiply.
package mask

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// checkRate returns an error unless rate is a number from 0 to 1.
func checkRate(rate float64) error {
	if !(rate >= 0 && rate <= 1) {
		return noRate(rate)
	}
	return nil
}

// Mask is the outcome of samples×channels trials at one rate, and what is computed with
// the elements. The zero Mask has no trials.
//
// Many goroutines may read a Mask at the same time. Methods that change one, and drawing
// into it, need exclusive use.
type Mask struct {
	bits       []uint64 // bit i is trial i: 1 if kept; bits past the last trial are 0
	samples    int
	channels   int
	rate       float64
	arithmetic Arithmetic

	count int   // channels kept in each sample of the whole tensor, 0 unless it is fixed
	whole int   // channels of that tensor, or of the noise's, 0 if they are the mask's own
	noise noise // with the rule Gaussian

	// What follows from the fields above.
	factor                  float64 // of a kept element
	below                   uint64  // 2³² times the probability that a word of 32 bits keeps a channel, rounded up
	kept                    numbers // factor or divisor
	keptShift, droppedShift numbers // with the rule Alpha
	actions                 [dtype.Count]Action
}

// New returns a mask of samples×channels that keeps every channel, or none at rate 1. It
// returns an [*ArgumentError] if a number is negative or there are more than 2³⁶ trials, and
// unless rate is from 0 to 1, and policy and rule are known.
func New(samples, channels int, rate float64, a Arithmetic) (*Mask, error) {
	m := new(Mask)
	if err := m.Reset(samples, channels, rate, a); err != nil {
		return nil, err
	}
	return m, nil
}

// Reset makes m what [New] returns. It reuses the memory of m where that is large enough.
// On an error m is unchanged.
func (m *Mask) Reset(samples, channels int, rate float64, a Arithmetic) error {
	// A mask that is used again mostly is all of this. One with a count, or with noise, has more to forget.
	if m.samples != samples || m.channels != channels || m.rate != rate || m.arithmetic != a || m.factor == 0 || m.count|m.whole != 0 || a.Rule == Gaussian {
		if err := m.become(samples, channels, rate, a); err != nil {
			return err
		}
	}
	m.fill()
	return nil
}

// become is Reset but for the bits.
func (m *Mask) become(samples, channels int, rate float64, a Arithmetic) error {
	trials, err := trialsOf(samples, channels)
	if err != nil {
		return err
	}
	if err := checkRate(rate); err != nil {
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
	m.whole, m.noise = 0, noise{}
	return nil
}

// mostTrials is how many trials a mask may have: their bits take 8 GiB. On 32-bit
// platforms an int counts them.
const mostTrials = min(1<<36, math.MaxInt-63)

// fewerTrials says what is expected of a larger mask.
func fewerTrials() string {
	if mostTrials < 1<<36 {
		return fmt.Sprintf("%d trials or fewer in all", uint64(mostTrials))
	}
	return "2³⁶ trials or fewer in all"
}

// trialsOf returns the number of trials of a mask.
func trialsOf(samples, channels int) (int, error) {
	given := func() string { return fmt.Sprintf("%d samples of %d channels", samples, channels) }
	if samples < 0 || channels < 0 {
		argument := "samples"
		if samples >= 0 {
			argument = "channels"
		}
		return 0, &ArgumentError{argument, given(), "neither negative"}
	}
	hi, lo := bits.Mul64(uint64(samples), uint64(channels))
	if hi != 0 || lo > mostTrials {
		return 0, &ArgumentError{"samples", given(), fewerTrials()}
	}
	return int(lo), nil
}

// setCount sets how many channels of how many are kept in each sample; a count of 0 is
// not fixed.
func (m *Mask) setCount(count, whole int) {
	if count == 0 || whole == m.channels {
		whole = 0
	}
	if m.count != count || m.whole != whole {
		m.count, m.whole = count, whole
		m.setNumbers()
	}
}

// setNumbers computes what follows from rate, count and arithmetic.
func (m *Mask) setNumbers() {
	m.factor, m.kept, m.keptShift, m.droppedShift = 0, numbers{}, numbers{}, numbers{}
	m.below = ceil(1-m.rate, 32)
	q, r := m.keep(), m.arithmetic.Rule
	defer m.setActions()
	if q == 0 {
		return
	}
	m.factor = 1
	all := m.rate == 0 && m.count == 0
	if !all {
		m.factor = r.factor(q, m.rate)
	}
	for i := range m.kept {
		switch t := Type(i); {
		case all:
			m.kept[t] = t.Bits(1)
		case r == Alpha:
			kept, dropped := alphaShifts(t, m.factor, m.rate)
			m.keptShift[t], m.droppedShift[t] = t.Bits(kept), t.Bits(dropped)
			fallthrough
		default:
			m.kept[t] = t.Bits(r.kept(t, q, m.rate))
		}
	}
}

// keep returns the probability that a channel is kept.
func (m *Mask) keep() float64 {
	if m.count > 0 {
		return float64(m.count) / float64(m.width())
	}
	return 1 - m.rate
}

// width returns the number of channels of the whole tensor.
func (m *Mask) width() int { return max(m.whole, m.channels) }

// Samples returns the number of samples.
func (m *Mask) Samples() int { return m.samples }

// Channels returns the number of channels of a sample.
func (m *Mask) Channels() int { return m.channels }

// Rate returns the rate that the mask was made for. With a fixed count the share of the
// channels that are dropped differs from it by rounding.
func (m *Mask) Rate() float64 { return m.rate }

// Arithmetic returns what is computed with the elements.
func (m *Mask) Arithmetic() Arithmetic { return m.arithmetic }

// Kept reports whether channel c of sample n is kept. It panics with an [*ArgumentError] if there
// is no such channel.
func (m *Mask) Kept(n, c int) bool {
	i := m.trial(n, c)
	return m.bits[i/64]>>(i%64)&1 == 1
}

// Set keeps or drops channel c of sample n. It panics with an [*ArgumentError] if there is no such
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

// one says which channels or samples there are, counted from 0.
func (m *Mask) one(what string) string {
	return fmt.Sprintf("a %s of a mask of %d×%d, counted from 0", what, m.samples, m.channels)
}

// trial returns the index of a channel's bit.
func (m *Mask) trial(n, c int) int {
	if n < 0 || n >= m.samples || c < 0 || c >= m.channels {
		argument := "n"
		if n >= 0 && n < m.samples {
			argument = "c"
		}
		panic(&ArgumentError{argument, fmt.Sprintf("channel %d of sample %d", c, n), m.one("channel")})
	}
	return n*m.channels + c
}

// row returns the index of the first bit of sample n and that of the bit after its last.
func (m *Mask) row(n int) (from, to int) {
	if n < 0 || n >= m.samples {
		panic(&ArgumentError{"n", fmt.Sprintf("sample %d", n), m.one("sample")})
	}
	return n * m.channels, (n + 1) * m.channels
}

// CountKept returns the number of channels that are kept, in all samples together.
func (m *Mask) CountKept() int {
	n := 0
	for _, w := range m.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Factor returns what the elements of a kept channel are multiplied by, as a float64:
// 1/(1−rate), so that the expected value of an element does not change (inverted
// dropout), unless the [Rule] says otherwise. For a quotient it is what the division
// amounts to. At rate 1 nothing is kept, and Factor returns 0.
func (m *Mask) Factor() float64 {
	if m.rate == 0 && m.count == 0 {
		return 1 // also of the zero Mask
	}
	return m.factor
}

// Identity reports whether the mask changes no element: every channel is kept, with the
// factor 1 and no shift.
func (m *Mask) Identity() bool {
	if m.Factor() != 1 || m.rate != 0 && (m.arithmetic.Rule == Gaussian || m.arithmetic.Rule == Alpha) {
		return false
	}
	return m.CountKept() == m.samples*m.channels
}

// Gradient returns the mask of the gradient: m itself, or, with the rule [Alpha], a copy
// with the rule [AlphaGradient] that shares m's channels. It allocates only if the result
// outlives the caller.
func (m *Mask) Gradient() *Mask {
	if m.arithmetic.Rule != Alpha {
		return m
	}
	g := *m
	g.arithmetic.Rule = AlphaGradient // whose factors are Alpha's
	return &g
}

// AppendKept appends the channels of sample n that are kept, in order, to channels, which may be nil. It panics with a
// [*ArgumentError] if there is no such sample.
func (m *Mask) AppendKept(channels []int, n int) []int {
	from, to := m.row(n)
	for at := from; at < to; at += 64 {
		word := m.get(at) & (^uint64(0) >> (64 - min(64, to-at)))
		for ; word != 0; word &= word - 1 {
			channels = append(channels, at-from+bits.TrailingZeros64(word))
		}
	}
	return channels
}
