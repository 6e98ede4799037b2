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
// Measured with float32 and AVX2 on an EPYC of 2024: one line is 1.0 to 1.5 times as fast as four in
// the second cache, and 0.95 to 1.1 times in memory. 32 KiB are 0.9 to 1.1 times as fast as
// 16 KiB, 64 KiB and more down to half as fast. In plain Go one line is as fast as four.
const (
	gatherLines = 1
	gatherBytes = 16 << 10
)

// gathers holds memory for gathered tiles until the next call.
var gathers = sync.Pool{New: func() any { return new(gatherRoom) }}

// gatherRoom has place for a tile and the few rows more that its last one may have: 3 more than
// 8, which are a line of 64-bit elements. Behind it is what a transposition of few columns writes
// too much.
type gatherRoom [gatherBytes/8*(8+fewElements-1)/8 + fewElements]uint64

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
	g.most = room / max(g.rows, fewElements)
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
	room := gathers.Get().(*gatherRoom)
	part := nest{operands: n.operands, block: n.block}
	part.src = unsafe.Pointer(room)
	for begin := 0; begin < n.length; begin += g.most {
		part.length = min(g.most, n.length-begin)
		rows := 0
		for first := from; first < to; first += rows {
			if rows = min(g.rows, to-first); to-first-rows < fewElements {
				rows = to - first // a few rows more would take as long as a tile
			}
			n.transposeTile(part.src, at, first, begin, rows, part.length)
			if g.row.Dst == part.length && (n.op == Copy || g.row.Factor == 1-g.factor) {
				part.count = rows
				p := place{at.dst + first*g.row.Dst + begin, 0, at.factor + first*g.row.Factor + begin*g.factor}
				part.along(p, 0, rows*part.length)
				continue
			}
			part.count = 1
			for r := range rows {
				part.row(at.dst+(first+r)*g.row.Dst+begin, r*part.length, at.factor+(first+r)*g.row.Factor+begin*g.factor)
			}
		}
	}
	gathers.Put(room)
}

// row does one row of a tile, or a part of one, that begins at elements of dst and of the tile
// and at an entry of the factors.
func (n *nest) row(to, from, factor int) {
	if n.family != nil {
		n.along(place{to, from, factor}, 0, n.length)
		return
	}
	shift := n.kind.shift
	dst, src := unsafe.Add(n.dst, to<<shift), unsafe.Add(n.src, from<<shift)
	if n.op == Copy {
		bytes := n.length << shift
		copy(unsafe.Slice((*byte)(dst), bytes), unsafe.Slice((*byte)(src), bytes))
		return
	}
	factors, shifts := n.channel(factor)
	n.exec(n.shape, dst, src, factors, shifts, 1, n.length)
}

// transposeTile gathers rows of so many columns in room, one after the other, from the given
// row and column of the block at a place on.
func (n *nest) transposeTile(room unsafe.Pointer, at place, row, column, rows, columns int) {
	shift, g := n.kind.shift, &n.across
	src := unsafe.Add(n.src, (at.src+row*g.row.Src+column*g.step)<<shift)
	if g.row.Src != 1 {
		gatherApart(shift, room, src, rows, columns, g.row.Src<<shift, g.step<<shift)
		return
	}
	// A line with few elements is read as if it had more: those of the next line, if that is
	// where it ends. There are none after the last ones.
	size, step, most := 1<<shift, g.step<<shift, columns
	if rows < fewElements {
		if g.step != rows || g.row.Size != rows {
			most = 0
		} else {
			most = max(0, columns-(fewElements-1)/rows)
		}
	}
	if most > 0 {
		transpose(shift, room, src, rows, most, columns<<shift, step)
	}
	if most < columns {
		room, src, left := unsafe.Add(room, most*size), unsafe.Add(src, most*step), columns-most
		switch shift {
		case 1:
			transposeGeneric[uint16](room, src, rows, left, columns<<shift, step)
		case 2:
			transposeGeneric[uint32](room, src, rows, left, columns<<shift, step)
		default:
			transposeGeneric[uint64](room, src, rows, left, columns<<shift, step)
		}
	}
}

// transpose runs the routine for elements of 1<<shift bytes.
func transpose(shift uint8, dst, src unsafe.Pointer, rows, columns, to, from int) {
	switch shift {
	case 1:
		dispatchTranspose16(dst, src, rows, columns, to, from)
	case 2:
		dispatchTranspose32(dst, src, rows, columns, to, from)
	default:
		dispatchTranspose64(dst, src, rows, columns, to, from)
	}
}

// gatherApart copies rows to dst, one after the other. In src rows are from bytes apart and
// their elements step bytes.
func gatherApart(shift uint8, dst, src unsafe.Pointer, rows, columns, from, step int) {
	switch shift {
	case 1:
		gatherRows[uint16](dst, src, rows, columns, from, step)
	case 2:
		gatherRows[uint32](dst, src, rows, columns, from, step)
	default:
		gatherRows[uint64](dst, src, rows, columns, from, step)
	}
}

func gatherRows[T uint16 | uint32 | uint64](dst, src unsafe.Pointer, rows, columns, from, step int) {
	for r := range rows {
		d, s := unsafe.Slice((*T)(unsafe.Add(dst, r*columns*int(unsafe.Sizeof(T(0))))), columns), unsafe.Add(src, r*from)
		for c := range d {
			d[c] = *(*T)(unsafe.Add(s, c*step))
		}
	}
}
