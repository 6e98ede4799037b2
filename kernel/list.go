package kernel

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// OfList returns the Vector of a list of slices of float32 or float64, see [AsList].
func OfList[T Float](list [][]T) Vector { return AsList(kindOf[T](), list) }

// AsList returns the Vector of a list of slices of equal length, which holds their elements
// one slice after the other. It refers to the list, which is read in each call and must not change
// during one, and to the memory of the slices. [Run] and [RunPart] take it for dst and src. [RunCompact]
// does as well, and there the slices of the packed tensor may have different lengths. A list
// of one slice is that slice, as it is when AsList is called. AsList panics as [As] does.
func AsList[T Float | Half](kind *Kind, list [][]T) Vector {
	v := As[T](kind, nil)
	if len(list) == 1 {
		v.vector = erase(list[0])
	} else {
		v.vector = vector{unsafe.Pointer(unsafe.SliceData(list)), -len(list)}
		serveLists()
	}
	return v
}

// lister is the type of [listRun].
type lister func(kind *Kind, op Op, dst, src, factors, shifts vector, first unsafe.Pointer, depth int, begin place, workers int) error

// listRunner points to [listRun] once there has been a list: a program that makes none does not link it.
var listRunner atomic.Pointer[lister]

var runner lister = listRun

//go:noinline
func serveLists() {
	if listRunner.Load() == nil {
		listRunner.Store(&runner)
	}
}

// Slices returns the number of slices of a list, 0 if v is one slice.
func (v Vector) Slices() int { return max(-v.len, 0) }

// Slice returns slice i of a list. It panics with a [*ArgumentError] unless there is one.
func (v Vector) Slice(i int) Vector {
	if i < 0 || i >= v.Slices() {
		panic(refused("i", "one counted from 0", "slice %d of a list of %d", i, v.Slices()))
	}
	m := v.list()
	data, length := m.At(i)
	return Vector{v.kind, vector{data, length}}
}

// list returns the memory of a list without the length of its slices.
func (v vector) list() loop.Memory { return loop.Memory{Data: v.data, Slices: -v.len} }

// lists is a call whose dst or src is a list. Its nest lies within one slice of each, and loops
// around it go from one such place to the next. Calls are kept for reuse.
type lists struct {
	self             walker // l itself, which a nest points to
	dst, src         loop.Memory
	aux              loop.Memory // of a fused call: a tensor that lies as dst does
	dstUnit, srcUnit int         // see [unit]
	begin            place
	depth            int // of outer
	outer            [layout.MaxLoops]layout.Loop
}

var listCalls = sync.Pool{New: func() any { return new(lists) }}

// span returns the number of elements that dst extends over.
func (l *lists) span() int { return max(l.dst.Slices, 1) * l.dst.Length }

// runList is run where a vector is a list, from a place on. What it calls keeps no loops, which the compiler cannot see:
// they stay on the stack of the caller, see [hide].
//
//go:noinline
//go:nocheckptr
func runList(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop, begin place, workers int) error {
	run := *listRunner.Load()
	return run(kind, op, dst, src, factors, shifts, hide(unsafe.Pointer(unsafe.SliceData(loops))), len(loops), begin, workers)
}

// listRun is what runList calls. The loops are so many from an address on.
func listRun(kind *Kind, op Op, dst, src, factors, shifts vector, first unsafe.Pointer, depth int, begin place, workers int) error {
	loops := unsafe.Slice((*layout.Loop)(first), depth)
	if op >= ops {
		return unknown("op", op)
	}
	if workers < 0 {
		return negative(workers)
	}
	l := listCalls.Get().(*lists)
	var n nest
	count, err := l.set(&n, kind, op, dst, src, factors, shifts, loops, begin)
	if err == nil && count > 0 {
		n.lists = l
		n.share(count*n.total(), l.span(), workers)
	}
	*l = lists{} // let go of the caller's data
	listCalls.Put(l)
	return err
}

