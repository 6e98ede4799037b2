package kernel

import "unsafe"

// fewElements is how many elements of a line a transposition reads at least, and how many rows
// and columns it writes at least.
const fewElements = 4

// transposeGeneric is a transposition in plain Go: it copies element r of line c of src to
// element c of row r of dst. Rows begin to bytes apart, and lines from bytes apart. It reads and
// writes no other element.
func transposeGeneric[T uint16 | uint32 | uint64](dst, src unsafe.Pointer, rows, columns, to, from int) {
	size := int(unsafe.Sizeof(T(0)))
	c := 0
	for ; c+4 <= columns; c += 4 {
		fourLines[T](unsafe.Add(dst, c*size), unsafe.Add(src, c*from), rows, to, from)
	}
	for ; c < columns; c++ {
		for r := range rows {
			*(*T)(unsafe.Add(dst, r*to+c*size)) = *(*T)(unsafe.Add(src, r*size+c*from))
		}
	}
}

// fourLines copies four lines. Inlined, its loop would run out of registers: 0.6 times as fast.
//
//go:noinline
func fourLines[T uint16 | uint32 | uint64](dst, src unsafe.Pointer, rows, to, from int) {
	size := int(unsafe.Sizeof(T(0)))
	s1, s2, s3 := unsafe.Add(src, from), unsafe.Add(src, 2*from), unsafe.Add(src, 3*from)
	y, x := 0, 0
	for range rows {
		d := (*[4]T)(unsafe.Add(dst, y))
		d[0] = *(*T)(unsafe.Add(src, x))
		d[1] = *(*T)(unsafe.Add(s1, x))
		d[2] = *(*T)(unsafe.Add(s2, x))
		d[3] = *(*T)(unsafe.Add(s3, x))
		y += to
		x += size
	}
}
