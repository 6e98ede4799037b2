package kernel

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// channel is what all elements of a channel share.
type channel struct{ factor, shift, scale uint64 }

// channels returns channels with factors that dropout uses, more of the dropped ones,
// and with others that are hard to compute with.
func (f *format) channels() []channel {
	sign, nan := f.sign(), f.inf()|f.quiet()|1
	all := []channel{
		{factor: 0, shift: f.of(0.5)}, {factor: 0, shift: f.inf() | 1}, {factor: 0, shift: sign}, {factor: sign, shift: f.of(-3)}, {factor: sign, shift: nan},
		{factor: f.one(), shift: sign}, {factor: f.one(), shift: f.of(0.1)},
		{factor: f.of(1.25), shift: f.of(-1.0 / 3)}, {factor: f.of(1.25), shift: f.inf() | 1}, {factor: f.of(0.9), shift: f.of(0.25)}, {factor: f.of(1.0 / 3), shift: 1 | sign}, {factor: f.of(2), shift: f.inf() | sign},
		{factor: 1, shift: f.of(1)}, {factor: f.of(-1.0 / 3), shift: 0}, {factor: f.inf() - 1, shift: f.inf() - 1}, {factor: f.inf(), shift: f.of(3)}, {factor: nan | sign, shift: f.of(-1)},
	}
	// Scales of layers. Those whose products are rounded belong to channels where that shows: 3 times
	// 1.1 is a tie of bfloat16.
	scales := []uint64{
		f.one(), nan, f.inf() - 1, f.inf(), f.one(),
		f.of(1.1), f.of(2),
		f.of(0.3), 0, f.of(-0.7), sign | f.one(), nan,
		f.inf(), f.one(), 1, f.inf() | 1, f.inf() - 1,
	}
	for i := range all {
		all[i].scale = scales[i]
	}
	// Ties: of 3 and the number after 1 as factors, and of what is as large as half of the last bit of 1.
	after, half := f.one()+1, f.of(math.Ldexp(1, -f.fraction-1))
	return append(all, channel{factor: after, shift: sign, scale: after}, channel{factor: f.one(), shift: half, scale: f.one()})
}

// expectation is a sequence of elements before op, and their results with each channel.
// Tests take all their data from one such sequence, beginning anywhere in it, which
// keeps the slow oracle out of their loops.
type expectation[T number] struct {
	y, x, z                 []T
	channels                []int // drawn, with their factors, shifts and scales
	factors, shifts, scales []T
	want                    [][]T // by channel
	loose                   [][]bool
}

// mostDrawn is how many channels are drawn for an expectation: more than any row has.
const mostDrawn = 5000

// expect returns an expectation of n drawn elements. In place x is y, and z is y where dst
// is aux.
func expect[T number](r *rand.Rand, draw func(r *rand.Rand) T, n int, place placement, oracle oracle) *expectation[T] {
	f, e := formatOf[T](), new(expectation[T])
	for range n {
		y := draw(r)
		x, z := y, y
		if place != ofSrc {
			x = draw(r)
		}
		if place != ofAux {
			z = draw(r)
		}
		e.y, e.x, e.z = append(e.y, y), append(e.x, x), append(e.z, z)
	}
	all := f.channels()
	for range mostDrawn {
		c := r.IntN(len(all))
		e.channels = append(e.channels, c)
		e.factors, e.shifts, e.scales = append(e.factors, fromBits[T](all[c].factor)), append(e.shifts, fromBits[T](all[c].shift)), append(e.scales, fromBits[T](all[c].scale))
	}
	for _, c := range all {
		want, loose := make([]T, n), make([]bool, n)
		for i := range want {
			var bits uint64
			bits, loose[i] = oracle(bitsOf(e.y[i]), bitsOf(e.x[i]), bitsOf(e.z[i]), c)
			want[i] = fromBits[T](bits)
		}
		e.want, e.loose = append(e.want, want), append(e.loose, loose)
	}
	return e
}

// draw returns n channels, with their factors, shifts and scales, beginning anywhere among those
// that are drawn.
func (e *expectation[T]) draw(r *rand.Rand, n int) (channels []int, factors, shifts, scales []T) {
	at := r.IntN(mostDrawn - n)
	return e.channels[at:][:n], e.factors[at:][:n], e.shifts[at:][:n], e.scales[at:][:n]
}

