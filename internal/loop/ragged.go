package loop

import (
	"cmp"
	"slices"
	"sync"
)

// span is the memory of a slice, from an address up to another.
type span struct{ at, end uintptr }

// elements returns how many elements of so many bytes lie in s.
func (s span) elements(size int) int { return int(s.end-s.at) / size }

var spans = sync.Pool{New: func() any { return new([]span) }}

// SharedRagged is [Shared] of tensors that do not lie alike, and may be ragged. Then the slices of dst are put in order, and each
// of src is looked for among them. SharedRagged also returns how many elements the slice of dst holds. Programs that only call
// Shared do not contain the code for it.
func SharedRagged(dst, src *Memory, size int) (with string, elements, distance int, shared bool) {
	if !dst.Ragged && !src.Ragged {
		with, distance, shared = Shared(dst, src, size, false)
		return with, dst.Length, distance, shared
	}
	kept := spans.Get().(*[]span)
	defer spans.Put(kept)
	all := (*kept)[:0]
	for i := range max(dst.Slices, 1) {
		if s := dst.span(i, size); s.at < s.end {
			all = append(all, s)
		}
	}
	*kept = all
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.at, b.at) })
	for i := range all[min(1, len(all)):] {
		if before, s := all[i], all[i+1]; s.at < before.end {
			return "dst", s.elements(size), int(s.at - before.at), true
		}
	}
	for i := range max(src.Slices, 1) {
		s := src.span(i, size)
		// The first slice of dst that ends after s begins.
		first, _ := slices.BinarySearchFunc(all, s.at+1, func(d span, at uintptr) int { return cmp.Compare(d.end, at) })
		if s.at < s.end && first < len(all) && all[first].at < s.end {
			return "src", all[first].elements(size), int(all[first].at - s.at), true
		}
	}
	return "", 0, 0, false
}

// span returns the memory of slice i.
func (m *Memory) span(i, size int) span {
	data, length := m.At(i)
	at := uintptr(data)
	return span{at, at + uintptr(length*size)}
}
