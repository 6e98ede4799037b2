package mask

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The binary form of a mask, all numbers little-endian:
//
//	bytes  0–3   "SDM" and the version, 1
//	       4     policy
//	       5     rule
//	       6–7   0
//	       8–15  rate, a float64
//	      16–23  samples
//	      24–31  channels
//	      32–39  channels kept in each sample, 0 unless the count is fixed
//	      40–63  with the rule Gaussian: seed, step and first trial of the noise, else 0
//	      64–    the trials, 8 to a byte, the first in the lowest bit; the rest of the
//	             last byte is 0
const (
	magic      = "SDM\x01"
	headerSize = 64
)

// AppendBinary appends the binary form of m, 64 bytes and a bit for each channel, to
// b. It never fails.
func (m *Mask) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, magic...)
	b = append(b, byte(m.arithmetic.Policy), byte(m.arithmetic.Rule), 0, 0)
	for _, x := range []uint64{math.Float64bits(m.rate), uint64(m.samples), uint64(m.channels), uint64(m.count), m.noise.seed, m.noise.step, m.noise.first} {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	for i, bytes := 0, (m.samples*m.channels+7)/8; i < bytes; i++ {
		b = append(b, byte(m.bits[i/8]>>(8*(i%8))))
	}
	return b, nil
}

// MarshalBinary returns the binary form of m.
func (m *Mask) MarshalBinary() ([]byte, error) {
	return m.AppendBinary(make([]byte, 0, headerSize+(m.samples*m.channels+7)/8))
}

// UnmarshalBinary makes m the mask of which data is the binary form. Data that is
// none is an error, and m is as it was then; whether a stream could have drawn such a
// mask is not checked. The memory that it takes is in proportion to data.
func (m *Mask) UnmarshalBinary(data []byte) error {
	if len(data) < headerSize {
		return fmt.Errorf("mask: %d bytes, want a header of %d", len(data), headerSize)
	}
	if string(data[:3]) != magic[:3] {
		return fmt.Errorf("mask: data begin with %q, want %q", data[:3], magic[:3])
	}
	if data[3] != magic[3] {
		return fmt.Errorf("mask: version %d, want %d", data[3], magic[3])
	}
	if data[6] != 0 || data[7] != 0 {
		return fmt.Errorf("mask: reserved bytes %d and %d, want 0", data[6], data[7])
	}
	var f [7]uint64
	for i := range f {
		f[i] = binary.LittleEndian.Uint64(data[8+8*i:])
	}
	a, rate := Arithmetic{Policy(data[4]), Rule(data[5])}, math.Float64frombits(f[0])
	if err := a.check(); err != nil {
		return err
	}
	if err := CheckRate(rate); err != nil {
		return err
	}
	if math.Signbit(rate) {
		return errors.New("mask: rate -0, want 0")
	}
	if f[1] > math.MaxInt || f[2] > math.MaxInt {
		return fmt.Errorf("mask: %d samples of %d channels are more than an int counts", f[1], f[2])
	}
	samples, channels := int(f[1]), int(f[2])
	trials, err := trialsOf(samples, channels)
	if err != nil {
		return err
	}
	if f[3] > f[2] {
		return fmt.Errorf("mask: %d of %d channels kept in each sample", f[3], f[2])
	}
	noise := noise{f[4], f[5], f[6]}
	if a.Rule != Gaussian && noise != (struct{ seed, step, first uint64 }{}) {
		return fmt.Errorf("mask: noise with the rule %v, want %v", a.Rule, Gaussian)
	}
	if want := headerSize + (trials+7)/8; len(data) != want {
		return fmt.Errorf("mask: %d bytes for %d×%d channels, want %d", len(data), samples, channels, want)
	}
	if rest := trials % 8; rest > 0 && data[len(data)-1]>>rest != 0 {
		return fmt.Errorf("mask: the last byte is %#x, want 0 in all but the lowest %d bits", data[len(data)-1], rest)
	}
	if err := m.ResetArithmetic(samples, channels, rate, a); err != nil {
		return err
	}
	if m.noise = noise; f[3] > 0 {
		m.count = int(f[3])
		m.setNumbers()
	}
	clear(m.bits)
	for i, b := range data[headerSize:] {
		m.bits[i/8] |= uint64(b) << (8 * (i % 8))
	}
	return nil
}

// Equal reports whether m and o decide alike over the same samples and channels and
// do the same to their elements.
func (m *Mask) Equal(o *Mask) bool {
	return m.samples == o.samples && m.channels == o.channels && m.rate == o.rate && m.count == o.count &&
		m.arithmetic == o.arithmetic && m.noise == o.noise && slices.Equal(m.bits, o.bits)
}

// shown is how many samples, and how many channels of each, String writes.
const shown = 64

// String returns a text for debugging: what the mask is and, in a line for each
// sample, its channels, # for a kept one and . for a dropped one. Where there are
// more than 64 samples or channels it says how many it left out.
func (m *Mask) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d×%d channels, rate %v, %v, %v", m.samples, m.channels, m.rate, m.arithmetic.Policy, m.arithmetic.Rule)
	if m.count > 0 {
		fmt.Fprintf(&b, ", %d kept in each sample", m.count)
	}
	for n := 0; n < min(m.samples, shown); n++ {
		b.WriteByte('\n')
		for c := 0; c < min(m.channels, shown); c++ {
			if m.Kept(n, c) {
				b.WriteByte('#')
			} else {
				b.WriteByte('.')
			}
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
