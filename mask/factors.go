package mask

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Action says what a kernel computes with the numbers of [Mask.Fill]: y = x·f, or x/f,
// and with Shift y = x·f + s, each operation rounded.
type Action struct {
	// Divide says that the factors of kept channels are divisors. The factor of a dropped
	// channel is 0, and Drop is set.
	Divide bool
	// Shift says that shifts are added to the products. A dropped channel has one, too.
	Shift bool
	// Drop says that an element whose factor is 0 becomes +0, or the shift, whatever it
	// is. Otherwise it becomes the IEEE product: NaN stays NaN, -1 gives -0.
	Drop bool
}

// Action returns what a kernel computes with the numbers that [Mask.Fill] writes for a
// type, which must be one of the four.
func (m *Mask) Action(t Type) Action {
	a := m.actions[t]
	a.Shift = a.Shift && m.arithmetic.Rule == Alpha // Gradient changes the rule alone
	return a
}

// FactorBits returns the bits of the number that [Mask.Fill] writes for a kept channel, right-aligned. With
// the rule [Gaussian] each channel has a number of its own, and this is none of them. The type must be
// one of the four.
func (m *Mask) FactorBits(t Type) uint64 { return m.kept[t] }

// setActions computes what follows from rate, count and arithmetic for each type.
func (m *Mask) setActions() {
	r := m.arithmetic.Rule
	for i := range m.actions {
		t := Type(i)
		quotient := r.divides(t)
		m.actions[t] = Action{
			// The factor of a division by 0 is that of a multiplication by infinity.
			Divide: quotient && !(t == Float16 && m.kept[t] == 0x7c00),
			Shift:  r == Alpha && m.rate > 0 && m.rate < 1,
			// A Gaussian factor that happens to be 0 drops nothing, nor does one that is
			// rounded to 0.
			Drop: quotient || m.arithmetic.Policy == Select && (r != Gaussian || m.rate == 1) && (m.kept[t] != 0 || m.factor == 0),
		}
	}
}

// Fill writes the factor of every channel to factors and, if the mask shifts, its shift
// to shifts, as native-endian numbers of type t. It returns what they mean. shifts may be
// nil if [Mask.Action] does not say Shift, and is not written then.
//
// A sample takes pitch numbers: m.Channels(), or more where channels are padded. The
// numbers of the padding are 0.
//
// Fill panics with an [*ArgumentError], and writes nothing, unless the type is known and each
// slice is aligned to it and holds m.Samples()·pitch numbers, with pitch ≥ m.Channels().
func (m *Mask) Fill(t Type, factors, shifts []byte, pitch int) Action {
	// In a small call every step counts: numbers stay in registers where nothing is called.
	if n := m.samples * m.channels; t < dtype.Count && uint(n-1) < 64 && pitch == m.channels && len(factors) == n*t.Size() && aligned(factors, t.Size()) {
		if a, kept, word := m.Action(t), m.kept[t], m.bits[0]; !a.Shift && m.arithmetic.Rule != Gaussian {
			switch t.Size() {
			case 2:
				keep(wordsOf[uint16](factors), word, uint16(kept))
			case 4:
				keep(wordsOf[uint32](factors), word, uint32(kept))
			default:
				keep(wordsOf[uint64](factors), word, kept)
			}
			return a
		}
	}
	return m.fillMany(t, factors, shifts, pitch)
}

// fillMany is Fill without its short way.
func (m *Mask) fillMany(t Type, factors, shifts []byte, pitch int) Action {
	if t >= dtype.Count {
		panic(&ArgumentError{"type", "numbers of " + t.String(), "float32, float64, float16 or bfloat16"})
	}
	a := m.Action(t)
	if err := m.misfit("factors", factors, t.Size(), pitch); err != nil {
		panic(err)
	}
	if a.Shift {
		if err := m.misfit("shifts", shifts, t.Size(), pitch); err != nil {
			panic(err)
		}
	}
	m.write(t, factors, shifts, pitch, a.Shift)
	return a
}

// Factors writes what the elements of every channel are multiplied by to dst, as numbers of
// type t: 0 for a dropped channel, [Mask.Factor] rounded as the [Rule] says for a kept one,
// and 0 for padding. A sample takes pitch numbers. Elements of dst have the size of the
// type: float16 and bfloat16 numbers go into any 16-bit type.
//
// A graph that multiplies by them computes what the mask says. Factors returns an
// [*ArgumentError] of "rule" for a mask that divides or shifts: its numbers are no multipliers,
// see [Mask.Fill]. With [Select], a dropped element is +0 whatever it is, whereas its
// product with 0 is NaN if it is NaN or infinite, and -0 if it is negative. A factor is
// rounded once from float64: one of float16 is infinite above a rate of 0.99998.
//
// It returns one, too, if m is nil, and unless len(dst) = m.Samples()·pitch,
// pitch ≥ m.Channels(), and T has the size of t. On an error dst is untouched.
func Factors[T ~float32 | ~float64 | ~uint16](t Type, dst []T, m *Mask, pitch int) error {
	var x T
	if size := int(unsafe.Sizeof(x)); t >= dtype.Count || size != t.Size() {
		return &ArgumentError{"type", fmt.Sprintf("%v factors in elements of %d bytes", t, size), "a type of this size"}
	}
	if m == nil {
		return noMask()
	}
	return m.multipliers(t, bytesOf(dst), pitch)
}

