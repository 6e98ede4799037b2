package kernel

import "unsafe"

// braidBytes is the shortest plane that is done together with others if planes are
// whole cache lines, raggedBytes if they are not: then what lies before the first
// line and behind the last is done apart. Shorter ones are streamed as if they
// were one plane. Measured in memory (float32 and halves, Sapphire Rapids class):
// 1.5 KiB of whole lines 1.15 to 1.35 times as fast together, 1 KiB a tie; 2.1 and
// 2.9 KiB ragged 0.9 times, 3.4 KiB 1.1 times.
const (
	braidBytes  = 3 << 9
	raggedBytes = 3 << 10
)

// braided reports whether planes are done several at once.
func (n *nest) braided() bool {
	shift := n.elem.shift()
	bytes := n.length << shift
	if (uintptr(n.dst)|uintptr(bytes))%streamAlign == 0 {
		return n.far && bytes >= braidBytes
	}
	return n.far && bytes >= raggedBytes
}

// braider collects planes until there are enough of them to be done four at
// once. How many are dropped and kept is chance: some wait, a few are done alone.
type braider struct {
	*nest
	at, factor    int // of the block, in elements
	kept, dropped [4 * strands]int
	keeps, drops  int
}

// strands is how many planes a braid multiplies or divides at once.
const strands = 4

// braids does what planes does with data far larger than the cache.
func (n *nest) braids(at, factor, from, to int) {
	b := braider{nest: n, at: at, factor: factor}
	first := (from + n.length - 1) / n.length
	last := to / n.length
	if first > last { // within a plane
		b.part(from, to)
		return
	}
	b.part(from, first*n.length)
	for p := first; p < last; p++ {
		switch value := n.bits(factor + p); {
		case value<<1 == 0 && (n.op == Add || n.op == AddDivide):
		case value<<1 == 0 && (n.op == Scale || n.op == Divide):
			if b.drops == len(b.dropped) {
				b.clear(b.dropped[:strands])
				b.drops = copy(b.dropped[:], b.dropped[strands:])
			}
			b.dropped[b.drops] = p
			b.drops++
		case value == n.elem.one()<<(64-8<<n.elem.shift()) && n.dst == n.src && !n.op.adds():
		default:
			b.kept[b.keeps] = p
			if b.keeps++; b.keeps == len(b.kept) {
				b.flush()
			}
		}
	}
	b.flush()
	b.clear(b.dropped[:b.drops])
	b.part(last*n.length, to)
}

// flush does the kept planes that wait, and clears dropped ones by the way. Each
// strand takes neighbours, one after the other: it walks through memory as far
// as it can.
func (b *braider) flush() {
	length := b.keeps / strands
	done := 0
	for k := range length {
		var kept [strands]int
		for i := range kept {
			kept[i] = b.kept[i*length+k]
		}
		drops := min(strands, b.drops-done)
		b.braid(kept, b.dropped[done:done+drops])
		done += drops
	}
	for _, p := range b.kept[strands*length : b.keeps] {
		b.part(p*b.length, (p+1)*b.length)
	}
	b.keeps = 0
	b.drops = copy(b.dropped[:], b.dropped[done:b.drops])
}

// bits returns the bits of a factor, leftmost in the word.
func (o *operands) bits(factor int) uint64 {
	at := unsafe.Add(o.factors, factor<<o.elem.shift())
	switch o.elem {
	case f64:
		return *(*uint64)(at)
	case f32:
		return uint64(*(*uint32)(at)) << 32
	}
	return uint64(*(*uint16)(at)) << 48
}

// braid does the kept planes and clears the dropped ones, at most as many,
// line by line.
func (b *braider) braid(kept [strands]int, dropped []int) {
	shift := b.elem.shift()
	bytes := b.length << shift
	var planes, at, head [2 * strands]int
	n := copy(planes[:], kept[:])
	n += copy(planes[n:], dropped)
	body := bytes // whole cache lines that all planes have
	for i, p := range planes[:n] {
		at[i] = (b.at + p*b.length) << shift
		head[i] = -int(uintptr(b.dst)+uintptr(at[i])) & (streamAlign - 1)
		body = min(body, (bytes-head[i])&^(streamAlign-1))
	}
	braid := braid{fills: len(dropped)}
	const limit = callBytes / (2 * strands)
	for done := 0; done < body; done += limit {
		for i := range strands {
			braid.at[i] = at[i] + head[i] + done
			braid.factor[i] = (b.factor + kept[i]) << shift
			braid.fill[i] = at[strands+i] + head[strands+i] + done
		}
		dispatch(braidOf(b.op, b.stream(), b.elem), b.dst, b.src, b.factors, unsafe.Pointer(&braid), strands, min(limit, body-done)>>shift)
	}
	if body == bytes {
		return
	}
	// What lies before the first of those lines and behind the last.
	for i, p := range planes[:n] {
		from, to := p*b.length, (p+1)*b.length
		b.part(from, from+head[i]>>shift)
		b.part(from+(head[i]+body)>>shift, to)
	}
}

// part does elements from to to of the block, which lie in one plane.
func (b *braider) part(from, to int) {
	for limit := callBytes >> b.elem.shift(); from < to; from += limit {
		b.call(b.at+from, b.factor+from/b.length, 1, min(limit, to-from))
	}
}

// clear clears planes, past the cache also in place.
func (b *braider) clear(planes []int) {
	shift := b.elem.shift()
	const limit = callBytes
	for _, p := range planes {
		factor := unsafe.Add(b.factors, (b.factor+p)<<shift)
		for at, end := (b.at+p*b.length)<<shift, (b.at+(p+1)*b.length)<<shift; at < end; at += limit {
			dst, bytes := unsafe.Add(b.dst, at), min(limit, end-at)
			dispatch(kernelOf(Scale, bytes >= streamAlign, false, b.elem), dst, dst, factor, nil, 1, bytes>>shift)
		}
	}
}