// set checks a call and sets the loops of l and of n, which is the zero nest. It returns how
// often n is walked through, 0 if there is nothing to do.
func (l *lists) set(n *nest, kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop, begin place) (count int, err error) {
	if factors.len < 0 {
		return 0, notOne("factors", -factors.len, "one slice")
	}
	if shifts.len < 0 {
		return 0, notOne("shifts", -shifts.len, "one slice")
	}
	r, refusal := loop.Measure(loops)
	if refusal != nil {
		return 0, badLoops(loops, refusal)
	}
	if r.Dst == 0 {
		return 0, nil
	}
	l.self, l.begin = l, begin
	if l.dst, err = memoryOf("dst", kind, dst, begin.dst+r.Dst); err != nil {
		return 0, err
	}
	if l.src, err = memoryOf("src", kind, src, begin.src+r.Src); err != nil {
		return 0, err
	}
	factorsWanted, shiftsWanted := entries(op, r.Factors)
	if factorsWanted > 0 {
		factorsWanted += begin.factor
	}
	if shiftsWanted > 0 {
		shiftsWanted += begin.factor
	}
	overflow := factorsWanted|shiftsWanted < 0
	if overflow || factors.len < factorsWanted || shifts.len < shiftsWanted || shiftsWanted == 0 && shifts.len > 0 {
		argument := "shifts"
		if overflow || factors.len < factorsWanted {
			argument = "factors"
		}
		return 0, refused(argument, fmt.Sprintf("%d and %d or more", factorsWanted, shiftsWanted), "%s: %v of lists with factors of %d and shifts of %d elements", described(loops), op, factors.len, shifts.len)
	}
	count = l.divide(loops)
	if with, distance, shared := loop.Shared(&l.dst, &l.src, kind.bytes(1), begin.dst == begin.src && loop.Same(loops)); shared {
		return 0, &OverlapError{With: with, Elements: l.dst.Length, Distance: distance}
	}
	bytes := kind.bytes(l.dst.Length)
	for i := range max(l.dst.Slices, 1) {
		data, _ := l.dst.At(i)
		if factorsWanted > 0 && within(data, bytes, factors.data, kind.bytes(factorsWanted)) {
			return 0, &OverlapError{With: "factors", Elements: l.dst.Length, Distance: int(uintptr(data) - uintptr(factors.data))}
		}
		if shiftsWanted > 0 && within(data, bytes, shifts.data, kind.bytes(shiftsWanted)) {
			return 0, &OverlapError{With: "shifts", Elements: l.dst.Length, Distance: int(uintptr(data) - uintptr(shifts.data))}
		}
	}
	n.kind = kind
	var room [layout.MaxLoops]layout.Loop
	n.split(op, l.inner(room[:0], loops))
	n.op, n.shifts = op, shifts.data
	if factorsWanted > 0 { // Copy has none, and an offset from others may lead anywhere
		n.factors = factors.data
	}
	n.dst, n.src = l.dst.Address(begin.dst, kind.shift), l.src.Address(begin.src, kind.shift)
	n.choose(l.span())
	n.pastCache = n.pastCache && l.dst.Aligned(kind.bytes(1))
	return count, nil
}

// memoryOf returns the memory of a vector, of which the first elements are visited, so many
// at most.
func memoryOf(name string, kind *Kind, v vector, reach int) (loop.Memory, error) {
	m := loop.Memory{Data: v.data, Length: reach}
	all := v.len
	if v.len < 0 {
		m.Slices = -v.len
		_, m.Length = m.At(0)
		for i := range m.Slices {
			if _, length := m.At(i); length != m.Length {
				return m, refused(name, "equal lengths", "%s in %d slices: slice %d holds %d elements and slice 0 %d", name, m.Slices, i, length, m.Length)
			}
		}
		ok := true
		if all, ok = product(m.Slices, m.Length); !ok {
			all = math.MaxInt // parts of it are there more than once
		}
	}
	if reach < 0 || all < reach || kind.beyond(all) {
		given := fmt.Sprintf("%s in %d slices", name, m.Slices)
		if m.Slices == 0 {
			given = name + " beside a list of slices"
		}
		return m, refused(name, fmt.Sprintf("%d or more, whose bytes an int counts", reach), "%s: %d elements in all", given, all)
	}
	return m, nil
}

