package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// eachTier calls f on every tier of this machine. Subtests, as everyTier has them,
// would take longer than what a fuzz target tests.
func eachTier(f func(tier string)) {
	before := Tier()
	defer use(before)
	for _, tier := range available {
		use(tier)
		f(tier)
	}
}

// fuzzedElements is about how many elements a fuzz target gives to the slow oracle.
const fuzzedElements = 4096

// deck holds 256 elements, from which those of a call are dealt: of the bits that are
// given, hard ones, and ordinary ones, which tell what was taken for what.
type deck[T number] [256]T

// deckOf returns the deck of some bits, every fourth the factor of a dropped channel
// or of a kept one if it is for factors.
func deckOf[T number](raw []byte, factors bool) *deck[T] {
	f, d := formatOf[T](), new(deck[T])
	size := 1 << f.elem.shift()
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

// shuffled are the places of dealt elements in their deck, without an order.
var shuffled = func() (all [1<<14 - 3]uint8) {
	r := rand.New(rand.NewPCG(1, 1))
	for i := range all {
		all[i] = uint8(r.Uint32())
	}
	return all
}()

// deal fills s; from says how.
func (d *deck[T]) deal(s []T, from uint64) {
	k := int(from % uint64(len(shuffled)))
	for i := range s {
		s[i] = d[shuffled[k]]
		if k++; k == len(shuffled) {
			k = 0
		}
	}
}

// hand is what a call works on: dst between elements that must stay, what it must
// become, and src. Both begin on a cache line, but for their shifts.
type hand[T number] struct {
	outer, start, want []T // dst with what is around it: in the call, before, wanted
	loose              []bool
	at, n              int // where dst begins in it, and how many elements it has
	src, given         []T // in the call, and before
	factors, shifts    []T
	inPlace            bool
}

// handOf deals a hand of n elements and so many factors and shifts.
func handOf[T number](n, channels, shift, srcShift int, inPlace bool, seed uint64, raw []byte) *hand[T] {
	h, elements := &hand[T]{n: n, inPlace: inPlace}, deckOf[T](raw, false)
	lanes := streamAlign >> formatOf[T]().elem.shift()
	h.at = 2*lanes + shift
	all := h.at + n + 2*lanes
	h.outer, h.start, h.loose = aligned[T](all), make([]T, all), make([]bool, all)
	elements.deal(h.start, seed)
	h.given = h.start[h.at:][:n]
	if !inPlace {
		h.given = aligned[T](srcShift + n)[srcShift:]
		elements.deal(h.given, seed/3+1)
		h.src = aligned[T](srcShift + n)[srcShift:]
	}
	skew := int(seed % uint64(lanes)) // those begin anywhere
	h.factors, h.shifts = aligned[T](channels + skew)[skew:], aligned[T](channels + skew)[skew:]
	deckOf[T](raw, true).deal(h.factors, seed/5+2)
	elements.deal(h.shifts, seed/7+3)
	h.want = slices.Clone(h.start)
	return h
}

// expect sets what becomes of element i with a factor and the shift beside it.
func (h *hand[T]) expect(op Op, i, factor int, untouched bool) {
	bits, loose := formatOf[T]().oracle(op, bitsOf(h.start[h.at+i]), bitsOf(h.given[i]), bitsOf(h.factors[factor]), bitsOf(h.shifts[factor]), untouched)
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

// check compares dst, what is around it and src with what they must be after the
// call.
func (h *hand[T]) check(t *testing.T, what ...any) {
	t.Helper()
	if i := differ(h.outer, h.want, h.loose); i >= 0 {
		t.Fatalf("%v: element %d of %d, %#x before, is %#x, want %#x", what, i-h.at, h.n, bitsOf(h.start[i]), bitsOf(h.outer[i]), bitsOf(h.want[i]))
	}
	if !h.inPlace && !bytes.Equal(bytesOf(h.src), bytesOf(h.given)) {
		t.Fatalf("%v: src was written", what)
	}
}

// where is the place of a call's operands in memory, by the bits of a number.
type where uint16

func (w where) inPlace() bool          { return w&1 > 0 }
func (w where) dst(lanes int) int      { return int(w>>1) % 32 % lanes }
func (w where) src(lanes int) int      { return int(w>>6) % 32 % lanes }
func (w where) rest(choices int) int   { return int(w>>11) % choices }
func whereOf(dst, src, rest int) where { return where(dst<<1 | src<<6 | rest<<11) }

// interesting are lengths at which kernels begin to do something else, or end: of a
// vector or a few, of cache lines and of pages, and what is next to them.
func interesting(e elem) []int {
	all := []int{1, 2, 3}
	for _, bytes := range []int{16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192} {
		n := bytes >> e.shift()
		all = append(all, n-1, n, n+1)
	}
	return all
}

func fuzzKernel[T number](t *testing.T, k id, count, length int, place where, seed uint64, raw []byte) {
	c := catalogue[k]
	lanes := streamAlign >> c.elem.shift()
	length = 1 + length%fuzzedElements
	shift := place.dst(lanes)
	if c.stream {
		place &^= 1
		length = max(length, lanes)
		if c.pixels {
			length -= length % lanes
			shift = 0
		}
	}
	count = 1 + count%(fuzzedElements/length)
	channels := count
	if c.pixels {
		channels = length
	}
	h := handOf[T](count*length, channels, shift, place.src(lanes), place.inPlace(), seed, raw)
	for i := range h.n {
		if c.pixels {
			h.expect(c.op, i, i%length, false)
		} else {
			h.expect(c.op, i, i/length, place.inPlace())
		}
	}
	eachTier(func(tier string) {
		dst, src := h.operands()
		dispatch(k, unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&h.factors[0]), unsafe.Pointer(&h.shifts[0]), count, length)
		h.check(t, k, count, length, place, tier)
	})
}

// fuzzBraid takes planes in any order, next to each other or not, on cache lines
// though dst need not begin on one.
func fuzzBraid[T number](t *testing.T, k id, lines int, place where, seed uint64, raw []byte) {
	c := catalogue[k]
	size := 1 << c.elem.shift()
	lanes := streamAlign / size
	if c.stream {
		place &^= 1
	}
	length, shift := (1+lines%40)*lanes, place.dst(lanes)
	r := rand.New(rand.NewPCG(seed, 2))
	var places [2 * strands]int
	n := lanes - shift
	for _, p := range r.Perm(len(places)) {
		n += r.IntN(3) * lanes
		places[p] = n
		n += length
	}
	h := handOf[T](n, 2*strands, shift, place.src(lanes), place.inPlace(), seed, raw)
	b := braid{fills: place.rest(strands + 1)}
	for s, f := range r.Perm(len(h.factors))[:strands] { // in no order, and others between
		// A plane that would be divided by 0 is dropped and never among the four.
		if (c.op == Divide || c.op == AddDivide) && formatOf[T]().zero(bitsOf(h.factors[f])) {
			h.factors[f] = num[T](0.75)
		}
		b.at[s], b.factor[s], b.fill[s] = places[s]*size, f*size, places[strands+s]*size
		for i := range length {
			h.expect(c.op, places[s]+i, f, false)
		}
		if s < b.fills {
			clear(h.want[h.at+places[strands+s]:][:length])
		}
	}
	eachTier(func(tier string) {
		dst, src := h.operands()
		dispatch(k, unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&h.factors[0]), unsafe.Pointer(&b), strands, length)
		h.check(t, k, length, places, place, tier)
	})
}

