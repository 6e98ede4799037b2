package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// fuzzedElements is about the number of elements that a fuzz target gives to the slow
// oracle.
const fuzzedElements = 4096

// deck holds 256 elements from which those of a call are dealt: some of given bits, some
// hard to compute with, and different ordinary ones, which show mix-ups.
type deck[T number] [256]T

// deckOf returns the deck of some bits. In a deck for factors every fourth element is the
// factor of a dropped or of a kept channel.
func deckOf[T number](raw []byte, factors bool) *deck[T] {
	f, d := formatOf[T](), new(deck[T])
	size := f.kind.Size()
	var dropout [4]T
	for i, x := range [4]float64{0, 1, 1.25, 1 / 0.9} {
		dropout[i] = num[T](x)
	}
	for i := range d {
		bits, at := f.one()-uint64(i), i/4*size
		switch {
		case i%4 < 2 && at+size <= len(raw):
			var word [8]byte
			copy(word[:], raw[at:at+size])
			bits = binary.LittleEndian.Uint64(word[:])
		case i%4 == 2:
			bits = f.hard[i/4%len(f.hard)]
		case i%4 == 3 && factors:
			bits = bitsOf(dropout[i/4%len(dropout)])
		}
		d[i] = fromBits[T](bits)
	}
	return d
}

// shuffled are random places in a deck.
var shuffled = func() (all [1<<14 - 3]uint8) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range all {
		all[i] = uint8(r.Uint32())
	}
	return all
}()

// deal fills s with elements of the deck, which from selects.
func (d *deck[T]) deal(s []T, from uint64) {
	k := int(from % uint64(len(shuffled)))
	for i := range s {
		s[i] = d[shuffled[k]]
		if k++; k == len(shuffled) {
			k = 0
		}
	}
}

// hand holds the operands of a call: dst between elements that must stay, its wanted
// result, and src. Both begin the given number of elements after a cache line.
type hand[T number] struct {
	outer, start, want []T // dst with its surroundings: in the call, before, wanted
	loose              []bool
	at, n              int // where dst begins in it, and its number of elements
	src, given         []T // in the call, and before
	factors, shifts    []T
	inPlace            bool
}

// handOf deals a hand: n elements of dst, m of src, and as many factors and shifts as
// there are channels. In place m is n.
func handOf[T number](n, m, channels, shift, srcShift int, inPlace bool, seed uint64, raw []byte) *hand[T] {
	h, elements := &hand[T]{n: n, inPlace: inPlace}, deckOf[T](raw, false)
	lanes := lineBytes >> formatOf[T]().kind.shift
	h.at = 2*lanes + shift
	all := h.at + n + 2*lanes
	h.outer, h.start, h.loose = aligned[T](all), make([]T, all), make([]bool, all)
	elements.deal(h.start, seed)
	h.given = h.start[h.at:][:n]
	if !inPlace {
		h.given = aligned[T](srcShift + m)[srcShift:]
		elements.deal(h.given, seed/3+1)
		h.src = aligned[T](srcShift + m)[srcShift:]
	}
	skew := int(seed % uint64(lanes)) // factors and shifts begin anywhere
	h.factors, h.shifts = aligned[T](channels + skew)[skew:], aligned[T](channels + skew)[skew:]
	deckOf[T](raw, true).deal(h.factors, seed/5+2)
	elements.deal(h.shifts, seed/7+3)
	h.want = slices.Clone(h.start)
	return h
}

// expect sets the wanted result of element i, which is element j of src, with a factor and
// the shift of the same index.
func (h *hand[T]) expect(op Op, i, j, factor int, untouched bool) {
	bits, loose := formatOf[T]().oracle(op, bitsOf(h.start[h.at+i]), bitsOf(h.given[j]), bitsOf(h.factors[factor]), bitsOf(h.shifts[factor]), untouched)
	h.want[h.at+i], h.loose[h.at+i] = fromBits[T](bits), loose
}

// operands returns dst and src as they are before the call.
func (h *hand[T]) operands() (dst, src []T) {
	copy(h.outer, h.start)
	dst = h.outer[h.at:][:h.n:h.n]
	if h.inPlace {
		return dst, dst
	}
	copy(h.src, h.given)
	return dst, h.src
}

