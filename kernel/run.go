package kernel

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Run does op on every element that a nest of loops visits: on the element at offset
// Σ iₖ·Dstₖ of dst and the one at Σ iₖ·Srcₖ of src, with the factor, and the shift, at
// Σ iₖ·Factorₖ.
//
// Loops are given outermost first. The stride of a loop in dst is at least as long as
// all that lies inside it, so that no element is visited twice. No loops mean the single
// element at offset 0, and a loop of size 0 means no element. The work is fast where the
// innermost loops are planes (strides 1, factor 0; around it factor 1 and no gap) or rows
// of channels (strides 1, factor 1; around it factor 0 and no gap), and where a tensor is
// transposed: stride 1 of dst in the innermost loop, stride 1 of src in another one.
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
func Run[T Float](op Op, dst, src, factors, shifts []T, loops []Loop, workers int) error {
	return run(kindOf[T](), op, erase(dst), erase(src), erase(factors), erase(shifts), loops, workers)
}

// RunOf is [Run] of a kind that is known at run time. It returns a [*KindError] if the
// vectors differ in kind.
func RunOf(op Op, dst, src, factors, shifts Vector, loops []Loop, workers int) (err error) {
	kind := dst.kind
	if kind == nil || src.kind != kind || factors.kind != kind && factors.kind != nil || shifts.kind != kind && shifts.kind != nil {
		return &KindError{dst.kind, src.kind, factors.kind, shifts.kind}
	}
	return run(kind, op, dst.vector, src.vector, factors.vector, shifts.vector, loops, workers)
}

// run does op on all elements of a nest. A single call of a kernel is all overhead: one
// or two loops that make no more than that are recognised first.
func run(kind *Kind, op Op, dst, src, factors, shifts vector, loops []Loop, workers int) error {
	if op >= ops {
		return &OpError{op}
	}
	if workers < 0 {
		return &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%d workers, want 0 or more", workers)}
	}
	if b, ok := single(loops); ok && op != Copy && workers <= 1 && b.small(kind) && b.fit(op, dst, src, factors, shifts) && overlap(dst.data, src.data, b.count*b.length<<kind.shift) == 0 {
		kind.call(kind.ways[op][0][b.shape], dst.data, src.data, factors.data, shifts.data, b.count, b.length)
		return nil
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
func single(loops []Loop) (block, bool) {
	if uint(len(loops)-1) >= 2 {
		return block{}, false
	}
	last, around := loops[len(loops)-1], loops[0]
	if len(loops) == 1 {
		around = Loop{Size: 1, Dst: last.Size, Src: last.Size, Factor: 1 - last.Factor}
	}
	const most = 1 << 15 // the product of two fits an int
	if last.Dst != 1 || last.Src != 1 || last.Factor>>1 != 0 || around.Dst != last.Size || around.Src != last.Size || around.Factor != 1-last.Factor || uint(around.Size-1) >= most || uint(last.Size-1) >= most {
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
func (n *nest) set(kind *Kind, op Op, dst, src, factors, shifts vector, loops []Loop) (span int, err error) {
	r, reason := measure(loops)
	if reason != "" {
		return 0, &LoopError{Loops: clone(loops), Reason: reason}
	}
	if r.dst == 0 {
		return 0, nil
	}
	factorsWanted, shiftsWanted := r.factors, 0
	if op == Copy {
		factorsWanted = 0
	}
	if operations[op].shifts {
		shiftsWanted = r.factors
	}
	if dst.len < r.dst || src.len < r.src || factors.len < factorsWanted || shifts.len < shiftsWanted || shiftsWanted == 0 && shifts.len > 0 {
		return 0, &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%v of dst of %d, src of %d, factors of %d and shifts of %d elements, want %d, %d, %d and %d or more", op, dst.len, src.len, factors.len, shifts.len, r.dst, r.src, factorsWanted, shiftsWanted)}
	}
	if err := meet(dst.data, src.data, r, 1<<kind.shift, loops); err != nil {
		return 0, err
	}
	if op == Copy && dst.data == src.data {
		return 0, nil
	}
	n.kind = kind
	n.split(op, loops)
	return r.dst, nil
}

// reach is how many elements of dst and src and how many factors loops extend over, from
// the first to the last.
type reach struct {
	dst, src, factors int
	same              bool // all strides of dst are those of src
}

// measure returns how far loops extend, over no elements if they visit none, and what is
// wrong with them if anything is.
func measure(loops []Loop) (r reach, reason string) {
	if len(loops) > MaxLoops {
		return reach{}, fmt.Sprintf("%d loops, want at most %d", len(loops), MaxLoops)
	}
	empty := false
	r = reach{1, 1, 1, true}
	for i := len(loops) - 1; i >= 0; i-- {
		l := loops[i]
		if l.Size < 0 || l.Dst < 0 || l.Src < 0 || l.Factor < 0 {
			return reach{}, fmt.Sprintf("loop %d has a negative number", i)
		}
		if l.Size == 0 {
			empty = true
		}
		if l.Size <= 1 {
			continue
		}
		if l.Dst < r.dst {
			return reach{}, fmt.Sprintf("loop %d has stride %d, want at least the %d elements inside it", i, l.Dst, r.dst)
		}
		r.same = r.same && l.Dst == l.Src
		for _, x := range [...]struct {
			stride int
			to     *int
		}{{l.Dst, &r.dst}, {l.Src, &r.src}, {l.Factor, &r.factors}} {
			further, ok := product(l.Size-1, x.stride)
			if !ok || further > maxInt-*x.to {
				return reach{}, fmt.Sprintf("loop %d extends further than an int counts", i)
			}
			*x.to += further
		}
	}
	if empty {
		return reach{}, ""
	}
	return r, ""
}

const maxInt = int(^uint(0) >> 1)

// meet returns an error if dst and src share an element that loops visit, unless they are
// the same. An element has so many bytes.
func meet(dst, src unsafe.Pointer, r reach, size int, loops []Loop) error {
	distance := int(uintptr(dst) - uintptr(src))
	if distance >= r.src*size || -distance >= r.dst*size || distance == 0 && r.same {
		return nil
	}
	if !r.same || distance%size != 0 || collide(loops, distance/size) {
		return &OverlapError{Elements: r.dst, Distance: distance}
	}
	return nil
}

// collide reports whether two copies of the nest, one distance elements after the other,
// visit a common element: whether distance is a sum of steps, each smaller than its loop
// either way. Strides nest, so that only the two multiples next to what is left can be
// meant at every level.
func collide(loops []Loop, distance int) bool {
	if distance < 0 {
		distance = -distance
	}
	if len(loops) == 0 {
		return distance == 0
	}
	l := loops[0]
	if l.Size <= 1 {
		return collide(loops[1:], distance)
	}
	steps := distance / l.Dst
	return steps < l.Size && collide(loops[1:], distance-steps*l.Dst) ||
		steps+1 < l.Size && collide(loops[1:], distance-(steps+1)*l.Dst)
}

// clone keeps the caller's loops off the heap: only an error holds on to them.
func clone(loops []Loop) []Loop { return append([]Loop(nil), loops...) }