// FuzzKernels compares each kernel on every tier with the oracle's loop.
func FuzzKernels(f *testing.F) {
	raw := []byte("\x01\x00\x80\x7f\x23\x01\xc0\x7f\x00\x00\x80\xff\x01\x00\x00\x00\xcd\xcc\x8c\x3f\x00\x00\x00\x80")
	for k, c := range catalogue {
		lengths, lanes := interesting(c.elem), streamAlign>>c.elem.shift()
		if c.braid {
			lengths = []int{1, 2, 4, 8, 16, 32, 33}
		}
		for i := range 3 {
			length := lengths[(k*3+i*7)%len(lengths)]
			f.Add(uint8(k), uint16(i*k), uint16(length-1), uint16(whereOf(k%lanes, i*5%lanes, i+k))|uint16(i%2), uint64(k+i), raw)
		}
	}
	f.Fuzz(func(t *testing.T, kernel uint8, count, length, place uint16, seed uint64, raw []byte) {
		k := id(int(kernel) % len(catalogue))
		switch e := k.elem(); {
		case e == f32 && catalogue[k].braid:
			fuzzBraid[float32](t, k, int(length), where(place), seed, raw)
		case e == f64 && catalogue[k].braid:
			fuzzBraid[float64](t, k, int(length), where(place), seed, raw)
		case e == f16 && catalogue[k].braid:
			fuzzBraid[float16](t, k, int(length), where(place), seed, raw)
		case catalogue[k].braid:
			fuzzBraid[bfloat16](t, k, int(length), where(place), seed, raw)
		case e == f32:
			fuzzKernel[float32](t, k, int(count), int(length), where(place), seed, raw)
		case e == f64:
			fuzzKernel[float64](t, k, int(count), int(length), where(place), seed, raw)
		case e == f16:
			fuzzKernel[float16](t, k, int(count), int(length), where(place), seed, raw)
		default:
			fuzzKernel[bfloat16](t, k, int(count), int(length), where(place), seed, raw)
		}
	})
}

