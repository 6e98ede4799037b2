package kernel

import "unsafe"

// wholeBytes is the shortest plane that is processed side by side with three others if
// planes are whole cache lines, raggedBytes if they are not: then what lies before the
// first line and after the last is processed separately. Shorter planes are stored past
// the cache as if they were one plane. Measured in memory (float32 and halves, Sapphire
// Rapids class): 1.5 KiB of whole lines 1.15 to 1.35 times as fast side by side, 1 KiB a
// tie; 2.1 and 2.9 KiB ragged 0.9 times, 3.4 KiB 1.1 times.
const (
	wholeBytes  = 3 << 9
	raggedBytes = 3 << 10
)

// fourPlaces says which planes the kernels of [fourPlanes] process side by side: four to
// compute, and up to four others to clear. All numbers count bytes.
//
// Loads from one page of memory after the other wait for each page anew: the processor
// does not prefetch across the border of a page. Loads from four pages side by side wait
// for all of them together.
type fourPlaces struct {
	at     [4]int // from dst, and from src, to the four planes
	factor [4]int // from factors to their factors
	fill   [4]int // from dst to the planes to clear
	fills  int    // number of planes to clear

	backward int // -1 if lines are walked from the last one to the first, 0 otherwise
}

// fourAtOnce reports whether elements from to to of the block at a place are processed four
// planes at a time.
func (n *nest) fourAtOnce(at place, from, to int) bool {
	least, bytes := raggedBytes, n.length<<n.kind.shift
	if (uintptr(n.dst)|uintptr(bytes))%lineBytes == 0 {
		least = wholeBytes
	}
	if !n.pastCache || bytes < least {
		return false
	}
	if n.dst != n.src || operations[n.op].adds {
		return true
	}
	first, last := (from+n.length-1)/n.length, to/n.length
	dropped := 0
	for p := first; p < last; p++ {
		if n.bits(at.factor+p)<<1 == 0 {
			dropped++
		}
	}
	return dropped > (last-first)/droppedShare
}

// droppedShare is the share of dropped planes, one in so many, that four at a time need in
// place to win, see [Strategy].
const droppedShare = 4

// collector collects planes until there are enough of them to process four side by side.
// The numbers of dropped and kept planes are random: some planes wait, a few are
// processed alone.
type collector struct {
	*nest
	at            place // of the block
	kept, dropped [16]int
	keeps, drops  int
}

// fourPlanes does what planes does with data far larger than the cache.
func (n *nest) fourPlanes(at place, from, to int) {
	c := collector{nest: n, at: at}
	first := (from + n.length - 1) / n.length
	last := to / n.length
	if first > last { // within a plane
		c.part(from, to)
		return
	}
	c.part(from, first*n.length)
	operation, inPlace := &operations[n.op], n.dst == n.src
	for p := first; p < last; p++ {
		switch value := n.bits(at.factor + p); {
		case value<<1 == 0 && operation.dropped == kept:
		case value<<1 == 0 && operation.dropped == zeroed:
			if c.drops == len(c.dropped) {
				c.clear(c.dropped[:4])
				c.drops = copy(c.dropped[:], c.dropped[4:])
			}
			c.dropped[c.drops] = p
			c.drops++
		case value == n.kind.one && inPlace && operation.skips():
		default:
			c.kept[c.keeps] = p
			if c.keeps++; c.keeps == len(c.kept) {
				c.flush()
			}
		}
	}
	c.flush()
	c.clear(c.dropped[:c.drops])
	c.part(last*n.length, to)
}

// flush computes the kept planes that wait and clears dropped ones along the way. Each of
// the four takes neighbours, one after the other, and so walks through memory as far as it
// can.
func (c *collector) flush() {
	length := c.keeps / 4
	done := 0
	for k := range length {
		var kept [4]int
		for i := range kept {
			kept[i] = c.kept[i*length+k]
		}
		drops := min(4, c.drops-done)
		c.four(kept, c.dropped[done:done+drops])
		done += drops
	}
	for _, p := range c.kept[4*length : c.keeps] {
		c.part(p*c.length, (p+1)*c.length)
	}
	c.keeps = 0
	c.drops = copy(c.dropped[:], c.dropped[done:c.drops])
}

