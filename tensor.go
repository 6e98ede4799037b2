package spatialdropout

import (
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Tensor is data together with where its channels lie. [Of] and [As] make one of a flat slice. The data are not copied.
//
// Data of [kernel.OfList] or [kernel.AsList] are a list of slices, for frameworks that hold a slice for each sample or for
// each channel. Together, one after the other, they are the dense tensor that Geometry describes. They have equal
// lengths, and each holds whole feature maps: whole samples in any order, or whole channels where those come before the
// spatial axes, see [layout.Geometry.Divides]. (What [Compaction.Gather] packs may be a list of slices of different
// lengths.) The slices may lie anywhere. The list is read in each call: it must not change during one.
//
// A list goes wherever a tensor goes, also beside one slice or a list that is divided otherwise. The slices of dst share
// no memory with each other. They share none with src either, unless both tensors lie alike and the memory has the same
// place in both. Otherwise the error is a [*kernel.OverlapError]. Slices of src may share memory with each other. A list
// that is not the tensor is an [*ArgumentError].
//
// A list takes some 30 ns more for each of its slices than one slice for all (Zen 5). A change of layout that scatters
// each row of channels over several slices of src takes one element at a time.
type Tensor struct {
	// The geometry comes first, where the compiler copies it in the same parts alone and in a tensor: a load
	// waits for two stores that it takes from.
	Geometry layout.Geometry
	Data     kernel.Vector
}

// Of returns the tensor of a slice of float32 or float64.
func Of[T kernel.Float](data []T, g layout.Geometry) Tensor { return Tensor{g, kernel.Of(data)} }

// As returns the tensor of a slice whose elements are of the given kind, such as
// [kernel.F16] in any 16-bit type. A factor is rounded to that kind, which makes one of
// float16 infinite at rates above 0.99998. A product of halves is computed in float32 and
// rounded once to the nearest half, ties to even. As panics with a [*kernel.ArgumentError] if
// the elements of the kind have another size. The kind must not be nil.
func As[T kernel.Float | kernel.Half](kind *kernel.Kind, data []T, g layout.Geometry) Tensor {
	return Tensor{g, vectorOf(kind, data)}
}

// vectorOf is [kernel.As] as a call, whose operands are in registers: As is inlined then, and its geometry is not copied
// to the arguments of a call and its tensor from the results.
//
//go:noinline
func vectorOf[T kernel.Float | kernel.Half](kind *kernel.Kind, data []T) kernel.Vector {
	return kernel.As(kind, data)
}

// check returns an error unless v holds a tensor of geometry g. The name is that of the
// argument.
func check(name string, v kernel.Vector, g *layout.Geometry) error {
	if v.Slices() > 0 {
		return checkList(name, v, g)
	}
	return checkSlice(name, v, g)
}

// checkSlice is check for one slice.
func checkSlice(name string, v kernel.Vector, g *layout.Geometry) error {
	if v.Len() < g.Len() || v.Len() > g.Len() && !g.View() {
		return lengthError(name, v.Len(), g)
	}
	return nil
}

// fills reports whether v is one slice of all elements of a tensor, which check accepts. It is
// inlined where check is not: small calls are all overhead.
func fills(v kernel.Vector, g *layout.Geometry) bool { return v.Len() == g.Len() && v.Len() > 0 }

// pair checks the two tensors of a call. It returns nil if they lie alike and neither is a
// list, otherwise a joined nest, which run puts back into the pool. (Geometries, nest and data
// go apart: the compiler does not tell the fields of a struct from each other, and data are
// shared by goroutines.)
func pair(dst, src kernel.Vector, dstGeom, srcGeom *layout.Geometry) (*layout.Nest, error) {
	if !fills(dst, dstGeom) {
		if err := check("dst", dst, dstGeom); err != nil {
			return nil, err
		}
	}
	if !fills(src, srcGeom) {
		if err := check("src", src, srcGeom); err != nil {
			return nil, err
		}
	}
	lists := listed(dst, src)
	if dst.Kind() != src.Kind() && (dst.Len() > 0 || lists && dstGeom.Len() > 0) {
		return nil, mixed(dst, src)
	}
	if !lists && (dstGeom == srcGeom || loop.Alike(dstGeom, srcGeom)) {
		return nil, nil
	}
	joined := nests.Get().(*layout.Nest)
	var err error
	if *joined, err = layout.Join(*dstGeom, *srcGeom); err != nil {
		nests.Put(joined)
		return nil, err
	}
	return joined, nil
}

// nests holds joined loops for the next call.
var nests = sync.Pool{New: func() any { return new(layout.Nest) }}

// release puts a joined nest back that no run has used.
func release(joined *layout.Nest) {
	if joined != nil {
		nests.Put(joined)
	}
}

// padded reports whether dst has padding channels that src does not have.
func padded(joined *layout.Nest) bool {
	if joined == nil {
		return false
	}
	parts := joined.Parts()
	return parts[len(parts)-1].Padding
}

// run does op on every element of a geometry, or of the joined nest. What is padding in dst
// alone is dropped. The joined nest must not be used afterwards.
func run(op kernel.Op, dst, src, factors, shifts kernel.Vector, g *layout.Geometry, joined nested, workers int) error {
	if joined == nil {
		return kernel.Run(op, dst, src, factors, shifts, g.Loops(), workers)
	}
	return joined.run(op, dst, src, factors, shifts, workers)
}

// nested is a joined nest. It is an interface so that a program that joins no tensors does not link what runs one.
type nested interface {
	// run does op on every element, and releases the nest.
	run(op kernel.Op, dst, src, factors, shifts kernel.Vector, workers int) error
	release()
}

// nestOf returns a joined nest as what it is to run, nil if there is none.
func nestOf(joined *layout.Nest) nested {
	if joined == nil {
		return nil
	}
	return (*joinedNest)(joined)
}

type joinedNest layout.Nest

func (n *joinedNest) release() { release((*layout.Nest)(n)) }

func (n *joinedNest) run(op kernel.Op, dst, src, factors, shifts kernel.Vector, workers int) error {
	joined := (*layout.Nest)(n)
	defer nests.Put(joined)
	if !listed(dst, src) || len(joined.Parts()) > 1 {
		if err := apart(dst, src, nil, joined); err != nil {
			return err // before one of several parts is written
		}
	}
	for i := range joined.Parts() {
		p := &joined.Parts()[i]
		op, from, s := op, src, shifts
		if p.Padding {
			if op == kernel.Add || op == kernel.AddMultiply || op == kernel.AddDivide {
				continue
			}
			op, from, s = kernel.Scale, dst, kernel.Vector{}
		}
		if err := kernel.RunPart(op, dst, from, factors, s, p, workers); err != nil {
			return err
		}
	}
	return nil
}

// apart returns the error with which run refuses the memory of dst and src.
func apart(dst, src kernel.Vector, g *layout.Geometry, joined *layout.Nest) error {
	if joined == nil {
		return disjoint(dst, src, g.Loops())
	}
	if listed(dst, src) {
		return disjointLists(dst, src, joined.Parts())
	}
	parts := joined.Parts()
	for i := range parts {
		to := &parts[i]
		if !to.Padding {
			if err := disjoint(dst.From(to.Dst), src.From(to.Src), to.Loops()); err != nil {
				return err
			}
		}
		for k := range parts {
			if from := &parts[k]; k != i && !from.Padding {
				if err := separate(dst.From(to.Dst), src.From(from.Src), to, from); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// separate returns an error if what one part of a joined nest visits in dst reaches into what
// another part visits in src.
func separate(dst, src kernel.Vector, to, from *layout.Part) error {
	written, _ := loop.Measure(to.Loops())
	read, _ := loop.Measure(from.Loops())
	size := dst.Kind().Size()
	distance := int(uintptr(dst.Data()) - uintptr(src.Data()))
	if distance >= read.Src*size || -distance >= written.Dst*size {
		return nil
	}
	// The distance of the tensors, not that of the parts.
	return &kernel.OverlapError{With: "src", Elements: to.Dst + written.Dst, Distance: distance + (from.Src-to.Dst)*size}
}

// disjoint is apart for one nest.
func disjoint(dst, src kernel.Vector, loops []layout.Loop) error {
	reach, _ := loop.Measure(loops)
	if reach.Dst == 0 {
		return nil
	}
	to, from := dst.Data(), src.Data()
	if distance, overlap := loop.Overlap(to, from, dst.Kind().Size(), loops, reach); overlap {
		return &kernel.OverlapError{With: "src", Elements: reach.Dst, Distance: distance}
	}
	return nil
}
