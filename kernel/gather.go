package kernel

import (
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// gather is a block of rows that are contiguous in dst and not in src: count rows of
// length elements. A tensor that changes its layout on the way is made of such blocks.
type gather struct {
	rows, most int // rows and elements of each in a tile, 0 where src lies as dst does
	step       int // from an element of a row to the next, in src
	row        layout.Loop
	factor     int // from an element of a row to the next, in the factors
}

// A tile is gathered in memory of gatherBytes, which stays in the L1 cache together with
// the lines of src in use. Its rows are neighbours in src: they fill gatherLines cache lines
// there, or more where rows follow each other in dst without a gap.
//
// Measured with float32, 32×64×56×56 both ways, on an EPYC of 2024: two lines are 0.6 to 0.9
// times as fast as four, and four lines with 8 KiB or 32 KiB 0.8 to 1.1 times as fast as with
// 16 KiB. Copies straight to dst were no faster, and half as fast where rows of dst are
// powers of two apart. Elements are moved one by one: two in a 64-bit word were at most 1.15
// times as fast, and served 32-bit types only.
const (
	gatherLines = 4
	gatherBytes = 16 << 10
)

// gathers holds memory for gathered tiles until the next call.
var gathers = sync.Pool{New: func() any { return new([gatherBytes / 8]uint64) }}

// transpose makes a block of the innermost loop, whose elements lie apart in src, and of
// the loop around it whose elements are nearest to each other there. It returns which of
// the loops around that is, -1 if there is none.
func (n *nest) transpose(op Op, last layout.Loop, outer []layout.Loop) int {
	row, at := layout.Loop{Size: 1}, -1
	for i, l := range outer {
		if l.Size > 1 && (at < 0 || l.Src <= row.Src) {
			row, at = l, i
		}
	}
	n.count, n.length = row.Size, last.Size
	g := gather{step: last.Src, row: row, factor: last.Factor}
	room := gatherBytes >> n.kind.shift
	g.rows = min(row.Size, gatherLines*lineBytes>>n.kind.shift)
	if row.Dst == n.length { // rows without gaps may be many
		g.rows = min(row.Size, max(g.rows, room/n.length))
	}
	g.most = room / g.rows
	if op == Copy {
		g.factor = 0
	} else if g.factor == 1 {
		n.shape = pixels
	}
	n.across = g
	return at
}

// gathered does elements from to to of the block at a place, both at the beginning of a
// row, tile by tile. Dropped channels are gathered, too: a line of src has dropped and
// kept ones wherever this matters.
func (n *nest) gathered(at place, from, to int) {
	g := &n.across
	from, to = from/n.length, to/n.length
	room := gathers.Get().(*[gatherBytes / 8]uint64)
	part := nest{operands: n.operands, block: n.block}
	part.src = unsafe.Pointer(room)
	for begin := 0; begin < n.length; begin += g.most {
		part.length = min(g.most, n.length-begin)
		for first := from; first < to; first += g.rows {
			rows := min(g.rows, to-first)
			n.transposeTile(part.src, at, first, begin, rows, part.length)
			together := 1 // rows that make a block
			if g.row.Dst == part.length && (n.op == Copy || g.row.Factor == 1-g.factor) {
				together = rows
			}
			part.count = together
			for r := 0; r < rows; r += together {
				p := place{at.dst + (first+r)*g.row.Dst + begin, r * part.length, at.factor + (first+r)*g.row.Factor + begin*g.factor}
				if n.shape == pixels {
					part.rows(p, 0, together*part.length)
				} else {
					part.planes(p, 0, together*part.length)
				}
			}
		}
	}
	gathers.Put(room)
}

// transposeTile gathers rows of so many columns in room, one after the other, from the given
// row and column of the block at a place on.
func (n *nest) transposeTile(room unsafe.Pointer, at place, row, column, rows, columns int) {
	shift, g := n.kind.shift, &n.across
	src := unsafe.Add(n.src, (at.src+row*g.row.Src+column*g.step)<<shift)
	from, step := g.row.Src<<shift, g.step<<shift
	switch shift {
	case 1:
		transposed[uint16](room, src, rows, columns, from, step)
	case 2:
		transposed[uint32](room, src, rows, columns, from, step)
	default:
		transposed[uint64](room, src, rows, columns, from, step)
	}
}

// transposed copies rows to dst, one after the other. In src rows are from bytes apart and
// their elements step bytes.
func transposed[T uint16 | uint32 | uint64](dst, src unsafe.Pointer, rows, columns, from, step int) {
	size := int(unsafe.Sizeof(T(0)))
	to := columns * size
	c := 0
	for ; c+4 <= columns; c += 4 {
		fourColumns[T](unsafe.Add(dst, c*size), unsafe.Add(src, c*step), rows, to, from, step)
	}
	for ; c < columns; c++ {
		for r := range rows {
			*(*T)(unsafe.Add(dst, r*to+c*size)) = *(*T)(unsafe.Add(src, r*from+c*step))
		}
	}
}

// fourColumns copies four elements of each row. Inlined, its loop would run out of registers:
// 0.6 times as fast.
//
//go:noinline
func fourColumns[T uint16 | uint32 | uint64](dst, src unsafe.Pointer, rows, to, from, step int) {
	s1, s2, s3 := unsafe.Add(src, step), unsafe.Add(src, 2*step), unsafe.Add(src, 3*step)
	y, x := 0, 0
	for range rows {
		d := (*[4]T)(unsafe.Add(dst, y))
		d[0] = *(*T)(unsafe.Add(src, x))
		d[1] = *(*T)(unsafe.Add(s1, x))
		d[2] = *(*T)(unsafe.Add(s2, x))
		d[3] = *(*T)(unsafe.Add(s3, x))
		y += to
		x += from
	}
}
