package loop

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Memory is where the elements of a tensor lie: in one slice, or in a list of slices, one after the
// other, which have equal lengths unless the list is ragged.
type Memory struct {
	Data   unsafe.Pointer // the first element, or the list, which may be one of any type of slices
	Slices int            // in the list, 0 if there is none
	Length int            // elements of each slice
	Ragged bool           // slices have any lengths, and Length means nothing
}

// At returns the address of slice i, and its length.
func (m *Memory) At(i int) (unsafe.Pointer, int) {
	if m.Slices == 0 {
		return m.Data, m.Length
	}
	s := *(*[]byte)(unsafe.Add(m.Data, i*int(unsafe.Sizeof([]byte(nil))))) // all slices are alike
	return unsafe.Pointer(unsafe.SliceData(s)), len(s)
}

// Aligned reports whether each slice begins at a multiple of so many bytes, a power of two.
func (m *Memory) Aligned(bytes int) bool {
	all := uintptr(0)
	for i := range max(m.Slices, 1) {
		all |= address(m, i)
	}
	return all&uintptr(bytes-1) == 0
}

// Address returns the address of the element at an offset, unless m is ragged. Elements have 1<<shift bytes.
func (m *Memory) Address(offset int, shift uint8) unsafe.Pointer {
	i := 0
	if m.Slices > 0 {
		i = offset / m.Length
		offset -= i * m.Length
	}
	data, _ := m.At(i)
	return unsafe.Add(data, offset<<(shift&7))
}

// Shared reports whether a slice of dst shares memory with another one of dst, or with src.
// If dst and src lie alike, an element of dst may be the one of src at the same offset. Slices
// count as a whole, whatever is visited of them. Slices of src may share memory: they are only
// read. Elements have size bytes. Shared also returns which the other one is, "dst" or "src",
// and how many bytes the slice of dst begins after the other slice. Neither is ragged, see [SharedRagged].
func Shared(dst, src *Memory, size int, alike bool) (with string, distance int, shared bool) {
	to, from := uintptr(dst.Length*size), uintptr(src.Length*size)
	if to == 0 || from == 0 {
		return "", 0, false
	}
	ordered, least, end := hull(dst, to)
	done := alike && dst.Slices == src.Slices && same(dst, src)
	if !done {
		_, first, last := hull(src, from)
		done = end <= first || last <= least
	}
	if ordered && done {
		return "", 0, false
	}
	t := tables.Get().(*table)
	defer tables.Put(t)
	t.reset(max(dst.Slices, 1), to)
	for i := range max(dst.Slices, 1) {
		at := address(dst, i)
		if other, found := t.find(at, to, 0, false, false); found {
			return "dst", int(at - other), true
		}
		t.add(i, at)
	}
	if done {
		return "", 0, false
	}
	// A slice of src may lie in far more buckets than dst has slices.
	long := from>>t.shift >= uintptr(len(t.starts))
	for i := range max(src.Slices, 1) {
		at := address(src, i)
		if other, found := t.find(at, from, at-uintptr(i)*from, alike, long); found {
			return "src", int(other - at), true
		}
	}
	return "", 0, false
}

func address(m *Memory, i int) uintptr {
	data, _ := m.At(i)
	return uintptr(data)
}

// hull returns where the memory of all slices begins and ends, and whether they follow each
// other without overlap.
func hull(m *Memory, bytes uintptr) (ordered bool, least, end uintptr) {
	at := address(m, 0)
	ordered, least, end = true, at, at+bytes
	for i := 1; i < m.Slices; i++ {
		at = address(m, i)
		ordered = ordered && at >= end
		least, end = min(least, at), max(end, at+bytes)
	}
	return ordered, least, end
}

// same reports whether two memories of as many slices are one.
func same(a, b *Memory) bool {
	for i := range max(a.Slices, 1) {
		if address(a, i) != address(b, i) {
			return false
		}
	}
	return true
}

// table finds slices of equal length by their address. Memory is divided into buckets of at
// least that length: no more than two disjoint slices begin in one. Buckets are hashed.
type table struct {
	bytes  uintptr // of each slice
	shift  int     // binary logarithm of the bytes of a bucket
	starts []uintptr
	heads  []int // the last slice added of each hash, counted from 1
	next   []int // the one before it
}

var tables = sync.Pool{New: func() any { return new(table) }}

// reset makes t an empty table for n slices of so many bytes.
func (t *table) reset(n int, bytes uintptr) {
	t.bytes, t.shift = bytes, bits.Len(uint(bytes-1))
	hashes := 2 << bits.Len(uint(n))
	if cap(t.starts) < n {
		t.starts, t.next, t.heads = make([]uintptr, n), make([]int, n), make([]int, hashes)
	}
	t.starts, t.next, t.heads = t.starts[:n], t.next[:n], t.heads[:hashes] // all there are may be far more
	clear(t.heads)
}

// head returns where the slices of a bucket are listed, and others of the same hash.
func (t *table) head(bucket uintptr) *int {
	hash := uint64(bucket) * 0x9e3779b97f4a7c15 >> 32
	return &t.heads[int(hash)&(len(t.heads)-1)]
}

func (t *table) add(i int, at uintptr) {
	head := t.head(at >> t.shift)
	t.starts[i], t.next[i] = at, *head
	*head = i + 1
}

// overlaps reports whether a slice of the table shares memory with so many bytes.
func (t *table) overlaps(slice, at, bytes uintptr) bool {
	return slice-at+t.bytes-1 < t.bytes+bytes-1 // from −t.bytes to bytes
}

// find returns the address of a slice in the table that shares memory with so many bytes at an
// address. If alike it leaves out the slice that begins as far from home as all before it are long.
// If long it looks at all slices instead of at the buckets.
func (t *table) find(at, bytes, home uintptr, alike, long bool) (other uintptr, found bool) {
	if long {
		return t.scan(at, bytes, home, alike)
	}
	first := (at - min(at, t.bytes-1)) >> t.shift
	for bucket := first; bucket <= (at+bytes-1)>>t.shift; bucket++ {
		for i := *t.head(bucket); i > 0; i = t.next[i-1] {
			other = t.starts[i-1]
			if t.overlaps(other, at, bytes) && !(alike && other-uintptr(i-1)*t.bytes == home) {
				return other, true
			}
		}
	}
	return 0, false
}

// scan is find for memory in more buckets than the table, which is full, has slices.
func (t *table) scan(at, bytes, home uintptr, alike bool) (other uintptr, found bool) {
	for i, other := range t.starts {
		if t.overlaps(other, at, bytes) && !(alike && other-uintptr(i)*t.bytes == home) {
			return other, true
		}
	}
	return 0, false
}