// check compares dst, its surroundings and src with what they must be after the call.
func (h *hand[T]) check(t *testing.T, what ...any) {
	t.Helper()
	if i := differ(h.outer, h.want, h.loose); i >= 0 {
		t.Fatalf("%v: element %d of %d, %#x before, is %#x, want %#x", what, i-h.at, h.n, bitsOf(h.start[i]), bitsOf(h.outer[i]), bitsOf(h.want[i]))
	}
	if !h.inPlace && !bytes.Equal(bytesOf(h.src), bytesOf(h.given)) {
		t.Fatalf("%v: src was written", what)
	}
}

// where says where the operands of a call lie in memory, in the bits of a number.
type where uint16

func (w where) inPlace() bool          { return w&1 > 0 }
func (w where) dst(lanes int) int      { return int(w>>1) % 32 % lanes }
func (w where) src(lanes int) int      { return int(w>>6) % 32 % lanes }
func (w where) rest(choices int) int   { return int(w>>11) % choices }
func whereOf(dst, src, rest int) where { return where(dst<<1 | src<<6 | rest<<11) }

// interesting returns lengths at which kernels may change to another loop, and their
// neighbours: one or a few vectors, cache lines and pages.
func interesting(e dtype.Type) []int {
	all := []int{1, 2, 3}
	for _, bytes := range []int{16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192} {
		n := bytes / e.Size()
		all = append(all, n-1, n, n+1)
	}
	return all
}

// fuzzKernel runs a kernel with one of its meanings.
func fuzzKernel[T number](t *testing.T, k routine, count, length int, place where, seed uint64, raw []byte) {
	m := k.meanings[(int(place&1)+2*place.rest(4))%len(k.meanings)]
	lanes := lineBytes / k.typ.Size()
	length = 1 + length%fuzzedElements
	shift := place.dst(lanes)
	if k.past {
		length = max(length, lanes)
		if k.shape == pixels {
			length -= length % lanes
			shift = 0
		}
	}
	count = 1 + count%(fuzzedElements/length)
	channels := count
	if k.shape == pixels {
		channels = length
	}
	h := handOf[T](count*length, count*length, channels, shift, place.src(lanes), m.place == ofSrc, seed, raw)
	aux, scales := aligned[T](shift + h.n)[shift:], aligned[T](channels)
	elements := deckOf[T](raw, false)
	elements.deal(aux, seed/11+4)
	elements.deal(scales, seed/13+5)
	beside := slices.Clone(aux)
	if m.place == ofAux {
		beside = h.start[h.at:][:h.n]
	}
	for i := range h.n {
		c := i / length
		if k.shape == pixels {
			c = i % length
		}
		bits, loose := m.oracle(bitsOf(h.start[h.at+i]), bitsOf(h.given[i]), bitsOf(beside[i]), channel{bitsOf(h.factors[c]), bitsOf(h.shifts[c]), bitsOf(scales[c])})
		h.want[h.at+i], h.loose[h.at+i] = fromBits[T](bits), loose
	}
	limit := fromBits[T](m.limit)
	machine.EachTier(func(tier string) {
		dst, src := h.operands()
		if m.place == ofAux {
			aux = dst
		}
		k.exec(arguments{unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&aux[0]), unsafe.Pointer(&h.factors[0]), unsafe.Pointer(&scales[0]), unsafe.Pointer(&h.shifts[0]), unsafe.Pointer(&limit)}, count, length)
		h.check(t, k, count, length, m.place, tier)
		if m.place != ofAux && !bytes.Equal(bytesOf(aux), bytesOf(beside)) {
			t.Fatalf("%v: aux was written", []any{k, count, length, tier})
		}
	})
}

// fuzzFourPlanes runs a kernel of four planes, which lie on cache lines in any order, with
// and without gaps. dst itself begins anywhere.
func fuzzFourPlanes[T number](t *testing.T, k id, lines int, place where, seed uint64, raw []byte) {
	c := catalogue[k]
	size := c.typ.Size()
	lanes := lineBytes / size
	if c.past {
		place &^= 1
	}
	length, shift := (1+lines%40)*lanes, place.dst(lanes)
	r := rand.New(rand.NewPCG(seed, 2))
	const four = 4
	var places [2 * four]int
	n := lanes - shift
	for _, p := range r.Perm(len(places)) {
		n += r.IntN(3) * lanes
		places[p] = n
		n += length
	}
	h := handOf[T](n, n, 2*four, shift, place.src(lanes), place.inPlace(), seed, raw)
	b := fourPlaces{fills: place.rest(four + 1), backward: -int(seed % 2)}
	for s, f := range r.Perm(len(h.factors))[:four] { // in random order, with others in between
		// A plane that would be divided by 0 is dropped, and never one of the four.
		if (c.op == Divide || c.op == AddDivide) && formatOf[T]().zero(bitsOf(h.factors[f])) {
			h.factors[f] = num[T](0.75)
		}
		b.at[s], b.factor[s], b.fill[s] = places[s]*size, f*size, places[four+s]*size
		for i := range length {
			h.expect(c.op, places[s]+i, places[s]+i, f, false)
		}
		if s < b.fills {
			clear(h.want[h.at+places[four+s]:][:length])
		}
	}
	machine.EachTier(func(tier string) {
		dst, src := h.operands()
		k.exec(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&h.factors[0]), unsafe.Pointer(&b), four, length)
		h.check(t, k, length, places, place, tier)
	})
}