// divide splits the loops in those that stay within one slice of dst and of src, see
// [lists.inner], and those around them. It returns how many steps these take in all.
func (l *lists) divide(loops []layout.Loop) (count int) {
	parts := l.dst // that lie in one slice of dst, and of aux
	if l.aux.Slices > 0 {
		if parts.Length = common(parts.Length, l.aux.Length); parts.Slices == 0 {
			parts = l.aux
		}
	}
	l.dstUnit = unit(&parts, loops, l.begin.dst, false)
	l.srcUnit = unit(&l.src, loops, l.begin.src, true)
	count = 1
	for i := range loops {
		o := &loops[i]
		if steps := l.steps(o); steps < o.Size {
			l.outer[l.depth] = layout.Loop{Size: o.Size / steps, Dst: o.Dst * steps, Src: o.Src * steps, Factor: o.Factor * steps}
			l.depth++
			count *= o.Size / steps
		}
	}
	return count
}

// inner appends the parts of loops that stay within one slice of dst and of src.
func (l *lists) inner(inner, loops []layout.Loop) []layout.Loop {
	for i := range loops {
		o := &loops[i]
		if steps := l.steps(o); steps > 1 {
			inner = append(inner, layout.Loop{Size: steps, Dst: o.Dst, Src: o.Src, Factor: o.Factor})
		}
	}
	return inner
}

// steps returns how many steps of a loop stay together: the loop is that many, repeated.
func (l *lists) steps(o *layout.Loop) int {
	return common(together(l.dstUnit, o.Size, o.Dst), together(l.srcUnit, o.Size, o.Src))
}

// unit returns a length that divides the slices of a list into units: loops stay within one or go
// in whole units. It is that of the slices if they do so, and at worst an element. It is 0 if
// there is no list. The steps are those in dst or in src. (A function that returned them would move
// the caller's loops to the heap.)
func unit(m *loop.Memory, loops []layout.Loop, begin int, src bool) int {
	if m.Slices == 0 {
		return 0
	}
	unit := m.Length
	for before := 0; before != unit; {
		before = unit
		for i := range loops {
			size, step := loops[i].Size, stepOf(&loops[i], src)
			if within := together(unit, size, step); within < size {
				unit = common(unit, within*step)
			}
		}
	}
	last := begin % unit
	for i := range loops {
		step := stepOf(&loops[i], src)
		if last += (together(unit, loops[i].Size, step) - 1) * step; last >= unit {
			return 1
		}
	}
	return unit
}

// stepOf returns how far a step of a loop goes in dst or in src.
func stepOf(o *layout.Loop, src bool) int {
	if src {
		return o.Src
	}
	return o.Dst
}

// together returns how many steps of a loop stay in one of the units that they begin with, a
// divisor of their number. All do where there is no unit.
func together(unit, size, stride int) int {
	switch {
	case unit == 0 || stride == 0 || size <= unit/stride:
		return size
	case stride >= unit || unit%stride != 0:
		return 1
	}
	return common(size, unit/stride)
}

// common returns the greatest common divisor.
func common(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// walk does the visited elements lo to hi of a nest, as [nest.walk] does.
func (l *lists) walk(p unsafe.Pointer, _ place, lo, hi int) {
	n := (*nest)(p)
	inside, shift := *n, n.kind.shift
	inside.lists, inside.listed = nil, true
	loops := l.outer[:l.depth]
	var s steps
	for s.set(loops, l.begin, n.total(), lo, hi); s.next(loops); {
		inside.dst, inside.src = l.dst.Address(s.at.dst, shift), l.src.Address(s.at.src, shift)
		inside.base = s.at
		if n.factors != nil { // an offset alone is no pointer
			inside.factors, inside.shifts = n.channel(s.at.factor)
		}
		if n.op != Copy || inside.dst != inside.src {
			inside.walk(s.from, s.to)
		}
	}
}
