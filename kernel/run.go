package kernel

import (
	"fmt"
	"runtime"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Run does op on every element that a nest of loops visits: on the element at offset
// Σ iₖ·Dstₖ of dst and the one at Σ iₖ·Srcₖ of src, with the factor, and the shift, at
// Σ iₖ·Factorₖ.
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
// another one, takes two to three times as long as a copy.
//
// dst and src may be the same slice if all strides agree, or two slices that share no
// visited element. shifts is empty unless op is [Affine] or one of its relatives.
// [Copy] takes no factors.
//
// workers bounds the goroutines that share the work. With 0 Run chooses: it uses up to
// GOMAXPROCS of them if 16 MiB of dst or more are visited, and stays on the calling one
// otherwise. The result does not depend on it. After warm-up Run does not allocate.
//
// Run returns an [*OpError], a [*LoopError] or an [*OverlapError] before it writes
// anything.
func Run[T Float](op Op, dst, src, factors, shifts []T, loops []layout.Loop, workers int) error {
	return RunOf(op, Of(dst), Of(src), Of(factors), Of(shifts), loops, workers)
}

// RunOf is [Run] of a kind that is known at run time. It returns a [*KindError] if the
// vectors differ in kind.
func RunOf(op Op, dst, src, factors, shifts Vector, loops []layout.Loop, workers int) error {
	kind := dst.kind
	if kind == nil || src.kind != kind || factors.kind != kind && factors.kind != nil || shifts.kind != kind && shifts.kind != nil {
		return &KindError{dst.kind, src.kind, factors.kind, shifts.kind}
	}
	// A single call of a kernel is all overhead: one or two loops that make no more than that
	// are recognised here.
	if b, ok := single(loops); ok && op < Copy && uint(workers) <= 1 && b.small(kind) && b.fit(op, dst.vector, src.vector, factors.vector, shifts.vector) && overlap(dst.data, src.data, b.count*b.length<<kind.shift) == 0 {
		kind.call(kind.ways[op][0][b.shape], dst.data, src.data, factors.data, shifts.data, b.count, b.length)
		return nil
	}
	return run(kind, op, dst.vector, src.vector, factors.vector, shifts.vector, loops, workers)
}

// run does op on all elements of a nest.
func run(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop, workers int) error {
	if op >= ops {
		return &OpError{op}
	}
	if workers < 0 {
		return &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%d workers, want 0 or more", workers)}
	}
	var n nest
	span, err := n.set(kind, op, dst, src, factors, shifts, loops)
	if err != nil || span == 0 {
		return err
	}
	n.operands = operandsOf(kind, op, dst.data, src.data, factors.data, shifts.data, span)
	total := n.total()
	if workers == 0 {
		workers = 1
		if bytes := total << kind.shift; bytes >= parallelBytes {
			workers = min(runtime.GOMAXPROCS(0), bytes/grainBytes)
		}
	}
	if workers = min(workers, total); workers > 1 {
		parallel(&n, total, workers)
	} else {
		n.walk(0, total)
	}
	return nil
}

// single returns the block that one or two loops make without a gap.
func single(loops []layout.Loop) (block, bool) {
	if uint(len(loops)-1) >= 2 {
		return block{}, false
	}
	last := &loops[len(loops)-1]
	around := &loops[0]
	if len(loops) == 1 {
		around = &layout.Loop{Size: 1, Dst: last.Size, Src: last.Size, Factor: 1 - last.Factor}
	}
	const most = 1 << 15 // the product of two fits an int
	// One comparison for all numbers that must agree: a branch for each would take longer.
	wrong := (last.Dst ^ 1) | (last.Src ^ 1) | last.Factor>>1 | (around.Dst ^ last.Size) | (around.Src ^ last.Size) | (around.Factor ^ (1 - last.Factor))
	if wrong != 0 || uint(around.Size-1) >= most || uint(last.Size-1) >= most {
		return block{}, false
	}
	b := block{count: around.Size, length: last.Size}
	if last.Factor == 1 {
		b.shape = pixels
	}
	return b, true
}

// fit reports whether the slices of a call hold a block.
func (b block) fit(op Op, dst, src, factors, shifts vector) bool {
	entries := b.count
	if b.shape == pixels {
		entries = b.length
	}
	if operations[op].shifts != (shifts.len > 0) || shifts.len > 0 && shifts.len < entries {
		return false
	}
	return dst.len >= b.count*b.length && src.len >= b.count*b.length && factors.len >= entries
}

// set checks a call and sets the loops of n, which is the zero nest. It returns the
// number of elements that dst extends over, 0 if there is nothing to do.
func (n *nest) set(kind *Kind, op Op, dst, src, factors, shifts vector, loops []layout.Loop) (span int, err error) {
	r, reason := loop.Measure(loops)
	if reason != "" {
		return 0, &LoopError{Loops: clone(loops), Reason: reason}
	}
	if r.Dst == 0 {
		return 0, nil
	}
	factorsWanted, shiftsWanted := r.Factors, 0
	if op == Copy {
		factorsWanted = 0
	}
	if operations[op].shifts {
		shiftsWanted = r.Factors
	}
	if dst.len < r.Dst || src.len < r.Src || factors.len < factorsWanted || shifts.len < shiftsWanted || shiftsWanted == 0 && shifts.len > 0 {
		return 0, &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%v of dst of %d, src of %d, factors of %d and shifts of %d elements, want %d, %d, %d and %d or more", op, dst.len, src.len, factors.len, shifts.len, r.Dst, r.Src, factorsWanted, shiftsWanted)}
	}
	if distance, overlap := loop.Overlap(dst.data, src.data, 1<<kind.shift, loops, r); overlap {
		return 0, &OverlapError{Elements: r.Dst, Distance: distance}
	}
	if op == Copy && dst.data == src.data {
		return 0, nil
	}
	n.kind = kind
	n.split(op, loops)
	return r.Dst, nil
}

// clone keeps the caller's loops off the heap: only an error holds on to them.
func clone(loops []layout.Loop) []layout.Loop { return append([]layout.Loop(nil), loops...) }