// FuzzKernels compares each kernel of every family on every tier with the oracle's loop.
func FuzzKernels(f *testing.F) {
	raw := []byte("\x01\x00\x80\x7f\x23\x01\xc0\x7f\x00\x00\x80\xff\x01\x00\x00\x00\xcd\xcc\x8c\x3f\x00\x00\x00\x80")
	var all []routine
	eachRoutine(func(r routine) {
		if r.meanings != nil || r.shape == fourPlanes {
			all = append(all, r)
		}
	})
	for k, c := range all {
		lengths, lanes := interesting(c.typ), lineBytes/c.typ.Size()
		if c.shape == fourPlanes {
			lengths = []int{1, 2, 4, 8, 16, 32, 33}
		}
		for i := range 3 {
			length := lengths[(k*3+i*7)%len(lengths)]
			f.Add(uint16(k), uint16(i*k), uint16(length-1), uint16(whereOf(k%lanes, i*5%lanes, i+k))|uint16(i%2), uint64(k+i), raw)
		}
	}
	f.Fuzz(func(t *testing.T, kernel, count, length, place uint16, seed uint64, raw []byte) {
		switch k := all[int(kernel)%len(all)]; k.typ {
		case dtype.Float32:
			fuzzEither[float32](t, k, int(count), int(length), where(place), seed, raw)
		case dtype.Float64:
			fuzzEither[float64](t, k, int(count), int(length), where(place), seed, raw)
		case dtype.Float16:
			fuzzEither[float16](t, k, int(count), int(length), where(place), seed, raw)
		case dtype.BFloat16:
			fuzzEither[bfloat16](t, k, int(count), int(length), where(place), seed, raw)
		}
	})
}

func fuzzEither[T number](t *testing.T, k routine, count, length int, place where, seed uint64, raw []byte) {
	if k.shape == fourPlanes {
		fuzzFourPlanes[T](t, id(k.number), length, place, seed, raw)
	} else {
		fuzzKernel[T](t, k, count, length, place, seed, raw)
	}
}

// refusal returns the error that f panics with, nil if it does not panic.
func refusal(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	f()
	return nil
}

// off returns how far the lengths of dst, src, factors and shifts are from what they should
// be. Two bits of misfit say so for each of them.
func off(misfit uint8) (dst, src, factors, shifts int) {
	by := func(k int) int { return [...]int{0, 0, 1, -1}[misfit>>(2*k)%4] }
	return by(0), by(1), by(2), by(3)
}

