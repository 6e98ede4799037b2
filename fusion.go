package spatialdropout

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// fusion is a fused call: its data, and what is computed of them.
type fusion struct {
	dst, src, aux    kernel.Vector
	around           Around
	workers          int
	backward, output bool
	early            bool // what overlaps is found before the kernel would
}

// places are the geometries of the tensors of a fused call, nil if there is no third one. They go apart
// from the data, see [pair]. Each exported function sets them itself: set by another function, the geometries that
// they point to would be moved to the heap.
type places struct{ dst, src, aux *layout.Geometry }

// none reports whether a tensor is the zero Tensor.
func (x *Tensor) none() bool {
	return x.Data.Kind() == nil && x.Data.Len()|x.Data.Slices() == 0 && x.Geometry == (layout.Geometry{})
}

// name returns the name of aux.
func (c *fusion) name() string {
	if c.backward {
		return "from"
	}
	return "residual"
}

// do makes the call with a mask.
func (c *fusion) do(at *places, m *mask.Mask) error {
	joined, err := c.check(at)
	if err != nil {
		return err
	}
	if m == nil || m.Samples() != at.dst.Samples() || m.Channels() != at.dst.Channels() {
		release(joined)
		return maskError(m, at.dst)
	}
	if at.dst.Len() == 0 {
		release(joined)
		return nil
	}
	return c.run(at, m, joined)
}

// check returns an error if anything but a mask is wrong, and otherwise what [pair] does.
func (c *fusion) check(at *places) (*layout.Nest, error) {
	if c.workers < 0 {
		return nil, negative(c.workers)
	}
	if at.dst == at.src || *at.dst == *at.src {
		at.src = at.dst
	}
	joined, err := pair(c.dst, c.src, at.dst, at.src)
	if err == nil {
		if err = c.checkAround(at); err == nil && at.aux != nil {
			err = c.checkAux(at)
		}
		if err == nil && at.dst.Len() > 0 {
			err = c.apart(at, joined)
		}
		if err != nil {
			release(joined)
			joined = nil
		}
	}
	return joined, err
}

// checkAround returns an error unless there is a scale and a shift for each channel, or none, and
// the activation is one.
func (c *fusion) checkAround(at *places) error {
	kind := c.dst.Kind()
	for i, v := range [...]*kernel.Vector{&c.around.Scale, &c.around.Shift} {
		name := [...]string{"Scale", "Shift"}[i]
		if v.Slices() > 0 || v.Len() > 0 && (v.Len() != at.dst.Channels() || kind != nil && v.Kind() != kind) {
			return channelsError(name, v, kind, at.dst)
		}
	}
	if kind == nil {
		return nil // there are no elements
	}
	err := c.around.Activation.Check(kind, c.output)
	if refused, ok := err.(*kernel.ArgumentError); ok {
		if refused.Argument == "Output" {
			return c.noOutput("", "FromInput: the sign of the output does not say where its input was")
		}
		return &ArgumentError{refused.Argument, refused.Given, refused.Want}
	}
	return err
}

// checkAux returns an error unless aux is a tensor that lies as dst does.
func (c *fusion) checkAux(at *places) error {
	if c.aux.Kind() == nil && c.aux.Len() == 0 && *at.aux == (layout.Geometry{}) {
		if at.dst.Len() == 0 {
			return nil
		}
		return lengthError(c.name(), 0, at.dst) // a zero From
	}
	if at.aux != at.dst && *at.aux != *at.dst {
		return placeError(c.name(), at.aux, at.dst)
	}
	if err := check(c.name(), c.aux, at.dst); err != nil {
		return err
	}
	if c.aux.Kind() != c.dst.Kind() && at.dst.Len() > 0 {
		return &ArgumentError{c.name(), fmt.Sprintf("%s of %s", c.name(), c.aux.Kind().String()), c.dst.Kind().String() + ", the kind of dst"}
	}
	return nil
}

// apart returns an error if dst shares memory as it must not: with numbers of the channels, or with another
// tensor. What the kernel finds before it writes is left to it.
func (c *fusion) apart(at *places, joined *layout.Nest) error {
	if joined != nil || c.early {
		if err := apart(c.dst, c.src, at.dst, joined); err != nil {
			return err
		}
	}
	if at.aux != nil {
		if err := c.apartAux(at); err != nil {
			return err
		}
	}
	for i, v := range [...]*kernel.Vector{&c.around.Scale, &c.around.Shift} {
		if v.Len() > 0 {
			if err := c.outside(at, [...]string{"scales", "shifts"}[i], *v); err != nil {
				return err
			}
		}
	}
	return nil
}