// bits returns the bits of a factor, leftmost in the word.
func (o *operands) bits(factor int) uint64 {
	at := unsafe.Add(o.factors, factor<<o.kind.shift)
	switch o.kind.shift {
	case 3:
		return *(*uint64)(at)
	case 2:
		return uint64(*(*uint32)(at)) << 32
	}
	return uint64(*(*uint16)(at)) << 48
}

// four computes four kept planes and clears up to four dropped ones, line by line. The
// planes lie in src as they do in dst.
func (c *collector) four(kept [4]int, dropped []int) {
	shift := c.kind.shift
	bytes := c.length << shift
	dst, src := unsafe.Add(c.dst, c.at.dst<<shift), unsafe.Add(c.src, c.at.src<<shift)
	factors := unsafe.Add(c.factors, c.at.factor<<shift)
	var planes, at, head [8]int
	n := copy(planes[:], kept[:])
	n += copy(planes[n:], dropped)
	body := bytes // whole cache lines that all planes have
	for i, p := range planes[:n] {
		at[i] = p * bytes
		head[i] = -int(uintptr(dst)+uintptr(at[i])) & (lineBytes - 1)
		body = min(body, (bytes-head[i])&^(lineBytes-1))
	}
	past := 0
	if c.storesPast() {
		past = 1
	}
	routine := c.kind.ways[c.op][past][fourPlanes]
	places := fourPlaces{fills: len(dropped)}
	const limit = callBytes / 8
	for done := 0; done < body; done += limit {
		for i := range kept {
			places.at[i] = at[i] + head[i] + done
			places.factor[i] = kept[i] << shift
			places.fill[i] = at[4+i] + head[4+i] + done
		}
		if past > 0 && places.wait(uintptr(dst)-uintptr(src), strategy().Behind/4) {
			places.backward = -1
		}
		c.kind.call(routine, dst, src, factors, unsafe.Pointer(&places), 4, min(limit, body-done)>>shift)
	}
	if body == bytes {
		return
	}
	// What lies before the first of those lines and after the last.
	for i, p := range planes[:n] {
		from, to := p*c.length, (p+1)*c.length
		c.part(from, from+head[i]>>shift)
		c.part(from+(head[i]+body)>>shift, to)
	}
}

// wait reports whether loads would wait for stores to the same place of another page, if lines were walked forward:
// dst lies up to so many bytes further in its page than src, by a distance, and two of the planes lie at the same place
// of a page.
func (p *fourPlaces) wait(distance uintptr, behind int) bool {
	if (distance-1)%pageBytes >= uintptr(behind) {
		return false
	}
	for i, at := range p.at {
		for _, other := range p.at[:i] {
			if (at-other)%pageBytes == 0 {
				return true
			}
		}
	}
	return false
}

// part does elements from to to of the block, which lie in one plane.
func (c *collector) part(from, to int) {
	for limit := callBytes >> c.kind.shift; from < to; from += limit {
		c.call(c.at, from, from/c.length, 1, min(limit, to-from))
	}
}

// clear clears planes, past the cache in place, too.
func (c *collector) clear(dropped []int) {
	shift := c.kind.shift
	for _, p := range dropped {
		factor := unsafe.Add(c.factors, (c.at.factor+p)<<shift)
		for at, end := (c.at.dst+p*c.length)<<shift, (c.at.dst+(p+1)*c.length)<<shift; at < end; at += callBytes {
			dst, bytes := unsafe.Add(c.dst, at), min(callBytes, end-at)
			past := 0
			if bytes >= lineBytes {
				past = 1
			}
			c.kind.call(c.kind.ways[Scale][past][planes], dst, dst, factor, nil, 1, bytes>>shift)
		}
	}
}