// fuzzCall calls Planes or Pixels, with slices or with vectors. Operands that do not fit, or
// overlap by a distance that is not 0, must be refused.
func fuzzCall[T number](t *testing.T, op Op, pixels, vectors bool, count, length int, place where, misfit uint8, distance int, seed uint64, raw []byte) {
	call, kind := callsOf[T](), formatOf[T]().kind
	if vectors {
		call = CallsOfVectors(vectorOf[T])
	}
	lanes := lineBytes >> kind.shift
	length %= fuzzedElements
	count %= fuzzedElements/max(length, 1) + 1
	channels := count
	if pixels {
		channels = length
	}
	n := count * length
	h := handOf[T](n, n, channels, place.dst(lanes), place.src(lanes), place.inPlace(), seed, raw)
	run := func(dst, src, factors, shifts []T) {
		if pixels {
			call.Pixels(op, dst, src, factors, shifts)
		} else {
			call.Planes(op, dst, src, factors, shifts, length)
		}
	}

	if d, s, f, b := off(misfit); d|s|f|b != 0 || distance != 0 || op >= Copy {
		of := func(n, by int) []T { return make([]T, max(n+by, 0)) }
		dst, src, factors, shifts := of(n, d), of(n, s), of(channels, f), of(len(ShiftsOf(op, h.shifts)), b)
		fits := len(dst) == len(src) && len(shifts) == len(ShiftsOf(op, factors))
		if pixels {
			fits = fits && (len(dst) == 0 || len(factors) > 0 && len(dst)%len(factors) == 0)
		} else {
			fits = fits && len(dst) == len(factors)*length
		}
		overlaps := fits && distance != 0 && max(distance, -distance) < len(dst)
		if overlaps {
			room := make([]T, len(dst)+max(distance, -distance))
			dst, src = room[max(distance, 0):][:len(dst)], room[max(-distance, 0):][:len(dst)]
		}
		for i := range dst {
			dst[i] = num[T](-5)
		}
		before := slices.Clone(dst)
		what := fmt.Sprintf("%v of %d, pixels %v: dst of %d, src of %d, factors of %d and shifts of %d at a distance of %d", op, length, pixels, len(dst), len(src), len(factors), len(shifts), distance)
		switch err := refusal(func() { run(dst, src, factors, shifts) }); err := err.(type) {
		case nil:
			if !fits || overlaps || op >= Copy {
				t.Fatalf("%s are not refused", what)
			}
			return
		case *ArgumentError:
			if unknown := err.Argument == "op"; unknown != (op >= Copy) || unknown && !strings.Contains(err.Given, op.String()) || !unknown && fits {
				t.Fatalf("%s: %v", what, err)
			}
		case *OverlapError:
			if !overlaps || op >= Copy || err.Distance != distance<<kind.shift {
				t.Fatalf("%s: %v", what, err)
			}
		default:
			t.Fatal(err)
		}
		if !bytes.Equal(bytesOf(dst), bytesOf(before)) {
			t.Fatalf("%s are refused after a write", what)
		}
		return
	}

	for i := range h.n {
		if pixels {
			h.expect(op, i, i, i%length, false)
		} else {
			h.expect(op, i, i, i/length, place.inPlace() && length > 1)
		}
	}
	everyMode(func(mode string) {
		dst, src := h.operands()
		run(dst, src, h.factors, ShiftsOf(op, h.shifts))
		h.check(t, op, pixels, count, length, place, mode)
	})
}