// apartAux is apart for aux, which lies as dst does.
func (c *fusion) apartAux(at *places) error {
	size := c.dst.Kind().Size()
	if !listed(c.dst, c.aux) {
		reach, _ := loop.Measure(at.dst.Loops())
		if distance, overlap := loop.Overlap(c.dst.Data(), c.aux.Data(), size, at.dst.Loops(), reach); overlap {
			return &kernel.OverlapError{With: c.name(), Elements: reach.Dst, Distance: distance}
		}
		return nil
	}
	to, from := memory(c.dst, at.dst.Len()), memory(c.aux, at.dst.Len())
	if with, distance, shared := loop.Shared(&to, &from, size, true); shared {
		if with == "src" {
			with = c.name()
		}
		return &kernel.OverlapError{With: with, Elements: to.Length, Distance: distance}
	}
	return nil
}

// outside returns an error if the numbers of the channels lie within dst.
func (c *fusion) outside(at *places, name string, v kernel.Vector) error {
	to, size := memory(c.dst, at.dst.Len()), c.dst.Kind().Size()
	for i := range max(to.Slices, 1) {
		data, length := to.At(i)
		if uintptr(v.Data())-uintptr(data)+uintptr(v.Len()*size-1) < uintptr((length+v.Len())*size-1) {
			return &kernel.OverlapError{With: name, Elements: length, Distance: int(uintptr(data) - uintptr(v.Data()))}
		}
	}
	return nil
}

// run makes a call that has been checked, with a mask for its tensors. The joined nest must not be
// used afterwards.
func (c *fusion) run(at *places, m *mask.Mask, joined *layout.Nest) error {
	if joined != nil {
		defer nests.Put(joined)
	}
	if c.backward {
		m = m.Gradient()
	}
	kind, g, a := c.dst.Kind(), at.dst, &c.around
	action := m.Action(kind.Type())
	op, err := operation(kernel.Scale, action)
	if err != nil {
		return err
	}
	if c.output {
		if err := c.checkOutput(m, action); err != nil {
			return err
		}
	}
	pitch := g.PaddedChannels()
	channels, bytes := pitch*kind.Size(), g.Samples()*pitch*kind.Size()
	room := scratchOf(2*bytes + 2*channels)
	defer scratch.Put(room)
	factors, shifts := (*room)[:bytes], []byte(nil)
	f := kernel.Fused{
		Activation: a.Activation, Backward: c.backward, Output: c.output, Op: op,
		Aux: c.aux, Factors: kernel.OfBytes(kind, factors),
	}
	if action.Shift {
		shifts = (*room)[bytes : 2*bytes]
		f.FactorShifts = kernel.OfBytes(kind, shifts)
	}
	m.Fill(kind.Type(), factors, shifts, pitch)
	f.Scales = spread(kind, a.Scale, (*room)[2*bytes:][:channels], g.Channels(), 1)
	f.Shifts = spread(kind, a.Shift, (*room)[2*bytes+channels:][:channels], g.Channels(), math.Copysign(0, -1))
	if joined == nil {
		return kernel.RunFused(&f, c.dst, c.src, g.Loops(), c.workers)
	}
	for i := range joined.Parts() {
		p := &joined.Parts()[i]
		src := c.src
		if p.Padding {
			// It is dropped, and dst is its own source.
			f.Op, f.FactorShifts, src = kernel.Scale, kernel.Vector{}, c.dst
		}
		if err := kernel.RunFusedPart(&f, c.dst, src, p, c.workers); err != nil {
			return err
		}
	}
	return nil
}

// noOutput returns the error of a gradient that does not follow from the output.
func (c *fusion) noOutput(of, want string) error {
	return &ArgumentError{"from", fmt.Sprintf("%v: a gradient from the output%s", c.around.Activation, of), want}
}

// checkOutput returns an error if the sign of what came out of a mask does not say that of what went
// in.
func (c *fusion) checkOutput(m *mask.Mask, action mask.Action) error {
	given := ""
	switch factor := c.dst.Kind().Type().Rounded(m.Factor()); {
	case action.Shift || m.Arithmetic().Rule == mask.AlphaGradient || m.Arithmetic().Rule == mask.Alpha:
		given = "a mask that shifts"
	case !action.Drop:
		given = "a mask that does not make dropped elements +0"
	case m.Rate() < 1 && (factor < 1 || math.IsInf(factor, 1)):
		given = fmt.Sprintf("a mask with the factor %v", factor)
	default:
		return nil
	}
	return c.noOutput(" of "+given, "FromInput")
}

// spread returns a number for each channel, padding among them. If there is none, or there is padding, it
// fills room with the numbers, and then with the one that a product or a sum leaves everything as it is with.
func spread(kind *kernel.Kind, v kernel.Vector, room []byte, channels int, neutral float64) kernel.Vector {
	size := kind.Size()
	if v.Len() > 0 && len(room) == channels*size {
		return v
	}
	filled := copy(room, v.Bytes())
	bits := kind.Type().Bits(neutral)
	for at := filled; at < len(room); at += size {
		switch p := unsafe.Pointer(&room[at]); size {
		case 8:
			*(*uint64)(p) = bits
		case 4:
			*(*uint32)(p) = uint32(bits)
		default:
			*(*uint16)(p) = uint16(bits)
		}
	}
	return kernel.OfBytes(kind, room)
}