// refusal calls f and returns the error that it panics with, nil if it does not.
func refusal(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = p.(error)
		}
	}()
	f()
	return nil
}

// off are by how much lengths of operands are not what they should be: dst, src,
// factors and shifts, by two bits of a number each.
func off(misfit uint8) (dst, src, factors, shifts int) {
	by := func(k int) int { return [...]int{0, 0, 1, -1}[misfit>>(2*k)%4] }
	return by(0), by(1), by(2), by(3)
}

// fuzzCall calls the function of planes or of pixels that does op. Operands that do
// not fit, or overlap by a distance that is not 0, must be refused.
func fuzzCall[T number](t *testing.T, op Op, pixels bool, count, length int, place where, misfit uint8, distance int, seed uint64, raw []byte) {
	call, e := callsOf[T](), formatOf[T]().elem
	lanes := streamAlign >> e.shift()
	length %= fuzzedElements
	count %= fuzzedElements/max(length, 1) + 1
	channels := count
	if pixels {
		channels = length
	}
	n := count * length
	h := handOf[T](n, channels, place.dst(lanes), place.src(lanes), place.inPlace(), seed, raw)
	run := func(dst, src, factors, shifts []T) {
		if pixels {
			call.CallPixels(op, dst, src, factors, shifts)
		} else {
			call.CallPlanes(op, dst, src, factors, shifts, length)
		}
	}

	if d, s, f, b := off(misfit); d|s|f|b != 0 || distance != 0 {
		of := func(n, by int) []T { return make([]T, max(n+by, 0)) }
		dst, src, factors, shifts := of(n, d), of(n, s), of(channels, f), of(channels, b)
		fits := len(dst) == len(src) && (!op.shifts() || len(shifts) == len(factors))
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
		switch err := refusal(func() { run(dst, src, factors, shifts) }); err := err.(type) {
		case nil:
			if !fits || overlaps {
				t.Fatalf("%v of %d, pixels %v: dst of %d, src of %d, factors of %d, shifts of %d at a distance of %d are not refused", op, length, pixels, len(dst), len(src), len(factors), len(shifts), distance)
			}
			return
		case *LengthError:
			if fits {
				t.Fatalf("%v of %d, pixels %v: %v", op, length, pixels, err)
			}
		case *OverlapError:
			if !overlaps || err.Distance != distance<<e.shift() {
				t.Fatalf("%v of %d, pixels %v, at a distance of %d elements: %v", op, length, pixels, distance, err)
			}
		default:
			t.Fatal(err)
		}
		if !bytes.Equal(bytesOf(dst), bytesOf(before)) {
			t.Fatalf("%v of %d, pixels %v: written, and then refused", op, length, pixels)
		}
		return
	}

	for i := range h.n {
		if pixels {
			h.expect(op, i, i%length, false)
		} else {
			h.expect(op, i, i/length, place.inPlace() && length > 1)
		}
	}
	everyMode(func(mode string) {
		dst, src := h.operands()
		run(dst, src, h.factors, h.shifts)
		h.check(t, op, pixels, count, length, place, mode)
	})
}

