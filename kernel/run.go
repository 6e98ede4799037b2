package kernel

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Run does op on every element that a nest of loops visits: on the element at offset
// Σ iₖ·Dstₖ of dst and the one at Σ iₖ·Srcₖ of src, with the factor, and the shift, at
// Σ iₖ·Factorₖ. All vectors are of one kind.
//
// [layout.Geometry] and [layout.Join] make the loops of a tensor. Loops are given
// outermost first. The stride of a loop in dst is at least as long as all that lies inside
// it, so that no element is visited twice. No loops mean the single element at offset 0, and
// a loop of size 0 means no element.
//
// The work is fast where the innermost loops are planes (the innermost one with strides 1
// and factor 0, the one around it with factor 1 and without a gap), or rows of channels (the
// innermost one with strides 1 and factor 1, the one around it with factor 0 and without a
// gap). A transposed tensor, with stride 1 of dst in the innermost loop and stride 1 of src in
// another one, takes 1.5 to 4 times as long as a copy.
//
// dst and src may be the same slice if all strides agree, or two slices that share no
// visited element. factors and shifts lie outside the memory from the first visited element
// of dst to the last. shifts is empty unless op is [Affine] or one of its relatives.
// [Copy] ignores factors.
//
// dst and src may be lists, see [AsList]. Offsets count their elements one slice after the other.
// Whole planes, or whole rows, in each slice are fast. Loops whose steps cross from slice to slice
// everywhere take one element at a time. A slice of dst shares no memory with another slice of
// dst. It shares none with src either, unless all strides agree and the memory has the same offset
// in both. Slices of src may overlap each other.
//
// workers bounds the goroutines that share the work, the calling one among them. 0 stands for
// GOMAXPROCS, which is never exceeded. How many take part is up to the [Strategy] and to
// which of them come in time. The result does not depend on it. If one of them panics, as it does where
// memory faults and the caller has set [debug.SetPanicOnFault], Run panics once none of them
// works any more.
//
// Run does not allocate after warm-up. An array of the caller goes to the heap if Run gets a
// [Vector] of it, since goroutines may share it. [Planes] and [Pixels] leave it on the stack.
//
// Run returns an [*ArgumentError] or an [*OverlapError] before it writes anything.
func Run(op Op, dst, src, factors, shifts Vector, loops []layout.Loop, workers int) error {
	kind := dst.kind
	if kind == nil || src.kind != kind || factors.kind != kind && factors.kind != nil || shifts.kind != kind && shifts.kind != nil {
		return mixed(dst.kind, src.kind, factors.kind, shifts.kind)
	}
	return doRun(kind, op, dst.vector, src.vector, factors.vector, shifts.vector, loops, workers)
}

// RunPart is [Run] on a part of what [layout.Join] returns: with its loops, from its offsets
// on. It returns an [*ArgumentError] if p is nil, an offset of it is negative, or a
// slice ends before its offset.
func RunPart(op Op, dst, src, factors, shifts Vector, p *layout.Part, workers int) error {
	kind := dst.kind
	if kind == nil || src.kind != kind || factors.kind != kind && factors.kind != nil || shifts.kind != kind && shifts.kind != nil {
		return mixed(dst.kind, src.kind, factors.kind, shifts.kind)
	}
	if p == nil || p.Dst|p.Src|p.Factor < 0 {
		return noPart(op, p)
	}
	loops, factor := p.Loops(), p.Factor
	if dst.len|src.len|factors.len|shifts.len < 0 {
		return runList(kind, op, dst.vector, src.vector, factors.vector, shifts.vector, loops, place{p.Dst, p.Src, factor}, workers)
	}
	if op == Copy {
		factor = min(factor, factors.len)
	}
	if p.Dst > dst.len || p.Src > src.len || factor > factors.len || shifts.len > 0 && factor > shifts.len {
		return refused("p", "none after the end", "%v from element %d of dst of %d, %d of src of %d, and entry %d of %d factors and %d shifts", op, p.Dst, dst.len, p.Src, src.len, factor, factors.len, shifts.len)
	}
	s := shifts
	if s.len > 0 {
		s = s.from(factor)
	}
	return doRun(kind, op, dst.from(p.Dst).vector, src.from(p.Src).vector, factors.from(factor).vector, s.vector, loops, workers)
}