// differ returns the index of the first element that is not the wanted one, -1 if there
// is none.
func differ[T number](got, want []T, loose []bool) int {
	return differBut(got, want, func(i int) bool { return loose[i] })
}

// differBut is differ where loose says which elements are loose. It is asked only about those that
// differ.
func differBut[T number](got, want []T, loose func(i int) bool) int {
	f := formatOf[T]()
	const part = 1 << 10 // most parts are equal, and soon compared
	for from := 0; from < len(want); from += part {
		to := min(from+part, len(want))
		if bytes.Equal(bytesOf(got[from:to]), bytesOf(want[from:to])) {
			continue
		}
		for i := from; i < to; i++ {
			if g, w := bitsOf(got[i]), bitsOf(want[i]); g != w && !f.same(g, w, loose(i)) {
				return i
			}
		}
	}
	return -1
}

const (
	// dense is the longest plane or row up to which every length is tried at every
	// misalignment, and mostRows the largest number of them.
	dense, mostRows = 300, 13
	// remainders is how many lengths are tried from 1, 2, 3 and 4 KiB up, where kernels
	// may change to another loop: enough for every remainder of any loop.
	remainders = 140
)

// lengths returns all lengths that a test tries. With -short, for emulators and the race
// detector, it leaves out six of seven long ones.
func lengths(e dtype.Type) (all []int) {
	for length := 1; length <= dense; length++ {
		all = append(all, length)
	}
	for kib := 1; kib <= 4; kib++ {
		from := kib<<10/e.Size() - 2
		for length := max(from, all[len(all)-1]+1); length < from+remainders; length++ {
			all = append(all, length)
		}
	}
	if !testing.Short() {
		return all
	}
	return slices.DeleteFunc(all, func(length int) bool { return length > 70 && length%7 > 0 })
}

// counts returns how many planes or rows of a length a test tries. Kernels process
// several of them together where they are short or whole cache lines.
func counts(r *rand.Rand, c routine, length int) []int {
	switch lines := length*c.typ.Size()%64 == 0; {
	case length > dense:
		return []int{1 + r.IntN(3)}
	case c.shape == pixels && lines:
		return []int{1 + r.IntN(4), 5 + r.IntN(4), 9 + r.IntN(mostRows-8)}
	case c.past:
		return []int{1, 2 + r.IntN(4), 6 + r.IntN(4)}
	}
	return []int{1 + r.IntN(3)}
}

// misalignments returns the distances of dst from a cache line, in elements.
func misalignments(r *rand.Rand, c routine, length int) []int {
	all := make([]int, 64/c.typ.Size())
	if !(c.past && c.shape == pixels) { // those need dst on a cache line, and src anywhere
		for i := range all {
			all[i] = i
		}
	}
	some := 2
	if testing.Short() && length > dense {
		some = 1 // the many lengths, which take most of the time, meet all of them
	}
	switch plain := Tier() == tier.Generic; { // plain Go does not depend on the alignment, and is slow
	case plain && length > dense && length%9 > 0:
		some = 0
	case !plain && length <= dense:
		// All of them where lengths are short, then some in turn: -short is meant for
		// emulators, which are a hundred times as slow.
		step := 1
		switch {
		case testing.Short() && length > 16:
			step = 8
		case length > 64:
			step = 4
		}
		var some []int
		for i := length % step; i < len(all); i += step {
			some = append(some, all[i])
		}
		return some
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:some]
}

// sources returns the distances of src from a cache line, in elements: a random one, or
// all of them at a length at which every loop of a kernel runs.
func sources(r *rand.Rand, c routine, length int) []int {
	lanes := 64 / c.typ.Size()
	turn := 5*lanes - 1 // four cache lines at a time, and all remainders
	if c.shape == pixels && c.past {
		turn = 5 * lanes
	}
	if length != turn || Tier() == tier.Generic {
		return []int{r.IntN(lanes)}
	}
	all := make([]int, lanes)
	for i := range all {
		all[i] = i
	}
	return all
}