// FuzzCalls compares Planes, Pixels and all their twins with the oracle's loop, and
// gives them what they must refuse.
func FuzzCalls(f *testing.F) {
	raw := []byte("\x01\x7c\x23\x7e\x00\xfc\x01\x00\x66\x2e\x00\x80\x00\x3c\xff\x7b\xff\x03\x55\x35\x07")
	f.Add(uint8(0), false, uint16(0), uint16(0), uint16(0), uint8(0), int16(0), uint64(0), []byte{}) // nothing at all
	f.Add(uint8(3), true, uint16(3), uint16(0), uint16(1), uint8(0), int16(0), uint64(0), raw)       // rows without channels
	f.Add(uint8(9), false, uint16(5), uint16(77), uint16(0), uint8(0), int16(-384), uint64(0), raw)  // planes that overlap
	f.Add(uint8(24), true, uint16(9), uint16(3), uint16(0), uint8(0xc0), int16(0), uint64(0), raw)   // a shift is missing
	k := 0
	for e := range elem(elems) {
		lengths := interesting(e)
		for op := Scale; op <= AffineMax; op++ {
			for _, pixels := range []bool{false, true} {
				// Long rows, and many short ones, which become tiles.
				for i, length := range []int{lengths[k*5%len(lengths)], 1 + k%7} {
					f.Add(uint8(op)*uint8(elems)+uint8(e), pixels, uint16(1+i*1500), uint16(length), uint16(whereOf(k%8, k*3%8, 0))|uint16(k%2), uint8(0), int16(0), uint64(k), raw)
					k++
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, what uint8, pixels bool, count, length, place uint16, misfit uint8, distance int16, seed uint64, raw []byte) {
		op := Op(what/uint8(elems)) % (AffineMax + 1)
		switch elem(what % elems) {
		case f32:
			fuzzCall[float32](t, op, pixels, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case f64:
			fuzzCall[float64](t, op, pixels, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case f16:
			fuzzCall[float16](t, op, pixels, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		case bf16:
			fuzzCall[bfloat16](t, op, pixels, int(count), int(length), where(place), misfit, int(distance), seed, raw)
		}
	})
}

// spelledNest returns the loops that bytes spell, six a loop, the innermost first: its
// size, how much further its stride is than what lies inside it, and the step of the
// factor, with the low byte first. What reaches too far is less than that. Where a
// stride is one too short the loops do not nest.
func spelledNest(spelled []byte) (loops []Loop, nests bool) {
	const elements, span, entries = 2 * fuzzedElements, 4 * fuzzedElements, 2 * fuzzedElements // five long planes of halves among them
	nests = true
	visited, inside, reached := 1, 1, 1
	for ; len(spelled) >= 6 && len(loops) < MaxLoops; spelled = spelled[6:] {
		number := func(k int) int { return int(binary.LittleEndian.Uint16(spelled[k:])) }
		l := Loop{Size: number(0) % (elements/max(visited, 1) + 1), Stride: inside + number(2)%(span/8), Factor: number(4) % entries}
		if number(2) == 1<<16-1 {
			l.Stride = inside - 1
			nests = nests && l.Size <= 1
		}
		if l.Size > 1 {
			l.Size = min(l.Size, 1+(span-inside)/max(l.Stride, 1))
		}
		if l.Size > 1 {
			l.Factor = min(l.Factor, (entries-reached)/(l.Size-1))
			inside += (l.Size - 1) * l.Stride
			reached += (l.Size - 1) * l.Factor
		}
		visited *= l.Size
		loops = append([]Loop{l}, loops...)
	}
	return loops, nests
}

// spell returns bytes that spell loops, which are given as fuzz targets take them: the
// innermost first, and with a gap instead of a stride.
func spell(loops ...Loop) (spelled []byte) {
	for _, l := range loops {
		for _, n := range [...]int{l.Size, l.Stride, l.Factor} {
			spelled = binary.LittleEndian.AppendUint16(spelled, uint16(n))
		}
	}
	return spelled
}

// fuzzRun runs a nest. In shared memory src begins a distance from dst: 0 is in place,
// at others they may share no element that is visited.
func fuzzRun[T number](t *testing.T, op Op, loops []Loop, nests bool, place where, distance int, workers int, seed uint64, raw []byte) {
	f, call := formatOf[T](), callsOf[T]()
	lanes := streamAlign >> f.elem.shift()
	span, entries := 0, 0
	if nests {
		span, entries = reach(loops)
	}
	alone := workers <= 1 && seed%2 == 0
	run := func(dst, src, factors []T) error {
		switch {
		case streamBytes == 0 && !streams():
			return far(op, dst, src, factors, loops, workers)
		case alone:
			return call.RunAlone(op, dst, src, factors, loops)
		}
		return call.Run(op, dst, src, factors, loops, workers)
	}

	memory := place.inPlace()
	if memory {
		distance %= span + 2
	} else {
		distance = 0
	}
	n, before := span+max(distance, -distance), max(-distance, 0)
	h := handOf[T](n, entries+int(seed%3), place.dst(lanes), place.src(lanes), memory, seed, raw)
	// dst and src where they are slices of the same memory.
	slice := func(dst, src []T) (_, _ []T) {
		return dst[before:][:span], src[before+distance:][:span]
	}
	factors := h.factors
	if op.shifts() {
		factors = append(slices.Clone(h.factors), h.shifts...)
	}

	var loop *LoopError
	var overlap *OverlapError
	refused := func(err error, kind any) {
		t.Helper()
		if !errors.As(err, kind) {
			t.Fatalf("%v, %v, %d workers, at a distance of %d: %v, want a %T", op, loops, workers, distance, err, kind)
		}
	}
	visited := make([]bool, span)
	if nests {
		each(loops, func(at, _ int) { visited[at] = true })
	}
	shared := false
	for at := range visited {
		other := at + distance
		shared = shared || distance != 0 && visited[at] && other >= 0 && other < span && visited[other]
	}
	short := place.rest(8)
	switch outerDst, outerSrc := h.operands(); {
	case !nests:
		dst, src := slice(outerDst, outerSrc)
		refused(run(dst, src, factors), &loop)
	case shared:
		dst, src := slice(outerDst, outerSrc)
		refused(run(dst, src, factors), &overlap)
	case span > 0 && short == 5:
		dst, src := slice(outerDst, outerSrc)
		refused(run(dst[:span-1], src, factors), &loop)
	case span > 0 && short == 6:
		dst, src := slice(outerDst, outerSrc)
		refused(run(dst, src[:span-1], factors), &loop)
	case span > 0 && short == 7 && op != Copy:
		dst, src := slice(outerDst, outerSrc)
		refused(run(dst, src, factors[:entries-1]), &loop)
	default:
		each(loops, func(at, factor int) {
			k := h.at + before + at
			y, x := bitsOf(h.start[k]), bitsOf(h.given[before+distance+at])
			bits, loose := f.oracle(op, y, x, bitsOf(h.factors[factor]), bitsOf(h.shifts[factor]), false)
			h.want[k], h.loose[k] = fromBits[T](bits), loose
		})
		everyMode(func(mode string) {
			dst, src := slice(h.operands())
			if err := run(dst, src, factors); err != nil {
				t.Fatalf("%v, %v, %d workers, %s: %v", op, loops, workers, mode, err)
			}
			if memory && distance == 0 && op <= Divide {
				// Whether a factor of 1 touches its plane shows on signalling NaNs, which may
				// stay as they are.
				each(loops, func(at, factor int) {
					if k := h.at + at; bitsOf(h.factors[factor]) == f.one() && bitsOf(h.outer[k]) == bitsOf(h.start[k]) {
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

// FuzzRun compares nests of loops with the oracle's, with any strides, steps of the
// factor and number of workers, streaming and not, what is between the elements
// included; and has those refused that Run must refuse.
func FuzzRun(f *testing.F) {
	raw := []byte("\x01\x00\x00\x00\x00\x00\xf0\x7f\x33\x33\x33\x33\x33\x33\xd3\xbf\x00\x00\x00\x00\x00\x00\x10\x00\x01")
	planes := func(count, length int) []byte { return spell(Loop{length, 0, 0}, Loop{count, 0, 1}) }
	pixels := func(rows, channels int) []byte { return spell(Loop{channels, 0, 1}, Loop{rows, 0, 0}) }
	spelled := [][]byte{
		nil, spell(Loop{0, 0, 0}), spell(Loop{1, 3, 2}), spell(Loop{9, 1<<16 - 1, 0}), spell(Loop{7, 0, 1}, Loop{5, 1<<16 - 1, 0}),
		// Images of planes and of pixels with factors of their own and a gap between
		// them, and the columns of a matrix.
		spell(Loop{65, 0, 0}, Loop{9, 0, 1}, Loop{3, 11, 9}), spell(Loop{3, 0, 1}, Loop{400, 0, 0}, Loop{2, 5, 3}), spell(Loop{33, 99, 0}, Loop{100, 0, 1}),
		// As many loops as there may be.
		spell(Loop{3, 1, 1}, Loop{2, 1, 5}, Loop{3, 2, 0}, Loop{2, 3, 0}, Loop{2, 5, 7}, Loop{3, 7, 2}),
		spell(Loop{2, 0, 1}, Loop{2, 0, 2}, Loop{2, 0, 4}, Loop{2, 0, 8}, Loop{2, 0, 16}, Loop{2, 0, 32}),
	}
	for e := range elem(elems) {
		for i, length := range interesting(e) {
			if i%3 == 0 {
				spelled = append(spelled, pixels(1+4000/length, length))
			} else if i%3 == 1 {
				spelled = append(spelled, planes(1+4000/length, length))
			}
		}
		// Planes that are done together, on cache lines and off them.
		for _, bytes := range []int{braidBytes, braidBytes + streamAlign, raggedBytes - 2*streamAlign, raggedBytes, raggedBytes + 8} {
			length := bytes >> e.shift()
			spelled = append(spelled, planes(2*fuzzedElements/length, length))
		}
	}
	for i, nest := range spelled {
		f.Add(nest, uint8(i*7), uint8(i), uint16(whereOf(i%5, i%7, 0))|uint16(i%2), int16(0), uint64(i), raw)
	}
	f.Add(spell(Loop{8, 1, 1}, Loop{9, 0, 0}), uint8(0), uint8(1), uint16(1), int16(1), uint64(1), raw)  // every second element, and the others
	f.Add(spell(Loop{8, 1, 1}, Loop{9, 0, 0}), uint8(9), uint8(3), uint16(1), int16(-2), uint64(1), raw) // the same ones
	for short := 5; short < 8; short++ {
		f.Add(planes(3, 40), uint8(short), uint8(2), uint16(whereOf(1, 2, short)), int16(0), uint64(1), raw)
	}
	f.Fuzz(func(t *testing.T, spelled []byte, what, workers uint8, place uint16, distance int16, seed uint64, raw []byte) {
		loops, nests := spelledNest(spelled)
		op, w := Op(what/uint8(elems))%(Copy+1), int(workers%9)
		switch elem(what % elems) {
		case f32:
			fuzzRun[float32](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case f64:
			fuzzRun[float64](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case f16:
			fuzzRun[float16](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		case bf16:
			fuzzRun[bfloat16](t, op, loops, nests, where(place), int(distance), w, seed, raw)
		}
	})
}

// FuzzMersenneTwister compares blocks of mt19937 with the oracle. The state is that of a
// seed but for its first words, or for all, which are given.
func FuzzMersenneTwister(f *testing.F) {
	f.Add(uint32(5489), []byte{}, false)
	f.Add(uint32(0), []byte("\x00\x00\x00\x00"), true)
	f.Add(uint32(0), []byte("\xff\xff\xff\xff"), true)
	f.Add(uint32(1), []byte("\x00\x00\x00\x80\xff\xff\xff\x7f"), true)
	f.Add(uint32(1), []byte("\x01\x00\x00\x80\xff\xff\xff\x7f\xdf\xb0\x08\x99"), false)
	f.Fuzz(func(t *testing.T, seed uint32, raw []byte, repeat bool) {
		const blocks, guard = 2, 0x5a5a5a5a
		var m twister
		m.seed(seed)
		words := len(raw) / 4
		for i := range m.state {
			if i < words || repeat && words > 0 {
				m.state[i] = binary.LittleEndian.Uint32(raw[i%words*4:])
			}
		}
		start := m.state
		var want [blocks][624]uint32
		for b := range want {
			for i := range want[b] {
				want[b][i] = m.next()
			}
		}
		eachTier(func(tier string) {
			// A word more on either side, which must stay.
			var words, state [626]uint32
			words[0], words[625], state[0], state[625] = guard, guard, guard, guard
			copy(state[1:], start[:])
			for b := range want {
				MersenneTwister((*[624]uint32)(words[1:]), (*[624]uint32)(state[1:]))
				if !slices.Equal(words[1:625], want[b][:]) {
					t.Fatalf("%s: block %d is %#x, want %#x", tier, b, words, want[b])
				}
			}
			if !slices.Equal(state[1:625], m.state[:]) {
				t.Fatalf("%s: the state becomes %#x, want %#x", tier, state, m.state)
			}
			if words[0] != guard || words[625] != guard || state[0] != guard || state[625] != guard {
				t.Fatalf("%s: written beside words or state", tier)
			}
		})
	})
}