// multipliers is Fill for those who only multiply.
func (m *Mask) multipliers(t Type, dst []byte, pitch int) error {
	if a := m.Action(t); a.Divide || a.Shift {
		does := "divides"
		if a.Shift {
			does = "shifts"
		}
		return &ArgumentError{"rule", fmt.Sprintf("factors of a mask whose rule, %v, %s %v", m.arithmetic.Rule, does, t), "a rule that multiplies only, or Mask.Fill"}
	}
	if err := m.misfit("factors", dst, t.Size(), pitch); err != nil {
		return err
	}
	m.write(t, dst, nil, pitch, false)
	return nil
}

// misfit returns an error unless b holds a number of so many bytes for every channel.
func (m *Mask) misfit(what string, b []byte, size, pitch int) error {
	if !aligned(b, size) || len(b)%size != 0 {
		return &ArgumentError{what, fmt.Sprintf("%d %s in memory that is not aligned to their type or ends within an element", len(b)/size, what), "whole aligned elements"}
	}
	hi, want := bits.Mul64(uint64(m.samples), uint64(pitch))
	if pitch < m.channels || hi != 0 || uint64(len(b)/size) != want {
		return &ArgumentError{
			what,
			fmt.Sprintf("%d %s in rows of %d for a mask of %d×%d", len(b)/size, what, pitch, m.samples, m.channels),
			fmt.Sprintf("samples·pitch %s and a pitch of channels or more", what),
		}
	}
	return nil
}

// aligned reports whether b begins where a number of so many bytes may: on 32-bit platforms
// those of 8 bytes are aligned to 4.
func aligned(b []byte, size int) bool {
	align := min(uintptr(size), unsafe.Alignof(uint64(0)))
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(align-1) == 0 || len(b) == 0
}

// bytesOf returns the memory of s.
func bytesOf[T any](s []T) []byte {
	var x T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(x)))
}

// wordsOf returns memory as words of their size.
func wordsOf[W uint16 | uint32 | uint64](b []byte) []W {
	var w W
	return unsafe.Slice((*W)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(w)))
}

// write is Fill after its checks.
func (m *Mask) write(t Type, factors, shifts []byte, pitch int, shift bool) {
	switch t.Size() {
	case 2:
		fill[uint16](m, t, factors, shifts, pitch, shift)
	case 4:
		fill[uint32](m, t, factors, shifts, pitch, shift)
	default:
		fill[uint64](m, t, factors, shifts, pitch, shift)
	}
	if m.arithmetic.Rule == Gaussian {
		m.fillNoise(t, factors, pitch)
	}
}

// fill is write for the types of one size.
func fill[W uint16 | uint32 | uint64](m *Mask, t Type, factors, shifts []byte, pitch int, shift bool) {
	expandRows(wordsOf[W](factors), m, pitch, W(m.kept[t]), 0)
	if shift {
		expandRows(wordsOf[W](shifts), m, pitch, W(m.keptShift[t]), W(m.droppedShift[t]))
	}
}

// expandRows writes the bits of the number of a kept channel, or of a dropped one, and
// zeros to the padding.
func expandRows[W uint16 | uint32 | uint64](dst []W, m *Mask, pitch int, kept, dropped W) {
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

// expand writes kept for every bit that is set, from the given bit on, and dropped for
// the others. It does not branch on them: they are random, and every second branch would
// be mispredicted.
func expand[W uint16 | uint32 | uint64](dst []W, bits []uint64, from uint, kept, dropped W) {
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

// expandMany is expand with four numbers a step, from a table of the sixteen outcomes.
func expandMany[W uint16 | uint32 | uint64](dst []W, bits []uint64, from uint, kept, dropped W) {
	var table [16][4]W
	for outcome := range table {
		expandWord(table[outcome][:], uint64(outcome), kept, dropped)
	}
	for len(dst) > 0 {
		word := bits[from/64] >> (from % 64)
		k := min(64-from%64, uint(len(dst)))
		some := dst[:k]
		for len(some) >= 4 {
			*(*[4]W)(some) = table[word&15]
			word >>= 4
			some = some[4:]
		}
		expandWord(some, word, kept, dropped)
		dst = dst[k:]
		from += k
	}
}

// keep is expandWord where that of a dropped one is 0.
func keep[W uint16 | uint32 | uint64](dst []W, word uint64, kept W) {
	for i := range dst {
		dst[i] = kept & -W(word&1)
		word >>= 1
	}
}

// expandWord writes kept for every bit of word that is set, and dropped for the others.
func expandWord[W uint16 | uint32 | uint64](dst []W, word uint64, kept, dropped W) {
	for i := range dst {
		dst[i] = dropped ^ (kept^dropped)&-W(word&1)
		word >>= 1
	}
}
