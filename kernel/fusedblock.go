package kernel

import (
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
)

const (
	// fusedRepeatBytes is how far scales and shifts are repeated at most: as far as a tile of
	// factors, and a row more, since a tile may begin within a row.
	fusedRepeatBytes = 2 * tileMaxBytes
	// stripBytes is the longest row whose factors, scales and shifts stay in registers of AVX-512.
	stripBytes = 256
	// stageBytes bounds what goes through two kernels at a time.
	stageBytes = 16 << 10
)

// set makes c the call of a nest that spans so many elements of dst and has so many factors.
func (c *fused) set(f *Fused, what fusedOp, n *nest, span, factors int) {
	kind, fusion := n.kind, &fusedTable[what]
	c.kernels = kind.more.(fuser)
	c.reads, c.staged, c.backward, c.added = fusion.aux, f.Op != Scale, fusion.backward, false
	if c.staged {
		what, c.added = withoutSum(what)
	}
	c.ways = c.kernels.fusedWays(what)
	c.limit = wordOf(kind, f.Activation.limit())
	c.scales, c.shifts, c.channels, c.entries = f.Scales.data, f.Shifts.data, f.Scales.len, f.Scales.len
	c.repeat(n, factors)
	c.self = c
	n.family = &c.self
	size := kind.bytes(1)
	n.pastCache, n.far = false, false
	if bytes := span * size; !short(bytes) && !c.staged && streams() && c.ways[1][n.shape] != noFused && n.dst != n.src && !(c.reads && n.dst == c.aux.Address(n.base.dst, kind.shift)) {
		dst := loop.Memory{Data: n.dst}
		if n.lists != nil {
			dst = n.lists.dst
		}
		n.pastCache = bytes >= strategy().streams(n.shape, false) && dst.Aligned(size)
	}
}

// withoutSum returns the formula that aux is added to, and whether there is one.
func withoutSum(f fusedOp) (fusedOp, bool) {
	switch f {
	case fuseAdd:
		return fuse, true
	case fuseReLUAdd:
		return fuseReLU, true
	case fuseLeakyAdd:
		return fuseLeaky, true
	}
	return f, false
}

// wordOf returns a word whose first bytes in memory are a number rounded to a kind.
func wordOf(kind *Kind, x float64) (word uint64) {
	p := unsafe.Pointer(&word)
	switch kind.shift {
	case 3:
		*(*float64)(p) = x
	case 2:
		*(*float32)(p) = float32(x)
	default:
		*(*uint16)(p) = kind.typ.Round(x)
	}
	return word
}

// repeat repeats scales and shifts of few channels, so that one call of a kernel takes more than one
// sample of short planes, or a tile of rows.
func (c *fused) repeat(n *nest, factors int) {
	shift := n.kind.shift
	row, wanted := c.channels<<shift, 0
	switch {
	case n.shape == pixels && n.count > 1 && n.length == c.channels:
		// As [nest.tiled] has it, unless there is too little for that.
		if line := lineMultiple(row); line <= tileMaxBytes && n.count*row >= 4*max(line, tileBytes) {
			wanted = line*max(1, tileBytes/line) + row
		}
	case factors > c.channels && row < tileBytes:
		wanted = min(factors<<shift, tileBytes+row)
	}
	if wanted <= row {
		return
	}
	wanted = min(wanted, fusedRepeatBytes)
	for i, p := range [...]*unsafe.Pointer{&c.scales, &c.shifts} {
		extend(unsafe.Slice((*byte)(unsafe.Pointer(&c.room[i])), wanted), unsafe.Slice((*byte)(*p), row), 0)
		*p = unsafe.Pointer(&c.room[i])
	}
	c.entries = wanted >> shift
}

// channel returns the channel of an entry of the factors of n.
func (c *fused) channel(n *nest, entry int) int { return (n.base.factor + entry) % c.channels }

// walk does what [nest.walk] does to the nest at an address.
func (c *fused) walk(p unsafe.Pointer, begin place, lo, hi int) {
	n := (*nest)(p)
	loops := n.outer[:n.depth]
	var s steps
	for s.set(loops, begin, n.count*n.length, lo, hi); s.next(loops); {
		switch {
		case n.across.rows > 0:
			n.gathered(s.at, s.from, s.to)
		case n.shape == pixels:
			c.rows(n, s.at, s.from, s.to)
		default:
			c.planes(n, s.at, s.from, s.to)
		}
	}
}

