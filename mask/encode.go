package mask

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The binary form of a mask, all numbers little-endian:
//
//	bytes  0–3   "SDM" and the version, 2
//	       4     policy
//	       5     rule
//	       6–7   0
//	       8–15  rate, a float64
//	      16–23  samples
//	      24–31  channels
//	      32–39  with a fixed count: channels kept in each sample of the tensor, else 0
//	      40–47  with a fixed count or the rule Gaussian: channels of the tensor, if the
//	             mask has only some of them, else 0
//	      48–71  with the rule Gaussian: seed, step and first trial of the noise, else 0
//	      72–    the trials, 8 to a byte, the first in the lowest bit; the unused bits of the
//	             last byte are 0
const (
	magic      = "SDM\x02"
	headerSize = 72
)

// MarshalBinary returns the binary form of m: 72 bytes and a bit for each channel. It never
// returns an error.
func (m *Mask) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, headerSize+(m.samples*m.channels+7)/8)
	b = append(b, magic...)
	b = append(b, byte(m.arithmetic.Policy), byte(m.arithmetic.Rule), 0, 0)
	for _, x := range []uint64{math.Float64bits(m.rate), uint64(m.samples), uint64(m.channels), uint64(m.count), uint64(m.whole), m.noise.seed, m.noise.step, m.noise.first} {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	for i, bytes := 0, (m.samples*m.channels+7)/8; i < bytes; i++ {
		b = append(b, byte(m.bits[i/8]>>(8*(i%8))))
	}
	return b, nil
}

// UnmarshalBinary sets m to the mask that data encodes. It returns an [*ArgumentError] if data encodes
// none, and m is unchanged then. It does not check whether a stream could have drawn the mask. It takes
// memory in proportion to the length of data.
func (m *Mask) UnmarshalBinary(data []byte) error {
	bad := func(want, given string, args ...any) error {
		return &ArgumentError{"data", fmt.Sprintf(given, args...), want}
	}
	if len(data) < headerSize {
		return bad(fmt.Sprintf("a header of %d", headerSize), "%d bytes", len(data))
	}
	if string(data[:3]) != magic[:3] {
		return bad(fmt.Sprintf("%q", magic[:3]), "data that begin with %q", data[:3])
	}
	if data[3] != magic[3] {
		return bad(fmt.Sprint(magic[3]), "version %d", data[3])
	}
	if data[6] != 0 || data[7] != 0 {
		return bad("0", "reserved bytes %d and %d", data[6], data[7])
	}
	var f [8]uint64
	for i := range f {
		f[i] = binary.LittleEndian.Uint64(data[8+8*i:])
	}
	a, rate := Arithmetic{Policy(data[4]), Rule(data[5])}, math.Float64frombits(f[0])
	if err := a.check(); err != nil {
		return err
	}
	if err := checkRate(rate); err != nil {
		return err
	}
	if math.Signbit(rate) {
		return bad("0", "rate -0")
	}
	if f[1] > math.MaxInt || f[2] > math.MaxInt || f[4] > math.MaxInt {
		return bad("numbers that an int counts", "%d samples of %d channels, of %d in all", f[1], f[2], f[4])
	}
	samples, channels := int(f[1]), int(f[2])
	trials, err := trialsOf(samples, channels)
	if err != nil {
		return err
	}
	count, whole, noise := f[3], f[4], noise{f[5], f[6], f[7]}
	if most := max(f[2], whole); count > most {
		return bad("no more than there are", "%d of %d channels kept in each sample", count, most)
	}
	if a.Rule == Gaussian && count > 0 {
		return bad("no fixed count", "%d channels kept in each sample with the rule Gaussian", count)
	}
	if whole != 0 && (whole <= f[2] || count == 0 && a.Rule != Gaussian) {
		return bad("0, or more with a fixed count or the rule Gaussian", "a tensor of %d channels for a mask of %d", whole, channels)
	}
	if a.Rule != Gaussian && noise.seed|noise.step|noise.first != 0 {
		return bad(Gaussian.String(), "noise with the rule %v", a.Rule)
	}
	if want := headerSize + (trials+7)/8; len(data) != want {
		return bad(fmt.Sprint(want), "%d bytes for %d×%d channels", len(data), samples, channels)
	}
	if rest := trials % 8; rest > 0 && data[len(data)-1]>>rest != 0 {
		return bad(fmt.Sprintf("0 in all but the lowest %d bits", rest), "the last byte %#x", data[len(data)-1])
	}
	if err := m.Reset(samples, channels, rate, a); err != nil {
		return err
	}
	m.setCount(int(count), int(whole))
	m.whole, m.noise = int(whole), noise
	clear(m.bits)
	for i, b := range data[headerSize:] {
		m.bits[i/8] |= uint64(b) << (8 * (i % 8))
	}
	return nil
}

// Equal reports whether m and o keep the same channels of as many samples, and compute
// the same with their elements. No mask equals nil.
func (m *Mask) Equal(o *Mask) bool {
	return o != nil && m.samples == o.samples && m.channels == o.channels && m.rate == o.rate && m.count == o.count && m.whole == o.whole &&
		m.arithmetic == o.arithmetic && m.noise == o.noise && slices.Equal(m.bits, o.bits)
}

// shown is the number of samples, and of channels of each, that String writes.
const shown = 64

// String returns a text for debugging: what the mask is and, in a line for each sample,
// its channels, # for a kept one and . for a dropped one. Of more than 64 samples or
// channels it says how many it left out.
func (m *Mask) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d×%d channels, rate %v, %v, %v", m.samples, m.channels, m.rate, m.arithmetic.Policy, m.arithmetic.Rule)
	if m.count > 0 {
		fmt.Fprintf(&b, ", %d kept in each sample", m.count)
	}
	if m.whole > 0 {
		fmt.Fprintf(&b, ", a part of %d channels", m.whole)
	}
	for n := 0; n < min(m.samples, shown); n++ {
		b.WriteByte('\n')
		for c := 0; c < min(m.channels, shown); c++ {
			mark := byte('.')
			if m.Kept(n, c) {
				mark = '#'
			}
			b.WriteByte(mark)
		}
		if m.channels > shown {
			fmt.Fprintf(&b, " and %d more", m.channels-shown)
		}
	}
	if m.samples > shown {
		fmt.Fprintf(&b, "\nand %d more samples", m.samples-shown)
	}
	return b.String()
}
