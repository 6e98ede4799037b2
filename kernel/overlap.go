package kernel

import "unsafe"

// meets reports whether dst and src, both of so many bytes, overlap without being the same.
func meets(dst, src unsafe.Pointer, bytes int) bool {
	distance := uintptr(dst) - uintptr(src)
	return distance != 0 && distance+uintptr(bytes-1) < uintptr(2*bytes-1) // from −bytes to bytes
}

// within reports whether factors, or shifts, of so many bytes share memory with dst. Neither
// is empty.
func within(dst unsafe.Pointer, bytes int, factors unsafe.Pointer, entries int) bool {
	return uintptr(factors)-uintptr(dst)+uintptr(entries-1) < uintptr(bytes+entries-1) // from −entries to bytes
}

// overlapOf returns the error of a dst without gaps that overlaps another slice.
//
//go:noinline
func overlapOf(kind *Kind, dst, src, factors, shifts vector) error {
	with, other := "shifts", shifts
	if bytes := kind.bytes(dst.len); meets(dst.data, src.data, bytes) {
		with, other = "src", src
	} else if within(dst.data, bytes, factors.data, kind.bytes(factors.len)) {
		with, other = "factors", factors
	}
	return &OverlapError{With: with, Elements: dst.len, Distance: int(uintptr(dst.data) - uintptr(other.data))}
}
