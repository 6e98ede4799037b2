package gomlx

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/mask"
)

// form is what a graph computes with the numbers of masks: it is fixed when the graph is
// built, whereas the rate of a schedule changes from step to step.
type form struct {
	divide bool // x/f, otherwise x·f
	shift  bool // + s
	drop   bool // an element of a dropped channel is taken for +0 first
}

// formOf returns the form of an arithmetic.
func formOf(a mask.Arithmetic, k kind) form {
	m, err := mask.New(1, 1, 0.5, a)
	if err != nil {
		panic(err) // the core has accepted it
	}
	action := m.Action(k.mask)
	return form{action.Divide, action.Shift, a.Policy == mask.Select}
}

// numbers are those of the channels of a mask: what an element is multiplied or divided by,
// what is added to it, and 1 for a channel that is not dropped. Their bits are those of a
// kind.
type numbers struct{ factors, shifts, keeps []byte }

// numbersOf returns what a form computes with to do what m says.
func numbersOf(m *mask.Mask, f form, k kind) numbers {
	trials := m.Samples() * m.Channels()
	n := numbers{k.room(trials), k.room(trials), k.room(trials)}
	action := m.Fill(k.mask, n.factors, n.shifts, m.Channels())
	for i := range trials {
		factor := k.get(n.factors, i)
		kept := factor != 0 || !action.Drop
		if kept {
			k.set(n.keeps, i, k.one)
		}
		switch {
		case f.divide && !kept:
			k.set(n.factors, i, k.one)
		case f.divide && !action.Divide:
			k.set(n.factors, i, 0) // the core says x·∞ for x/0
		}
		if f.shift && !action.Shift {
			k.set(n.shifts, i, k.negativeZero())
		}
	}
	return n
}

// room returns memory for some elements, aligned to them.
func (k kind) room(elements int) []byte {
	words := make([]uint64, (elements*k.size()+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), elements*k.size())
}