// limitOf returns how many elements one call of a kernel takes.
func (c *fused) limitOf(n *nest) int {
	if c.staged {
		return stageBytes >> n.kind.shift
	}
	return callBytes >> n.kind.shift
}

// planes does what [nest.planes] does. Planes of one call have neighbouring scales.
func (c *fused) planes(n *nest, at place, from, to int) {
	limit := c.limitOf(n)
	for from < to {
		plane, inside := from/n.length, from%n.length
		entry := at.factor + plane
		count, length := 1, 0
		if whole := (to - from) / n.length; inside == 0 && whole > 0 && n.length <= limit {
			count, length = min(whole, limit/n.length, c.entries-c.channel(n, entry)), n.length
		} else {
			length = min(n.length-inside, to-from, limit)
		}
		if n.length == 1 {
			c.call(n, pixels, at, from, entry, 1, count) // the same, without a loop for each
		} else {
			c.call(n, planes, at, from, entry, count, length)
		}
		from += count * length
	}
}

// rows does what [nest.rows] does.
func (c *fused) rows(n *nest, at place, from, to int) {
	limit := c.limitOf(n)
	if n.count == 1 || n.length > limit || c.channel(n, at.factor)+n.length > c.entries {
		for from < to {
			inside := from % n.length
			entry := at.factor + inside
			length := min(n.length-inside, to-from, limit, c.entries-c.channel(n, entry))
			c.call(n, pixels, at, from, entry, 1, length)
			from += length
		}
		return
	}
	if c.tiled(n, at, from, to) {
		return
	}
	most := min(rowsOf(n.length<<n.kind.shift), limit/n.length)
	for from < to {
		count := min((to-from)/n.length, most)
		c.call(n, pixels, at, from, at.factor, count, n.length)
		from += count * n.length
	}
}

// tiled does what [nest.tiled] does, with scales and shifts that are repeated already. Where kernels
// have strips, a tile is one if it can be.
func (c *fused) tiled(n *nest, at place, from, to int) bool {
	shift := n.kind.shift
	row := n.length << shift
	line := lineMultiple(row)
	head := 0
	if n.pastCache {
		head = ((-int(uintptr(n.dst)) - (at.dst+from)<<shift) & (lineBytes - 1)) >> shift
	}
	least := tileBytes
	if shift >= 2 && strips() {
		least = stripBytes
	}
	bytes := line * max(1, least/line)
	if bytes == row && head == 0 || line > tileMaxBytes {
		return false
	}
	if (to-from)<<shift < 4*bytes || c.staged || n.length != c.channels || (n.base.factor+at.factor)%c.channels != 0 || c.entries<<shift < bytes+row {
		return false
	}
	for end := from + head; from < end; {
		length := min(n.length, end-from)
		c.call(n, pixels, at, from, at.factor, 1, length)
		from += length
	}
	t := tiles.Get().(*tile)
	channel := from % n.length
	factors, _ := n.channel(at.factor)
	repeat(&t.factors, bytes, factors, row, channel<<shift)
	length := bytes >> shift
	most := rowsOf(bytes)
	for from < to {
		// The last pixels are one row of the tile's beginning.
		count, length := min((to-from)/length, most), length
		if count == 0 {
			count, length = 1, to-from
		}
		c.exec(n, pixels, at, from, unsafe.Pointer(&t.factors), nil, channel, count, length)
		from += count * length
	}
	tiles.Put(t)
	return true
}

// call runs the kernels on elements of the block at a place, from the given one on, whose
// factors begin with the given entry.
func (c *fused) call(n *nest, s shape, at place, from, entry, count, length int) {
	factors, shifts := n.channel(entry)
	c.exec(n, s, at, from, factors, shifts, c.channel(n, entry), count, length)
}

// exec is call with the factors, the shifts of dropout and the channel that come first.
func (c *fused) exec(n *nest, s shape, at place, from int, factors, more unsafe.Pointer, channel, count, length int) {
	shift := n.kind.shift
	dst, src, aux := unsafe.Add(n.dst, (at.dst+from)<<shift), unsafe.Add(n.src, (at.src+from)<<shift), unsafe.Pointer(nil)
	if c.reads {
		aux = unsafe.Add(c.aux.Address(n.base.dst, shift), (at.dst+from)<<shift)
	}
	scales, shifts := unsafe.Add(c.scales, channel<<shift), unsafe.Add(c.shifts, channel<<shift)
	if c.staged {
		c.stages(n, s, dst, src, aux, factors, more, scales, shifts, count, length)
		return
	}
	past := 0
	if n.pastCache {
		bytes := length << shift
		if bytes >= lineBytes && (s != pixels || bytes%lineBytes == 0 && uintptr(dst)%lineBytes == 0) {
			past = 1
		}
	}
	c.kernel(c.ways[past][s], dst, src, aux, factors, scales, shifts, count, length)
}

