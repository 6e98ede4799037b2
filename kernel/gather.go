package kernel

import (
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// gather is a block of rows that are contiguous in dst and not in src: count rows of
// length elements. A tensor that changes its layout on the way is made of such blocks.
type gather struct {
	rows   int // the rows that are gathered at a time, 0 where src lies as dst does
	step   int // from an element of a row to the next, in src
	row    layout.Loop
	factor int // from an element of a row to the next, in the factors
}

// gatherBytes is the memory that rows are gathered in: it stays in the L1 cache together
// with the lines of src and dst that are in use.
const gatherBytes = 8 << 10

// gathers holds that memory for the next call.
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
	n.across = gather{rows: min(row.Size, lineBytes>>n.kind.shift), step: last.Src, row: row, factor: last.Factor}
	if last.Factor == 1 && op != Copy {
		n.shape = pixels
	}
	return at
}

// gathered does elements from to to of the block at a place, both at the beginning of a
// row. It gathers pieces of some rows of src and runs the kernel on each piece. What is
// gathered and then dropped is read without need; the channels of a line of src are
// mixed wherever this matters.
func (n *nest) gathered(at place, from, to int) {
	shift, g := n.kind.shift, &n.across
	room := gathers.Get().(*[gatherBytes / 8]uint64)
	most := gatherBytes >> shift / g.rows // elements of a piece
	for first := from / n.length; first < to/n.length; first += g.rows {
		rows := min(g.rows, to/n.length-first)
		for begin := 0; begin < n.length; begin += most {
			length := min(most, n.length-begin)
			src := unsafe.Add(n.src, (at.src+first*g.row.Src+begin*g.step)<<shift)
			switch shift {
			case 1:
				transposed((*uint16)(unsafe.Pointer(room)), (*uint16)(src), rows, length, g.row.Src, g.step)
			case 2:
				transposed((*uint32)(unsafe.Pointer(room)), (*uint32)(src), rows, length, g.row.Src, g.step)
			default:
				transposed((*uint64)(unsafe.Pointer(room)), (*uint64)(src), rows, length, g.row.Src, g.step)
			}
			for r := range rows {
				dst := unsafe.Add(n.dst, (at.dst+(first+r)*g.row.Dst+begin)<<shift)
				piece := unsafe.Add(unsafe.Pointer(room), r*length<<shift)
				if n.op == Copy {
					copy(unsafe.Slice((*byte)(dst), length<<shift), unsafe.Slice((*byte)(piece), length<<shift))
					continue
				}
				factors, shifts := n.channel(at.factor + (first+r)*g.row.Factor + begin*g.factor)
				n.kind.call(n.kind.ways[n.op][0][n.shape], dst, piece, factors, shifts, 1, length)
			}
		}
	}
	gathers.Put(room)
}

// transposed writes rows of length elements to dst, one after the other. In src their
// elements are step apart and rows are row apart.
func transposed[T uint16 | uint32 | uint64](dst, src *T, rows, length, row, step int) {
	to := unsafe.Slice(dst, rows*length)
	from := unsafe.Slice(src, (rows-1)*row+(length-1)*step+1)
	for i := range length {
		for r, at := i, i*step; r < len(to); r, at = r+length, at+row {
			to[r] = from[at]
		}
	}
}