// testKernel runs a kernel on planes or rows of all lengths, some of each, wherever dst may
// be, at every misalignment of dst with one of src and aux, or with all of them. What
// surrounds dst must stay, also where src is the neighbour of dst. known has what is expected of
// routines that do the same, of which first is the first.
func testKernel[T number](t *testing.T, k, first routine, known map[conditions]any) {
	defer anyWalk()()
	r := rand.New(rand.NewPCG(1, k.number))
	size := k.typ.Size()
	lanes := 64 / size
	guard := 2 * lanes
	lengths := lengths(k.typ)
	largest := max(dense*mostRows, lengths[len(lengths)-1]*3)
	most := 2*largest + lanes + 3*guard
	room, want, from, beside := aligned[T](most), aligned[T](most), aligned[T](most), aligned[T](most)
	var columns [][]T // of what is wanted, by channel of a row
	for _, m := range k.meanings {
		if known[m.conditions] == nil {
			r := rand.New(rand.NewPCG(uint64(m.place), first.number)) // the same whichever of them run
			known[m.conditions] = expect(r, hard[T], largest+lanes+2*guard+dense, m.place, m.oracle)
		}
	}
	machine.EveryTier(t, func(t *testing.T) {
		for _, m := range k.meanings {
			e, limit := known[m.conditions].(*expectation[T]), fromBits[T](m.limit)
			for _, length := range lengths {
				if !k.takes(length) {
					continue
				}
				if testing.Short() && Tier() == tier.Generic && length > 20 && length%5 != 0 && length%lanes != 0 {
					continue
				}
				for _, shift := range misalignments(r, k, length) {
					sources := sources(r, k, length)
					for _, count := range counts(r, k, length) {
						for _, source := range sources {
							n := count * length
							all := shift + n + 2*guard
							at := r.IntN(dense)
							copy(room[:all], e.y[at:])
							copy(want[:all], e.y[at:])
							dst := room[guard+shift:][:n]
							src := from[guard+source:][:n]
							aux := beside[guard+(source*3+shift)%lanes:][:n]
							if m.place == ofSrc {
								src = dst
							} else if r.IntN(4) == 0 && len(sources) == 1 {
								src = room[guard+shift+n:][:n]
								all += n
								copy(room[all-guard:all], e.y)
								copy(want[all-guard:all], e.y)
								copy(want[guard+shift+n:], e.x[at+guard+shift:][:n])
							}
							at += guard + shift
							if m.place != ofSrc {
								copy(src, e.x[at:])
							}
							if m.place == ofAux {
								aux = dst
							} else {
								copy(aux, e.z[at:])
							}
							drawn, part := count, length // channels, and neighbours of one channel
							if k.shape == pixels {
								drawn, part = length, 1
							}
							channels, factors, shifts, scales := e.draw(r, drawn)
							wanted := want[guard+shift:][:n]
							columns = columns[:0]
							for _, channel := range channels {
								columns = append(columns, e.want[channel][at:][:n])
							}
							for i := 0; i < n; i += length {
								if k.shape == planes {
									copy(wanted[i:][:length], columns[i/length][i:])
									continue
								}
								for c, column := range columns {
									wanted[i+c] = column[i+c]
								}
							}
							walkRows(r.IntN(2) == 0, r.IntN(2) == 0)
							k.exec(arguments{unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&aux[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&scales[0]), unsafe.Pointer(&shifts[0]), unsafe.Pointer(&limit)}, count, length)
							loose := func(i int) bool {
								i -= guard + shift
								return i >= 0 && i < n && e.loose[channels[i/part%drawn]][at+i]
							}
							if i := differBut(room[:all], want[:all], loose); i >= 0 {
								i -= guard + shift
								if i < 0 || i >= n {
									t.Fatalf("%v of %d×%d, shift %d, %v wrote to element %d of what surrounds dst", k, count, length, shift, m.place, i)
								}
								channel := channels[i/part%drawn]
								t.Fatalf("%v of %d×%d, element %d, shift %d, %v: y %#x, x %#x, z %#x, factor %#x, scale %#x, shift %#x, limit %#x gave %#x, want %#x", k, count, length, i, shift, m.place,
									bitsOf(e.y[at+i]), bitsOf(e.x[at+i]), bitsOf(e.z[at+i]), bitsOf(factors[i/part%drawn]), bitsOf(scales[i/part%drawn]), bitsOf(shifts[i/part%drawn]), m.limit, bitsOf(dst[i]), bitsOf(e.want[channel][at+i]))
							}
							if m.place != ofSrc && !bytes.Equal(bytesOf(src), bytesOf(e.x[at:][:n])) {
								t.Fatalf("%v of %d×%d, shift %d wrote to src", k, count, length, shift)
							}
							if m.place != ofAux && !bytes.Equal(bytesOf(aux), bytesOf(e.z[at:][:n])) {
								t.Fatalf("%v of %d×%d, shift %d wrote to aux", k, count, length, shift)
							}
						}
					}
				}
			}
		}
	})
}

