package kernel

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Fused is what [RunFused] computes around dropout, and with which numbers. A channel has an entry
// in Scales and in Shifts, and each channel of each sample one in Factors.
//
// With x of src, y of dst and z of Aux, the factor f, the scale a and the shift s of the channel, [Scale] as dropout and
// the function act of the activation, each product and sum rounded and none fused, it is
//
//	y = z + act(x * a + s) * f
//
// without the sum if there is no Aux. Where f is 0, y is z, or +0, whatever x is. The gradient is
//
//	y = x * f * a                       without an activation
//	y = gate(x * f, z * a + s, l) * a   of a ReLU with the limit l, or +Inf
//	y = slope(x * f, z * a + s, l) * a  of a leaky one with the slope l
//
// and from the output it has z in place of z * a + s. Where f is 0, y is +0, whatever x is. gate(g, t, l) is +0 where
// t <= 0 or t >= l, and g elsewhere, also where t is a NaN. An infinite l limits nothing. slope(g, t, l) is g where
// t > 0, and l * g elsewhere.
type Fused struct {
	// Activation comes after the scale and the shift, and before dropout.
	Activation Activation
	// Backward makes the call that of the gradient: src is the gradient with respect to the result, and dst that with
	// respect to the src of the other call.
	Backward bool
	// Output says that the Aux of a gradient is what came out of the other call, and not what went in.
	Output bool
	// Op is what dropout does with the factors. [Scale] is part of the formula: a single kernel
	// does all. [Multiply], [Divide], [Affine] and [AffineMultiply] are computed as they are
	// without fusion, in pieces that stay in the first cache: 16 KiB go through one kernel and then
	// through the other. A gradient takes [Scale], [Multiply] or [Divide].
	Op Op
	// Aux is added to the result. The zero Vector stands for none. A gradient of an activation takes what went into
	// the other call in its place, or what came out. Aux lies as dst does, and may be dst.
	Aux Vector
	// Factors and FactorShifts are those of [Run].
	Factors, FactorShifts Vector
	// Scales and Shifts hold as many numbers as a sample has channels, padding included: the
	// element whose factor is entry e has the scale and the shift e mod Scales.Len().
	Scales, Shifts Vector
}

// RunFused does what f says to every element that a nest of loops visits, as [Run] does an
// [Op]. Every operator of the formula is rounded, so that the result has the bits of as many
// calls with one operator each. dst may be src, or aux, or both, or share no visited element
// with either. src and aux may overlap. Scales, shifts and factors lie outside dst. src may lie
// otherwise than dst, as the loops say, and aux lies as dst does. Each of the three may be a list.
//
// RunFused does not allocate after warm-up. Its errors are those of [Run].
func RunFused(f *Fused, dst, src Vector, loops []layout.Loop, workers int) error {
	what, err := f.check(dst, src)
	if err != nil {
		return err
	}
	if workers >= 0 && f.single(what, dst, src, loops, workers) {
		return nil
	}
	return f.run(what, dst, src, loops, place{}, workers)
}

// RunFusedPart is [RunFused] on a part of what [layout.Join] returns, as [RunPart] is [Run].
func RunFusedPart(f *Fused, dst, src Vector, p *layout.Part, workers int) error {
	what, err := f.check(dst, src)
	if err != nil {
		return err
	}
	if p == nil || p.Dst|p.Src|p.Factor < 0 {
		return noPart(what, p)
	}
	return f.run(what, dst, src, p.Loops(), place{p.Dst, p.Src, p.Factor}, workers)
}

// check returns the formula of f, and an error unless it goes with the kind of dst and src.
func (f *Fused) check(dst, src Vector) (what fusedOp, err error) {
	if f == nil {
		return 0, refused("f", "a Fused", "no numbers")
	}
	what = f.formula()
	if f.Op >= Copy {
		return 0, unknown("Op", f.Op)
	}
	if o := &operations[f.Op]; o.adds || o.rectifies || f.Backward && o.shifts {
		want := "Scale, Multiply, Divide, Affine or AffineMultiply"
		if f.Backward {
			want = "Scale, Multiply or Divide"
		}
		return 0, refused("Op", want, "%v around %v", what, f.Op)
	}
	kind := dst.kind
	if !kind.known() || src.kind != kind || f.Factors.kind != nil && f.Factors.kind != kind || f.FactorShifts.kind != nil && f.FactorShifts.kind != kind {
		return 0, mixed(kind, src.kind, f.Factors.kind, f.FactorShifts.kind)
	}
	for i, v := range [...]*Vector{&f.Aux, &f.Scales, &f.Shifts} {
		name := [...]string{"Aux", "Scales", "Shifts"}[i]
		if v.kind != nil && v.kind != kind {
			return 0, refused("kind", kind.String()+", the kind of dst", "%v with %s of %s", what, name, v.kind.String())
		}
		if i > 0 && v.len < 0 {
			return 0, notOne(name, -v.len, "one slice")
		}
	}
	if f.Scales.len != f.Shifts.len || f.Scales.len == 0 {
		return 0, refused("Scales", "one of each for every channel", "%v with %d scales and %d shifts", what, f.Scales.len, f.Shifts.len)
	}
	if !fusedTable[what].aux && f.Aux.len != 0 {
		return 0, refused("Aux", "none: there is no activation", "%v with an aux", what)
	}
	return what, f.Activation.Check(kind, f.Backward && f.Output)
}

