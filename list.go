package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

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