// testFourPlanes runs a kernel of four planes on planes of all lengths up to 24 cache
// lines, in any order, with and without gaps between them, forward and backward, with none to four others to
// clear, at every misalignment of src, in place and out of place.
func testFourPlanes[T number](t *testing.T, k id) {
	c := catalogue[k]
	r := rand.New(rand.NewPCG(3, uint64(k)))
	size := c.typ.Size()
	lanes := 64 / size
	const longest, all = 24, 9 // one of the nine planes is neither computed nor cleared
	reps := 2
	if testing.Short() {
		reps = 1
	}
	most := all * (longest + 2) * lanes
	room, want, from := aligned[T](most), aligned[T](most), aligned[T](most+lanes)
	loose := make([]bool, most)
	for _, inPlace := range []bool{false, true} {
		if c.past && inPlace {
			continue
		}
		place := map[bool]placement{true: ofSrc}[inPlace]
		e := expect(r, hard[T], 2*longest*lanes, place, coreOracle(formatOf[T](), c.op, false))
		machine.EveryTier(t, func(t *testing.T) {
			for lines := 1; lines <= longest; lines++ {
				for rep := range 5 * reps * lanes {
					if Tier() == tier.Generic && rep%3 > 0 || testing.Short() && lines%5 > 1 {
						continue // these are slow, see misalignments
					}
					length, shift, fills := lines*lanes, rep%lanes, rep/lanes%5
					channels, factors, _, _ := e.draw(r, all)
					channels, factors = slices.Clone(channels), slices.Clone(factors)
					for s := range factors {
						// A plane that would be divided by 0 is dropped, and never one of the four.
						for formatOf[T]().zero(bitsOf(factors[s])) && (c.op == Divide || c.op == AddDivide) {
							one, factor, _, _ := e.draw(r, 1)
							channels[s], factors[s] = one[0], factor[0]
						}
					}
					b := fourPlaces{fills: fills, backward: -r.IntN(2)}
					places, begins := make([]int, all), make([]int, all)
					n := 0
					for _, s := range r.Perm(all) {
						n += r.IntN(3) * lanes
						places[s], begins[s] = n, r.IntN(longest*lanes)
						n += length
					}
					room, want, loose := room[:n], want[:n], loose[:n]
					for from := 0; from < n; from += len(e.y) {
						copy(room[from:], e.y)
					}
					copy(want, room)
					clear(loose)
					src := from[shift:][:n]
					if inPlace {
						src = room
					}
					for s, place := range places {
						begin := begins[s]
						switch {
						case s < 4:
							b.at[s], b.factor[s] = place*size, s*size
							copy(room[place:], e.y[begin:][:length])
							copy(src[place:], e.x[begin:][:length])
							copy(want[place:], e.want[channels[s]][begin:][:length])
							copy(loose[place:], e.loose[channels[s]][begin:][:length])
						case s < 8:
							// Those beyond fills must not matter.
							b.fill[s-4] = place * size
							if s-4 < fills {
								clear(want[place:][:length])
							}
						}
					}
					// Factors may lie in another order than their planes.
					i, j := r.IntN(4), r.IntN(4)
					b.factor[i], b.factor[j] = b.factor[j], b.factor[i]
					factors[i], factors[j] = factors[j], factors[i]

					k.exec(unsafe.Pointer(&room[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&b), 4, length)
					if i := differ(room, want, loose); i >= 0 {
						t.Fatalf("%v of %d elements, planes at %d, %d to clear, src shifted by %d, in place %v: element %d is %#x, want %#x", k, length, places[:8], fills, shift, inPlace, i, bitsOf(room[i]), bitsOf(want[i]))
					}
					for s, place := range places[:4] {
						if !inPlace && !bytes.Equal(bytesOf(src[place:][:length]), bytesOf(e.x[begins[s]:][:length])) {
							t.Fatalf("%v of %d elements wrote to src", k, length)
						}
					}
				}
			}
		})
	}
}

func TestKernelsMeanTheirReferenceLoop(t *testing.T) {
	if Instrumented {
		return // there is a single goroutine
	}
	eachKernel(func(k id) {
		if catalogue[k].shape != fourPlanes {
			return
		}
		t.Run(k.String(), func(t *testing.T) {
			switch k.typ() {
			case dtype.Float32:
				testFourPlanes[float32](t, k)
			case dtype.Float64:
				testFourPlanes[float64](t, k)
			case dtype.Float16:
				testFourPlanes[float16](t, k)
			case dtype.BFloat16:
				testFourPlanes[bfloat16](t, k)
			}
		})
	})
	var compacted [len(formats)]map[Op]any
	for typ := range compacted {
		compacted[typ] = map[Op]any{}
	}
	for k := noCompact + 1; k < compactIDs; k++ {
		t.Run(k.String(), func(t *testing.T) {
			known := compacted[compactCatalogue[k].typ]
			switch compactCatalogue[k].typ {
			case dtype.Float32:
				testCompact[float32](t, k, known)
			case dtype.Float64:
				testCompact[float64](t, k, known)
			case dtype.Float16:
				testCompact[float16](t, k, known)
			case dtype.BFloat16:
				testCompact[bfloat16](t, k, known)
			}
		})
	}
	var all []routine
	eachRoutine(func(k routine) {
		if k.meanings != nil {
			all = append(all, k)
		}
	})
	// The oracles take longer than the kernels: those that do the same come one after the other.
	slices.SortStableFunc(all, func(a, b routine) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.does, b.does))
	})
	first, known := all[0], map[conditions]any{}
	for _, k := range all {
		if k.typ != first.typ || k.does != first.does {
			first = k
			clear(known)
		}
		t.Run(k.name, func(t *testing.T) {
			switch k.typ {
			case dtype.Float32:
				testKernel[float32](t, k, first, known)
			case dtype.Float64:
				testKernel[float64](t, k, first, known)
			case dtype.Float16:
				testKernel[float16](t, k, first, known)
			case dtype.BFloat16:
				testKernel[bfloat16](t, k, first, known)
			}
		})
	}
	for _, routine := range transpositions {
		t.Run(routine.name, func(t *testing.T) { testTransposition(t, routine) })
	}
}

