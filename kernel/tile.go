package kernel

import (
	"sync"
	"unsafe"
)

const (
	// tileBytes is the length to which a row of repeated factors grows: long enough that
	// the start of a row costs little, short enough that filling the row costs little in
	// small samples. Samples of 3×56×56 are 1.03 to 1.07 times as fast with 512 bytes as
	// with 2048 (float32, Sapphire Rapids class). A kernel waits for the stores that have just filled its row, behind
	// those of the sample before. But to fill the row of the next sample before a sample is done brings 1 % from memory
	// (samples of 38 KB, Zen 4).
	tileBytes = 512
	// tileMaxBytes is the longest such row.
	tileMaxBytes = 8 << 10
)

// tile holds factors, and shifts, repeated to a longer row. It is kept for the next call.
type tile struct {
	factors, shifts [tileMaxBytes / 8]uint64
}

var tiles = sync.Pool{New: func() any { return new(tile) }}

// tiled does what rows does for short rows, and for rows that are stored past the cache
// and begin within a cache line. A loop over three channels is all overhead: the factors
// are repeated to a row that is long and a multiple of the cache line, and several pixels
// become one row of that tile. Stores past the cache need their rows on a cache line: the
// elements before the first line are processed separately, and the tile begins with the
// channel that comes then. Both from and to are the beginning of a row. tiled returns
// false, and has done nothing, where it does not pay.
func (n *nest) tiled(at place, from, to int) bool {
	shift := n.kind.shift
	row := n.length << shift
	line := lineMultiple(row)
	head := 0
	if n.storesPast() {
		head = ((-int(uintptr(n.dst)) - (at.dst+from)<<shift) & (lineBytes - 1)) >> shift
	}
	if row >= tileBytes && line == row && head == 0 || line > tileMaxBytes {
		return false
	}
	bytes := line * max(1, tileBytes/line)
	if (to-from)<<shift < 4*bytes {
		return false
	}
	for end := from + head; from < end; {
		length := min(n.length, end-from)
		n.call(at, from, 0, 1, length)
		from += length
	}

	t := tiles.Get().(*tile)
	channel := (from % n.length) << shift
	factors, shifts := n.channel(at.factor)
	repeat(&t.factors, bytes, factors, row, channel)
	if shifts != nil {
		repeat(&t.shifts, bytes, shifts, row, channel)
		shifts = unsafe.Pointer(&t.shifts)
	}

	length := bytes >> shift
	most := rowsOf(bytes)
	for from < to {
		// The last pixels are one row of the tile's beginning.
		count, length := min((to-from)/length, most), length
		if count == 0 {
			count, length = 1, to-from
		}
		n.exec(pixels, unsafe.Add(n.dst, (at.dst+from)<<shift), unsafe.Add(n.src, (at.src+from)<<shift), unsafe.Pointer(&t.factors), shifts, count, length)
		from += count * length
	}
	tiles.Put(t)
	return true
}

// repeat fills long, as far as bytes, with the row that begins with the given one
// of its bytes.
func repeat(long *[tileMaxBytes / 8]uint64, bytes int, first unsafe.Pointer, row, from int) {
	extend(unsafe.Slice((*byte)(unsafe.Pointer(long)), bytes), unsafe.Slice((*byte)(first), row), from)
}

// extend fills to with a row, again and again, that begins with the given one of its bytes.
func extend(to, row []byte, from int) {
	filled := copy(to, row[from:])
	filled += copy(to[filled:], row[:from])
	for filled < len(to) {
		filled += copy(to[filled:], to[:filled])
	}
}
