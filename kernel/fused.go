package kernel

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Fused is what [RunFused] computes around dropout, and with which numbers. A channel has an entry
// in Scales and in Shifts, and each channel of each sample one in Factors.
type Fused struct {
	// Fusion is the formula.
	Fusion Fusion
	// Op is what dropout does with the factors. [Scale] is part of the formula: a single kernel
	// does all. [Multiply], [Divide], [Affine] and [AffineMultiply] are computed as they are
	// without fusion, in pieces that stay in the first cache: 16 KiB go through one kernel and then
	// through the other. A gradient takes [Scale], [Multiply] or [Divide].
	Op Op
	// Aux is the other tensor of a formula that has one. It lies as dst does, and may be dst.
	Aux Vector
	// Factors and FactorShifts are those of [Run].
	Factors, FactorShifts Vector
	// Scales and Shifts hold as many numbers as a sample has channels, padding included: the
	// element whose factor is entry e has the scale and the shift e mod Scales.Len().
	Scales, Shifts Vector
	// Limit is the greatest value of a ReLU, +Inf if there is none, or the slope of a leaky
	// one. It is rounded once to the kind. Formulas without either ignore it.
	Limit float64
}

// RunFused does what f says to every element that a nest of loops visits, as [Run] does an
// [Op]. Every operator of the formula is rounded, so that the result has the bits of as many
// calls with one operator each. dst may be src, or aux, or both, or share no visited element
// with either. src and aux may overlap. Scales, shifts and factors lie outside dst. src may lie
// otherwise than dst, as the loops say, and aux lies as dst does. Each of the three may be a list.
//
// RunFused does not allocate after warm-up. Its errors are those of [Run].
func RunFused(f *Fused, dst, src Vector, loops []layout.Loop, workers int) error {
	if err := f.check(dst, src); err != nil {
		return err
	}
	if workers >= 0 && f.single(dst, src, loops, workers) {
		return nil
	}
	return f.run(dst, src, loops, place{}, workers)
}

// RunFusedPart is [RunFused] on a part of what [layout.Join] returns, as [RunPart] is [Run].
func RunFusedPart(f *Fused, dst, src Vector, p *layout.Part, workers int) error {
	if err := f.check(dst, src); err != nil {
		return err
	}
	if p == nil || p.Dst|p.Src|p.Factor < 0 {
		return noPart(f.Fusion, p)
	}
	return f.run(dst, src, p.Loops(), place{p.Dst, p.Src, p.Factor}, workers)
}