// fused is what a nest has besides its operands where it runs fused kernels. [RunFused] alone
// makes one. Its fields are read by all goroutines of a call.
type fused struct {
	self           walker // c itself, to which a nest points
	kernels        fuser
	ways           *fusedWays
	reads          bool        // aux
	staged         bool        // dropout is a kernel of its own
	backward       bool        // before the formula, and not after it
	added          bool        // aux is added after both
	aux            loop.Memory // from where the nest begins, unless it is a list
	scales, shifts unsafe.Pointer
	channels       int    // of a sample
	entries        int    // in scales and shifts, which repeat them
	limit          uint64 // a number of the kind in its first bytes
	room           [2][fusedRepeatBytes / 8]uint64
}

var fusedCalls = sync.Pool{New: func() any { return new(fused) }}

// run is RunFused after check, from a place on.
func (f *Fused) run(what fusedOp, dst, src Vector, loops []layout.Loop, begin place, workers int) error {
	if workers < 0 {
		return negative(workers)
	}
	c := fusedCalls.Get().(*fused)
	err := ofFields(f.walk(c, what, dst, src, loops, begin, workers))
	c.kernels, c.ways, c.aux, c.scales, c.shifts = nil, nil, loop.Memory{}, nil, nil // let go of the caller's data
	fusedCalls.Put(c)
	return err
}

// ofFields makes an error that names an argument of [Run] name the field of a [Fused] that the argument came from.
func ofFields(err error) error {
	if e, ok := err.(*ArgumentError); ok {
		switch e.Argument {
		case "aux":
			e.Argument = "Aux"
		case "factors":
			e.Argument = "Factors"
		case "shifts":
			e.Argument = "FactorShifts"
		}
	}
	return err
}

// walk does all elements of the nest.
func (f *Fused) walk(c *fused, what fusedOp, dst, src Vector, loops []layout.Loop, begin place, workers int) error {
	kind := dst.kind
	var n nest
	if dst.len|src.len|f.Aux.len|f.Factors.len|f.FactorShifts.len < 0 {
		l := listCalls.Get().(*lists)
		count, err := f.setLists(l, what, &n, dst, src, loops, begin)
		if err == nil && count > 0 {
			if err = f.separateLists(l, what); err == nil {
				n.lists, c.aux = l, l.aux
				c.set(f, what, &n, l.span(), f.Factors.len)
				n.share(count*n.total(), l.span(), workers)
			}
		}
		*l = lists{} // let go of the caller's data
		listCalls.Put(l)
		return err
	}
	factors, shifts, aux := f.Factors, f.FactorShifts, f.Aux
	if begin != (place{}) {
		if begin.dst > dst.len || begin.src > src.len || begin.factor > factors.len || shifts.len > 0 && begin.factor > shifts.len {
			return refused("p", "none after the end", "%v from element %d of dst of %d, %d of src of %d, and entry %d of %d factors and %d shifts of dropout", what, begin.dst, dst.len, begin.src, src.len, begin.factor, factors.len, shifts.len)
		}
		dst, src, factors = dst.from(begin.dst), src.from(begin.src), factors.from(begin.factor)
		if aux.len > 0 {
			aux = aux.from(min(begin.dst, aux.len))
		}
		if shifts.len > 0 {
			shifts = shifts.from(begin.factor)
		}
	}
	span, err := n.set(kind, f.Op, dst.vector, src.vector, factors.vector, shifts.vector, loops)
	if err != nil || span == 0 {
		return err
	}
	if err := f.separate(what, dst, aux, loops, span); err != nil {
		return err
	}
	n.op, n.dst, n.src, n.factors, n.shifts = f.Op, dst.data, src.data, factors.data, shifts.data
	n.base.factor, c.aux.Data = begin.factor, aux.data
	c.set(f, what, &n, span, factors.len)
	n.share(n.total(), span, workers)
	return nil
}

// untiledBytes is up to which size rows of a cache line or more stay as they are: to repeat factors, scales and
// shifts takes 0.2 µs. Rows of 16 to 64 float32 are 1.2 to 2.3 times as fast so at 4 and 8 KB, and 0.95 to 1.25 times
// at 16 KB (Zen 5).
const untiledBytes = 12 << 10