// FuzzCalls compares Planes and Pixels, with slices and with vectors, with the oracle, and
// gives them what they must refuse.
func FuzzCalls(f *testing.F) {
	raw := []byte("\x01\x7c\x23\x7e\x00\xfc\x01\x00\x66\x2e\x00\x80\x00\x3c\xff\x7b\xff\x03\x55\x35\x07")
	what := func(op Op, typ int, vectors bool) uint8 {
		w := uint8(op)*uint8(len(kinds)) + uint8(typ)
		if vectors {
			w |= 1 << 7
		}
		return w
	}
	f.Add(what(Scale, 0, false), false, uint16(0), uint16(0), uint16(0), uint8(0), int16(0), uint64(0), []byte{})  // no elements
	f.Add(what(Scale, 3, false), true, uint16(3), uint16(0), uint16(1), uint8(0), int16(0), uint64(0), raw)        // rows without channels
	f.Add(what(Divide, 1, true), false, uint16(5), uint16(77), uint16(0), uint8(0), int16(-384), uint64(0), raw)   // planes that overlap
	f.Add(what(Affine, 0, false), true, uint16(9), uint16(3), uint16(0), uint8(0xc0), int16(0), uint64(0), raw)    // a shift is missing
	f.Add(what(Scale, 2, true), true, uint16(9), uint16(3), uint16(0), uint8(0x80), int16(0), uint64(0), raw)      // a shift that nothing takes
	f.Add(what(Copy, 1, true), false, uint16(9), uint16(3), uint16(0), uint8(0), int16(0), uint64(0), raw)         // not with Copy
	f.Add(what(Copy+1, 1, false), true, uint16(9), uint16(3), uint16(0), uint8(0x55), int16(1000), uint64(0), raw) // an unknown operation
	k := 0
	for typ := range formats {
		lengths := interesting(dtype.Type(typ))
		for op := Scale; op < Copy; op++ {
			for _, pixels := range []bool{false, true} {
				// Long rows, and many short ones, which become tiles.
				for i, length := range []int{lengths[k*5%len(lengths)], 1 + k%7} {
					f.Add(what(op, typ, k%3 == 0), pixels, uint16(1+i*1500), uint16(length), uint16(whereOf(k%8, k*3%8, 0))|uint16(k%2), uint8(0), int16(0), uint64(k), raw)
					k++
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, what uint8, pixels bool, count, length, place uint16, misfit uint8, distance int16, seed uint64, raw []byte) {
		vectors := what>>7 > 0
		what &= 1<<7 - 1
		op := Op(what/uint8(len(kinds))) % (Copy + 2)
		switch dtype.Type(what % uint8(len(kinds))) {
		case dtype.Float32:
			fuzzCall[float32](t, op, pixels, vectors, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case dtype.Float64:
			fuzzCall[float64](t, op, pixels, vectors, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case dtype.Float16:
			fuzzCall[float16](t, op, pixels, vectors, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case dtype.BFloat16:
			fuzzCall[bfloat16](t, op, pixels, vectors, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		}
	})
}

// spelledNest returns the loops that bytes spell, eight for each, innermost first: the size,
// the gap between what lies inside the loop and its stride in dst, the same in src, and the
// step of the factor, low byte first. What would extend too far is shortened. A gap of
// −1 makes loops that do not nest. Where src lies differently, order is the order of
// the loops in it, and gaps of −1 are broadcasts.
func spelledNest(spelled []byte, order uint64, different bool) (loops []layout.Loop, nests bool) {
	const elements, span, entries = 2 * fuzzedElements, 4 * fuzzedElements, 2 * fuzzedElements // five long planes of halves among them
	nests = true
	var gaps []int
	visited, inside, extent := 1, 1, 1
	for ; len(spelled) >= 8 && len(loops) < layout.MaxLoops; spelled = spelled[8:] {
		number := func(k int) int { return int(binary.LittleEndian.Uint16(spelled[k:])) }
		l := layout.Loop{Size: number(0) % (elements/max(visited, 1) + 1), Dst: inside + number(2)%(span/8), Factor: number(6) % entries}
		if number(2) == 1<<16-1 {
			l.Dst = inside - 1
			nests = nests && l.Size <= 1
		}
		if l.Size > 1 {
			l.Size = min(l.Size, 1+(span-inside)/max(l.Dst, 1))
		}
		if l.Size > 1 {
			l.Factor = min(l.Factor, (entries-extent)/(l.Size-1))
			inside += (l.Size - 1) * l.Dst
			extent += (l.Size - 1) * l.Factor
		}
		l.Src = l.Dst
		visited *= l.Size
		loops = append(loops, l)
		gaps = append(gaps, number(4))
	}
	if different {
		inside := 1
		for _, i := range rand.New(rand.NewPCG(order, 4)).Perm(len(loops)) {
			l := &loops[i]
			l.Src = inside + gaps[i]%(span/8)
			if gaps[i] == 1<<16-1 {
				l.Src = 0
			}
			if l.Size > 1 {
				l.Src = min(l.Src, (2*span-inside)/(l.Size-1))
				inside += (l.Size - 1) * l.Src
			}
		}
	}
	slices.Reverse(loops)
	return loops, nests
}

// spell returns bytes that spell loops, which are given as fuzz targets take them: the
// innermost first, and with gaps instead of strides.
func spell(loops ...layout.Loop) (spelled []byte) {
	for _, l := range loops {
		for _, n := range [...]int{l.Size, l.Dst, l.Src, l.Factor} {
			spelled = binary.LittleEndian.AppendUint16(spelled, uint16(n))
		}
	}
	return spelled
}

// fuzzRun runs a nest. Where dst and src lie in the same memory, src begins a distance from
// dst: 0 is in place, at others they must be refused if they share a visited element. With
// different strides they are refused wherever they reach into each other.
func fuzzRun[T number](t *testing.T, op Op, loops []layout.Loop, nests bool, place where, distance int, workers int, seed uint64, raw []byte) {
	f, call, vectors := formatOf[T](), callsOf[T](), CallsOfVectors(vectorOf[T])
	lanes := lineBytes >> f.kind.shift
	span, srcSpan, entries := 0, 0, 0
	same := true
	for _, l := range loops {
		same = same && (l.Dst == l.Src || l.Size == 1)
	}
	if nests {
		span, srcSpan, entries = extent(loops)
	} else {
		same = true
	}
	run := func(dst, src, factors, shifts []T) error {
		switch {
		case streamLeast.Load() == 0 && !streams():
			return pastCache(op, dst, src, factors, shifts, loops, workers)
		case seed%2 == 0:
			return vectors.Run(op, dst, src, factors, shifts, loops, workers)
		}
		return call.Run(op, dst, src, factors, shifts, loops, workers)
	}

	memory := place.inPlace()
	if memory {
		distance %= max(span, srcSpan) + 2
	} else {
		distance = 0
	}
	// Of n elements, dst begins at before and src a distance further.
	before := max(-distance, 0)
	n, m := span, srcSpan
	if memory {
		n = max(before+span, before+distance+srcSpan)
		m = n
	}
	h := handOf[T](n, m, entries+int(seed%3), place.dst(lanes), place.src(lanes), memory, seed, raw)
	slice := func(dst, src []T) (_, _ []T) {
		return dst[before:][:span], src[before+distance:][:srcSpan]
	}
	factors, shifts := h.factors, ShiftsOf(op, h.shifts)

	refused := func(err, want error) {
		t.Helper()
		if !Refuses(err, want) {
			t.Fatalf("%v, %v, %d workers, at a distance of %d: %#v, want %#v", op, loops, workers, distance, err, want)
		}
	}
	shared := memory && !same && distance < span && -distance < srcSpan
	if same && nests && distance != 0 {
		visited := make([]bool, span)
		each(loops, func(at visit) { visited[at.dst] = true })
		for at := range visited {
			other := at + distance
			shared = shared || visited[at] && other >= 0 && other < span && visited[other]
		}
	}
	dst, src := slice(h.operands())
	switch short := place.rest(16); {
	case !nests:
		refused(run(dst, src, factors, shifts), Argument("loops"))
	case shared && span > 0:
		refused(run(dst, src, factors, shifts), new(OverlapError))
	case span > 0 && short == 10:
		refused(run(dst[:span-1], src, factors, shifts), Argument("dst"))
	case span > 0 && short == 11:
		refused(run(dst, src[:srcSpan-1], factors, shifts), Argument("src"))
	case span > 0 && short == 12 && op != Copy:
		refused(run(dst, src, factors[:entries-1], shifts), Argument("factors"))
	case span > 0 && short == 13 && operations[op].shifts:
		refused(run(dst, src, factors, shifts[:entries-1]), Argument("shifts"))
	case span > 0 && short == 14 && !operations[op].shifts:
		refused(run(dst, src, factors, h.shifts), Argument("shifts"))
	default:
		each(loops, func(at visit) { h.expect(op, before+at.dst, before+distance+at.src, at.factor, false) })
		everyMode(func(mode string) {
			dst, src := slice(h.operands())
			if err := run(dst, src, factors, shifts); err != nil {
				t.Fatalf("%v, %v, %d workers, %s: %v", op, loops, workers, mode, err)
			}
			if memory && distance == 0 && operations[op].skips() && op != Copy {
				// A plane with factor 1 may be left alone, and signalling NaNs in it stay.
				each(loops, func(at visit) {
					if k := h.at + at.dst; bitsOf(h.factors[at.factor]) == f.one() && bitsOf(h.outer[k]) == bitsOf(h.start[k]) {
						h.outer[k] = h.want[k]
					}
				})
			}
			h.check(t, op, loops, place, distance, workers, mode)
		})
		return
	}
	copy(h.want, h.start)
	h.check(t, op, loops, place, distance, workers, "refused")
}

// FuzzRun compares nests of loops with the oracle: with any strides of dst and of src, steps
// of the factor and number of workers, with and without stores past the cache. What lies
// between the elements must stay. It gives Run what it must refuse, too.
func FuzzRun(f *testing.F) {
	raw := []byte("\x01\x00\x00\x00\x00\x00\xf0\x7f\x33\x33\x33\x33\x33\x33\xd3\xbf\x00\x00\x00\x00\x00\x00\x10\x00\x01")
	planes := func(count, length int) []byte { return spell(alike(length, 0, 0), alike(count, 0, 1)) }
	pixels := func(rows, channels int) []byte { return spell(alike(channels, 0, 1), alike(rows, 0, 0)) }
	const none = 1<<16 - 1 // a gap of −1
	spelled := [][]byte{
		nil, spell(alike(0, 0, 0)), spell(alike(1, 3, 2)), spell(alike(9, none, 0)), spell(alike(7, 0, 1), alike(5, none, 1)),
		// Samples of planes and of pixels with their own factors and a gap between them,
		// and the columns of a matrix.
		spell(alike(65, 0, 0), alike(9, 0, 1), alike(3, 11, 9)), spell(alike(3, 0, 1), alike(400, 0, 0), alike(2, 5, 3)), spell(alike(33, 99, 0), alike(100, 0, 1)),
		// As many loops as there may be.
		spell(alike(3, 1, 1), alike(2, 1, 5), alike(3, 2, 0), alike(2, 3, 0), alike(2, 5, 7), alike(3, 7, 2)),
		spell(alike(2, 0, 1), alike(2, 0, 2), alike(2, 0, 4), alike(2, 0, 8), alike(2, 0, 16), alike(2, 0, 32)),
	}
	for typ := range formats {
		typ := dtype.Type(typ)
		for i, length := range interesting(typ) {
			if i%3 == 0 {
				spelled = append(spelled, pixels(1+4000/length, length))
			} else if i%3 == 1 {
				spelled = append(spelled, planes(1+4000/length, length))
			}
		}
		// Planes that are processed side by side, on cache lines and off them.
		for _, bytes := range []int{wholeBytes, wholeBytes + lineBytes, raggedBytes - 2*lineBytes, raggedBytes, raggedBytes + 8} {
			length := bytes / typ.Size()
			spelled = append(spelled, planes(2*fuzzedElements/length, length))
		}
	}
	for i, nest := range spelled {
		f.Add(nest, uint8(i*7), uint8(i), uint16(whereOf(i%5, i%7, 0))|uint16(i%2), int16(0), uint64(i), uint64(0), raw)
	}
	f.Add(spell(alike(8, 1, 1), alike(9, 0, 0)), uint8(0), uint8(1), uint16(1), int16(1), uint64(1), uint64(0), raw)  // every second element, and the others
	f.Add(spell(alike(8, 1, 1), alike(9, 0, 0)), uint8(9), uint8(3), uint16(1), int16(-2), uint64(1), uint64(0), raw) // the same ones
	for short := 10; short < 15; short++ {
		for _, op := range []Op{Scale, Affine} {
			f.Add(planes(3, 40), uint8(op)*uint8(len(kinds))+uint8(short%len(kinds)), uint8(2), uint16(whereOf(1, 2, short)), int16(0), uint64(1), uint64(0), raw)
		}
	}
	// Transpositions, with few and many rows and columns, gaps in either, samples around
	// them, and broadcasts; the same in memory that dst and src share.
	for i, nest := range [][]byte{
		spell(alike(64, 0, 1), alike(49, 0, 0)), spell(alike(49, 0, 0), alike(64, 0, 1)), spell(alike(17, 0, 1), alike(3, 0, 0)), spell(alike(3, 0, 1), alike(999, 0, 0)),
		spell(alike(2100, 0, 0), alike(3, 0, 1)), spell(alike(15, 0, 1), alike(7, 1, 0), alike(7, 2, 0), alike(4, 3, 15)), spell(alike(33, 0, 0), alike(65, 5, 1), alike(3, 9, 65)),
		spell(apart(16, 0, none, 1), apart(40, 0, 1, 0)), spell(apart(16, 0, 3, 0), apart(40, 0, none, 1), apart(2, 1, 0, 0)),
	} {
		for order := range uint64(4) {
			f.Add(nest, uint8(i*5+int(order)), uint8(i), uint16(whereOf(i%5, i%7, 0)), int16(0), uint64(i), order<<1|1, raw)
		}
		f.Add(nest, uint8(i*5), uint8(i), uint16(1), int16(i-4), uint64(i), uint64(1), raw)
		f.Add(nest, uint8(i*5), uint8(i), uint16(1), int16(8191), uint64(i), uint64(3), raw)
	}
	f.Fuzz(func(t *testing.T, spelled []byte, what, workers uint8, place uint16, distance int16, seed, order uint64, raw []byte) {
		loops, nests := spelledNest(spelled, order>>1, order&1 > 0)
		op, w := Op(what/uint8(len(kinds)))%(Copy+1), int(workers%9)
		switch dtype.Type(what % uint8(len(kinds))) {
		case dtype.Float32:
			fuzzRun[float32](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case dtype.Float64:
			fuzzRun[float64](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case dtype.Float16:
			fuzzRun[float16](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case dtype.BFloat16:
			fuzzRun[bfloat16](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		}
	})
}