// kernel runs a kernel.
func (c *fused) kernel(k fusedID, dst, src, aux, factors, scales, shifts unsafe.Pointer, count, length int) {
	c.kernels.fused(k, hide(dst), hide(src), hide(aux), hide(factors), hide(scales), hide(shifts), unsafe.Pointer(&c.limit), count, length)
}

// stage is memory for what goes through two kernels, and factors of 1.
type stage struct {
	between, ones [stageBytes / 8]uint64
	kind          *Kind // of the ones
	filled        int   // of the ones, in bytes
}

var stages = sync.Pool{New: func() any { return new(stage) }}

// onesOf returns so many factors of 1.
func (t *stage) onesOf(kind *Kind, n int) unsafe.Pointer {
	if t.kind != kind {
		t.kind, t.filled = kind, 0
	}
	p := unsafe.Pointer(&t.ones)
	for end := kind.bytes(n); t.filled < end; t.filled += kind.bytes(1) {
		switch at := unsafe.Add(p, t.filled); kind.shift {
		case 3:
			*(*uint64)(at) = kind.one
		case 2:
			*(*uint32)(at) = uint32(kind.one >> 32)
		default:
			*(*uint16)(at) = uint16(kind.one >> 48)
		}
	}
	return p
}

// drop makes a factor of 1 a factor of 0 where that of dropout is 0: the gradient of a dropped
// channel is +0 whatever its scale is.
func (t *stage) drop(kind *Kind, factors unsafe.Pointer, n int) {
	size := kind.bytes(1)
	all, zeros := unsafe.Slice((*byte)(factors), n*size), unsafe.Slice((*byte)(unsafe.Pointer(&t.ones)), n*size)
	for i := 0; i < n*size; i += size {
		switch {
		case size == 8 && *(*uint64)(unsafe.Pointer(&all[i]))<<1 == 0:
		case size == 4 && *(*uint32)(unsafe.Pointer(&all[i]))<<1 == 0:
		case size == 2 && *(*uint16)(unsafe.Pointer(&all[i]))<<1 == 0:
		default:
			continue
		}
		clear(zeros[i : i+size])
		t.filled = 0 // no longer ones
	}
}

// stages does what exec does where dropout is a kernel of its own: after the formula with factors of
// 1, or in a gradient before it.
func (c *fused) stages(n *nest, s shape, dst, src, aux, factors, more, scales, shifts unsafe.Pointer, count, length int) {
	t := stages.Get().(*stage)
	kind, ways := n.kind, n.kind.ways
	channels := count
	if s == pixels {
		channels = length
	}
	ones, between := t.onesOf(kind, channels), unsafe.Pointer(&t.between)
	switch bytes := kind.bytes(count * length); {
	case c.backward:
		if operations[n.op].dropped == zeroed {
			t.drop(kind, factors, channels)
		}
		kind.call(ways[n.op][0][s], between, src, factors, more, count, length)
		c.kernel(c.ways[0][s], dst, between, aux, ones, scales, shifts, count, length)
	case !c.added:
		c.kernel(c.ways[0][s], between, src, nil, ones, scales, shifts, count, length)
		kind.call(ways[n.op][0][s], dst, between, factors, more, count, length)
	default:
		c.kernel(c.ways[0][s], between, src, nil, ones, scales, shifts, count, length)
		if dst != aux {
			copy(unsafe.Slice((*byte)(dst), bytes), unsafe.Slice((*byte)(aux), bytes))
		}
		op := n.op
		switch op {
		case Multiply:
			op = AddMultiply
		case Divide:
			op = AddDivide
		default: // the sum of dropout is rounded before that with aux
			kind.call(ways[op][0][s], between, between, factors, more, count, length)
			op, factors = Add, ones
		}
		kind.call(ways[op][0][s], dst, between, factors, nil, count, length)
	}
	stages.Put(t)
}
