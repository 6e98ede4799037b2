package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// OfList returns the tensor of a list of slices of float32 or float64, see [AsList].
func OfList[T kernel.Float](list [][]T, g layout.Geometry) Tensor {
	return Tensor{kernel.OfList(list), g}
}

// AsList returns the tensor of a list of slices whose elements are of the given kind, for
// frameworks that hold a slice for each sample or for each channel. Together, one after the
// other, they are the dense tensor that g describes. They have equal lengths, and each holds
// whole feature maps: whole samples in any order, or whole channels where those come before the
// spatial axes, see [layout.Geometry.Divides]. (What [Compaction.Gather] packs may be a list of slices of different
// lengths.) The slices may lie anywhere, and are not copied.
// The list is read in each call: it must not change during one. A list of one slice is that
// slice, as it is when AsList is called.
//
// A list goes wherever a tensor goes, also beside one slice or a list that is divided
// otherwise. The slices of dst share no memory with each other. They share none with src either,
// unless both tensors lie alike and the memory has the same place in both. Otherwise the error is a
// [*kernel.OverlapError]. Slices of src may share memory with each other. A list that is not
// the tensor is a [*TensorError].
//
// A list takes some 30 ns more for each of its slices than one slice for all (Zen 5). A change
// of layout that scatters each row of channels over several slices of src takes one element at
// a time.
//
// AsList panics as [As] does.
func AsList[T kernel.Float | kernel.Half](kind *kernel.Kind, list [][]T, g layout.Geometry) Tensor {
	return Tensor{kernel.AsList(kind, list), g}
}

// listed reports whether one of two vectors is a list.
func listed(dst, src kernel.Vector) bool { return dst.Slices()|src.Slices() > 0 }

// checkList is check for a list.
func checkList(name string, v kernel.Vector, g *layout.Geometry) error {
	n := v.Slices()
	if !g.Divides(n) {
		return cutError(name, n, g)
	}
	for i := range n {
		if length := v.Slice(i).Len(); length != g.Len()/n {
			return sliceError(name, n, i, length, g)
		}
	}
	return nil
}

// disjointLists is apart where dst or src is a list.
func disjointLists(dst, src kernel.Vector, parts []layout.Part) error {
	alike := len(parts) == 1 && loop.Same(parts[0].Loops())
	written, read := 0, 0
	for i := range parts {
		p := &parts[i]
		reach, _ := loop.Measure(p.Loops())
		written = max(written, p.Dst+reach.Dst)
		if !p.Padding {
			read = max(read, p.Src+reach.Src)
		}
	}
	to, from := memory(dst, written), memory(src, read)
	if with, distance, shared := loop.Shared(&to, &from, dst.Kind().Size(), alike); shared {
		return &kernel.OverlapError{With: with, Elements: to.Length, Distance: distance}
	}
	return nil
}

// memory returns the memory of a list, or of so many elements of a slice.
func memory(v kernel.Vector, elements int) loop.Memory {
	m := loop.Memory{Data: v.Data(), Slices: v.Slices(), Length: elements}
	if m.Slices > 0 {
		_, m.Length = m.At(0)
	}
	return m
}