// The operations of four planes never see a plane that is dropped: Scale and Multiply
// share a kernel, and so do Add and AddMultiply.
func TestEveryKernelIsReachedAsWhatItComputes(t *testing.T) {
	reached := map[id]bool{}
	for _, kind := range kinds {
		for op := Scale; op < Copy; op++ {
			for past := range 2 {
				for shape := planes; shape < shapes; shape++ {
					k := kind.ways[op][past][shape]
					computes := op
					switch {
					case shape != fourPlanes:
					case op == Scale:
						computes = Multiply
					case op == Add:
						computes = AddMultiply
					}
					want := entry{name: catalogue[k].name, op: computes, typ: kind.typ, past: past == 1, shape: shape}
					switch storable := operations[op].skips(); {
					case past == 1 && !storable || shape == fourPlanes && operations[op].shifts:
						if k != none {
							t.Errorf("%v of %v, shape %d, past the cache %d: %v, want no kernel", op, kind, shape, past, k)
						}
					case k == none || catalogue[k] != want:
						t.Errorf("%v of %v, shape %d, past the cache %d: %+v, want %+v", op, kind, shape, past, catalogue[k], want)
					}
					reached[k] = true
				}
			}
		}
		if kind.ways[Copy] != (ways{}) {
			t.Errorf("%v has kernels for Copy: %v", kind, kind.ways[Copy])
		}
	}
	eachKernel(func(k id) {
		if !reached[k] {
			t.Errorf("no operation leads to %v", k)
		}
	})
	if want := 1 + len(kinds)*(2*(9+3)+6); len(catalogue) != want {
		t.Errorf("the catalogue has %d entries, want %d: none, and for each kind two shapes of nine operations, three of which store past the cache as well, and six of four planes", len(catalogue), want)
	}
}