// doRun is Run of vectors of one kind.
func doRun(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop, workers int) error {
	// A single call of a kernel is all overhead: loops that make no more than that are
	// recognised here, without a call, for which all numbers would have to leave registers.
	// Otherwise run finds out what they are, or what is wrong. (So it does with an innermost loop of a
	// single step, which may make planes of what looks like rows.)
	const most = 1 << 15 // the product of two fits an int
	if uint(len(loops)-1) < 2 && uint(workers) <= 1 && op < Copy {
		last := &loops[len(loops)-1]
		count, wrong := 1, (last.Dst^1)|(last.Src^1)|last.Factor>>1
		if len(loops) == 2 {
			around := &loops[0]
			// One comparison for all numbers that must agree: a branch for each would take longer.
			count, wrong = around.Size, wrong|(around.Dst^last.Size)|(around.Src^last.Size)|(around.Factor^(1-last.Factor))
		}
		if wrong == 0 && uint(count-1) < most && uint(last.Size-2) < most {
			entries := count
			if last.Factor == 1 {
				entries = last.Size
			}
			elements, wanted := count*last.Size, shiftsOf(op, entries)
			bytes, of := kind.bytes(elements), kind.bytes(entries)
			if dst.len >= elements && src.len >= elements && factors.len >= entries && shifts.len >= wanted && (wanted > 0 || shifts.len == 0) && (alone(bytes) || last.Factor == 0 && workers == 1 && alonePlanes(bytes)) &&
				!meets(dst.data, src.data, bytes) && !within(dst.data, bytes, factors.data, of) && (wanted == 0 || !within(dst.data, bytes, shifts.data, of)) {
				kind.call(kind.ways[op][0][last.Factor&1], dst.data, src.data, factors.data, shifts.data, count, last.Size)
				return nil
			}
		}
	}
	return run(kind, op, dst, src, factors, shifts, loops, workers)
}

// run does op on all elements of a nest.
func run(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop, workers int) error {
	if op >= ops {
		return unknown("op", op)
	}
	if workers < 0 {
		return negative(workers)
	}
	if dst.len|src.len|factors.len|shifts.len < 0 {
		return runList(kind, op, dst, src, factors, shifts, loops, place{}, workers)
	}
	var n nest
	span, err := n.set(kind, op, dst, src, factors, shifts, loops)
	if err != nil || span == 0 {
		return err
	}
	// One by one: a copy of all would wait until they are stored.
	n.op, n.dst, n.src, n.factors, n.shifts = op, dst.data, src.data, factors.data, shifts.data
	n.choose(span)
	n.share(n.total(), span, workers)
	return nil
}

// share walks all elements of n, on so many goroutines at most. span is the number of elements that dst
// extends over: that of a Gather has fewer than the nest.
func (n *nest) share(total, span, workers int) {
	if how, bytes := strategy(), total<<n.kind.shift; bytes < how.Share || workers == 1 {
		n.walk(0, total)
	} else if workers = workersFor(how, bytes, workers); workers > 1 {
		parallel(how, n, total, span, workers)
	} else {
		n.walk(0, total)
	}
}

// entries returns how many factors and shifts an operation takes whose loops reach over so many
// factors.
func entries(op Op, reach int) (factors, shifts int) {
	factors = reach
	if op == Copy {
		factors = 0
	}
	if operations[op].shifts {
		shifts = reach
	}
	return factors, shifts
}

// set checks a call and sets the loops of n, which is the zero nest. It returns the
// number of elements that dst extends over, 0 if there is nothing to do.
func (n *nest) set(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop) (span int, err error) {
	r, refusal := loop.Measure(loops)
	if refusal != nil {
		return 0, badLoops(loops, refusal)
	}
	if r.Dst == 0 {
		return 0, nil
	}
	factorsWanted, shiftsWanted := entries(op, r.Factors)
	if dst.len < r.Dst || src.len < r.Src || factors.len < factorsWanted || shifts.len < shiftsWanted || shiftsWanted == 0 && shifts.len > 0 {
		return 0, tooShort(op, loops, [...]int{dst.len, src.len, factors.len, shifts.len}, [...]int{r.Dst, r.Src, factorsWanted, shiftsWanted})
	}
	if kind.beyond(r.Dst) || kind.beyond(r.Src) || kind.beyond(factorsWanted) {
		return 0, refused("loops", fmt.Sprintf("at most %d, whose bytes an int counts", kind.most()), "%s over %d elements of dst, %d of src and %d factors", described(loops), r.Dst, r.Src, factorsWanted)
	}
	if distance, overlap := loop.Overlap(dst.data, src.data, 1<<kind.shift, loops, r); overlap {
		return 0, &OverlapError{With: "src", Elements: r.Dst, Distance: distance}
	}
	bytes := kind.bytes(r.Dst)
	if factorsWanted > 0 && within(dst.data, bytes, factors.data, kind.bytes(factorsWanted)) {
		return 0, &OverlapError{With: "factors", Elements: r.Dst, Distance: int(uintptr(dst.data) - uintptr(factors.data))}
	}
	if shiftsWanted > 0 && within(dst.data, bytes, shifts.data, kind.bytes(shiftsWanted)) {
		return 0, &OverlapError{With: "shifts", Elements: r.Dst, Distance: int(uintptr(dst.data) - uintptr(shifts.data))}
	}
	if op == Copy && dst.data == src.data {
		return 0, nil
	}
	n.kind = kind
	n.split(op, loops)
	return r.Dst, nil
}

// tooShort returns the error of slices of which one is too short for loops. The lengths are those of dst, src, factors and
// shifts.
//
//go:noinline
func tooShort(op Op, loops []layout.Loop, given, want [4]int) error {
	first := 0
	for first < 3 && given[first] >= want[first] {
		first++
	}
	return refused([...]string{"dst", "src", "factors", "shifts"}[first], fmt.Sprintf("%d, %d, %d and %d or more", want[0], want[1], want[2], want[3]),
		"%s: %v of dst of %d, src of %d, factors of %d and shifts of %d elements", described(loops), op, given[0], given[1], given[2], given[3])
}