// single makes a call that is no more than one of a kernel, as [doRun] does. Of others, and where anything is wrong, it
// returns false.
func (f *Fused) single(what fusedOp, dst, src Vector, loops []layout.Loop, workers int) bool {
	const most = 1 << 15 // the product of two fits an int
	if uint(len(loops)-1) >= 2 || f.Op != Scale || f.FactorShifts.len != 0 {
		return false
	}
	last := &loops[len(loops)-1]
	count, wrong := 1, (last.Dst^1)|(last.Src^1)|last.Factor>>1
	if len(loops) == 2 {
		around := &loops[0]
		count, wrong = around.Size, wrong|(around.Dst^last.Size)|(around.Src^last.Size)|(around.Factor^(1-last.Factor))
	}
	if wrong != 0 || uint(count-1) >= most || uint(last.Size-2) >= most {
		return false
	}
	kind, entries, elements := dst.kind, count, count*last.Size
	if last.Factor == 1 {
		entries = last.Size
	}
	bytes, of, aux := kind.bytes(elements), kind.bytes(entries), unsafe.Pointer(nil)
	row := kind.bytes(last.Size)
	untiled := last.Factor == 0 || row >= tileBytes || row >= lineBytes && bytes <= untiledBytes
	if !alone(bytes) && !(untiled && bytes <= callBytes && int64(bytes) < streamLeast.Load()) || workers != 1 && bytes >= strategy().Share || dst.len < elements || src.len < elements || f.Factors.len < entries || f.Scales.len < entries || meets(dst.data, src.data, bytes) {
		return false
	}
	if within(dst.data, bytes, f.Factors.data, of) || f.outside(dst.data, elements) != nil {
		return false
	}
	if fusedTable[what].aux {
		if aux = f.Aux.data; f.Aux.len < elements || meets(dst.data, aux, bytes) {
			return false
		}
	}
	kernels, limit := kind.more.(fuser), wordOf(kind, f.Activation.limit())
	kernels.fused(kernels.fusedWays(what)[0][last.Factor&1], hide(dst.data), hide(src.data), hide(aux), hide(f.Factors.data), hide(f.Scales.data), hide(f.Shifts.data), hide(unsafe.Pointer(&limit)), count, last.Size)
	return true
}

// separate returns an error if aux is too short for a dst that spans so many elements, or if one of the
// operands that [nest.set] does not know overlaps dst.
func (f *Fused) separate(what fusedOp, dst, aux Vector, loops []layout.Loop, span int) error {
	kind := dst.kind
	if fusedTable[what].aux {
		if aux.len < span {
			return refused("Aux", fmt.Sprintf("%d or more", span), "%s: %v with aux of %d elements", described(loops), what, aux.len)
		}
		var room [layout.MaxLoops]layout.Loop
		alike := room[:copy(room[:], loops)]
		for i := range alike {
			alike[i].Src = alike[i].Dst
		}
		if distance, overlap := loop.Overlap(dst.data, aux.data, kind.bytes(1), alike, loop.Reach{Dst: span, Src: span}); overlap {
			return &OverlapError{With: "aux", Elements: span, Distance: distance}
		}
	}
	return f.outside(dst.data, span)
}

// setLists is [lists.set] with aux.
func (f *Fused) setLists(l *lists, what fusedOp, n *nest, dst, src Vector, loops []layout.Loop, begin place) (count int, err error) {
	if fusedTable[what].aux {
		r, _ := loop.Measure(loops) // set says what is wrong with them
		if l.aux, err = memoryOf("aux", dst.kind, f.Aux.vector, begin.dst+r.Dst); err != nil {
			return 0, err
		}
	}
	return l.set(n, dst.kind, f.Op, dst.vector, src.vector, f.Factors.vector, f.FactorShifts.vector, loops, begin)
}

// separateLists is separate where a tensor is a list.
func (f *Fused) separateLists(l *lists, what fusedOp) error {
	if fusedTable[what].aux {
		if with, distance, shared := loop.Shared(&l.dst, &l.aux, f.Scales.kind.bytes(1), true); shared {
			if with == "src" {
				with = "aux"
			}
			return &OverlapError{With: with, Elements: l.dst.Length, Distance: distance}
		}
	}
	for i := range max(l.dst.Slices, 1) {
		data, length := l.dst.At(i)
		if err := f.outside(data, length); err != nil {
			return err
		}
	}
	return nil
}

// outside returns an error if scales or shifts lie within so many elements of dst.
func (f *Fused) outside(dst unsafe.Pointer, elements int) error {
	kind := f.Scales.kind
	bytes, channels := kind.bytes(elements), kind.bytes(f.Scales.len)
	if within(dst, bytes, f.Scales.data, channels) {
		return &OverlapError{With: "scales", Elements: elements, Distance: int(uintptr(dst) - uintptr(f.Scales.data))}
	}
	if within(dst, bytes, f.Shifts.data, channels) {
		return &OverlapError{With: "shifts", Elements: elements, Distance: int(uintptr(dst) - uintptr(f.Shifts.data))}
	}
	return nil
}