// check returns an error unless f goes with the kind of dst and src.
func (f *Fused) check(dst, src Vector) error {
	if f == nil {
		return refused("f", "a Fused", "no numbers")
	}
	if f.Fusion >= fusions {
		return refused("Fusion", fmt.Sprintf("one of %v to %v", Fusion(0), Fusion(fusions-1)), "unknown formula %v", f.Fusion)
	}
	formula := &fusedTable[f.Fusion]
	if f.Op >= Copy {
		return unknown("Op", f.Op)
	}
	if o := &operations[f.Op]; o.adds || o.rectifies || formula.backward && o.shifts {
		want := "Scale, Multiply, Divide, Affine or AffineMultiply"
		if formula.backward {
			want = "Scale, Multiply or Divide"
		}
		return refused("Op", want, "%v around %v", f.Fusion, f.Op)
	}
	kind := dst.kind
	if !kind.known() || src.kind != kind || f.Factors.kind != nil && f.Factors.kind != kind || f.FactorShifts.kind != nil && f.FactorShifts.kind != kind {
		return mixed(kind, src.kind, f.Factors.kind, f.FactorShifts.kind)
	}
	for i, v := range [...]*Vector{&f.Aux, &f.Scales, &f.Shifts} {
		name := [...]string{"Aux", "Scales", "Shifts"}[i]
		if v.kind != nil && v.kind != kind {
			return refused("kind", kind.String()+", the kind of dst", "%v with %s of %s", f.Fusion, name, v.kind.String())
		}
		if i > 0 && v.len < 0 {
			return notOne(name, -v.len, "one slice")
		}
	}
	if f.Scales.len != f.Shifts.len || f.Scales.len == 0 {
		return unfit("Scales", "one of each for every channel", "%v with %d scales and %d shifts", f.Fusion, f.Scales.len, f.Shifts.len)
	}
	if !formula.aux && f.Aux.len != 0 {
		return refused("Aux", "none: the formula has no other tensor", "%v with an aux", f.Fusion)
	}
	leaks := formula.activation == leaking
	if limit := kind.typ.Rounded(f.Limit); formula.limit && (limit != limit || leaks && math.IsInf(limit, 0) || !leaks && limit <= 0) {
		want := "a finite slope"
		if !leaks {
			want = "a limit above 0"
		}
		return refused("Limit", want, "%v with %v, which is %v as %s", f.Fusion, f.Limit, limit, kind.String())
	}
	return nil
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
func (f *Fused) run(dst, src Vector, loops []layout.Loop, begin place, workers int) error {
	if workers < 0 {
		return negative(workers)
	}
	c := fusedCalls.Get().(*fused)
	err := ofFields(f.walk(c, dst, src, loops, begin, workers))
	c.kernels, c.ways, c.aux, c.scales, c.shifts = nil, nil, loop.Memory{}, nil, nil // let go of the caller's data
	fusedCalls.Put(c)
	return err
}

// ofFields makes an error that names an argument of [Run] name the field of a [Fused] that the argument came from.
func ofFields(err error) error {
	unfit, ok := err.(*LengthError)
	if !ok {
		return err
	}
	switch unfit.Argument {
	case "aux":
		unfit.Argument = "Aux"
	case "factors":
		unfit.Argument = "Factors"
	case "shifts":
		unfit.Argument = "FactorShifts"
	}
	return unfit
}

// walk does all elements of the nest.
func (f *Fused) walk(c *fused, dst, src Vector, loops []layout.Loop, begin place, workers int) error {
	kind := dst.kind
	var n nest
	if dst.len|src.len|f.Aux.len|f.Factors.len|f.FactorShifts.len < 0 {
		l := listCalls.Get().(*lists)
		count, err := f.setLists(l, &n, dst, src, loops, begin)
		if err == nil && count > 0 {
			if err = f.separateLists(l); err == nil {
				n.lists, c.aux = l, l.aux
				c.set(f, &n, l.span(), f.Factors.len)
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
			return unfit("p", "none after the end", "%v from element %d of dst of %d, %d of src of %d, and entry %d of %d factors and %d shifts of dropout", f.Fusion, begin.dst, dst.len, begin.src, src.len, begin.factor, factors.len, shifts.len)
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
	if err := f.separate(dst, aux, loops, span); err != nil {
		return err
	}
	n.op, n.dst, n.src, n.factors, n.shifts = f.Op, dst.data, src.data, factors.data, shifts.data
	n.base.factor, c.aux.Data = begin.factor, aux.data
	c.set(f, &n, span, factors.len)
	n.share(n.total(), span, workers)
	return nil
}

// untiledBytes is up to which size rows of a cache line or more stay as they are: to repeat factors, scales and
// shifts takes 0.2 µs. Rows of 16 to 64 float32 are 1.2 to 2.3 times as fast so at 4 and 8 KB, and 0.95 to 1.25 times
// at 16 KB (Zen 5).
const untiledBytes = 12 << 10

// single makes a call that is no more than one of a kernel, as [doRun] does. Of others, and where anything is wrong, it
// returns false.
func (f *Fused) single(dst, src Vector, loops []layout.Loop, workers int) bool {
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
	if fusedTable[f.Fusion].aux {
		if aux = f.Aux.data; f.Aux.len < elements || meets(dst.data, aux, bytes) {
			return false
		}
	}
	kernels, limit := kind.more.(fuser), wordOf(kind, f.Limit)
	kernels.fused(kernels.fusedWays(f.Fusion)[0][last.Factor&1], hide(dst.data), hide(src.data), hide(aux), hide(f.Factors.data), hide(f.Scales.data), hide(f.Shifts.data), hide(unsafe.Pointer(&limit)), count, last.Size)
	return true
}

// separate returns an error if aux is too short for a dst that spans so many elements, or if one of the
// operands that [nest.set] does not know overlaps dst.
func (f *Fused) separate(dst, aux Vector, loops []layout.Loop, span int) error {
	kind := dst.kind
	if fusedTable[f.Fusion].aux {
		if aux.len < span {
			return unfit("Aux", fmt.Sprintf("%d or more", span), "%s: %v of aux of %d elements", described(loops), f.Fusion, aux.len)
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
func (f *Fused) setLists(l *lists, n *nest, dst, src Vector, loops []layout.Loop, begin place) (count int, err error) {
	if fusedTable[f.Fusion].aux {
		r, _ := loop.Measure(loops) // set says what is wrong with them
		if l.aux, err = memoryOf("aux", dst.kind, f.Aux.vector, begin.dst+r.Dst); err != nil {
			return 0, err
		}
	}
	return l.set(n, dst.kind, f.Op, dst.vector, src.vector, f.Factors.vector, f.FactorShifts.vector, loops, begin)
}

// separateLists is separate where a tensor is a list.
func (f *Fused) separateLists(l *lists) error {
	if fusedTable[f.Fusion].aux {
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
