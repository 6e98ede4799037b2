package kernel

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// everyTier runs a test on each tier of this machine and says which they were.
func everyTier(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := Tier()
	defer use(before)
	for _, tier := range available {
		use(tier)
		t.Run(tier, test)
	}
}

// channel is what the elements of a plane, or of a row's place, have in common.
type channel struct{ factor, shift uint64 }

// channels are factors that dropout has, more of the dropped ones, and others
// that are hard to compute with.
func (f *format) channels() []channel {
	sign, nan := f.sign(), f.inf()|f.quiet()|1
	return []channel{
		{0, f.of(0.5)}, {0, f.inf() | 1}, {0, sign}, {sign, f.of(-3)}, {sign, nan},
		{f.one(), sign}, {f.one(), f.of(0.1)},
		{f.of(1.25), f.of(-1.0 / 3)}, {f.of(1.25), f.inf() | 1}, {f.of(0.9), f.of(0.25)}, {f.of(1.0 / 3), 1 | sign}, {f.of(2), f.inf() | sign},
		{1, f.of(1)}, {f.of(-1.0 / 3), 0}, {f.inf() - 1, f.inf() - 1}, {f.inf(), f.of(3)}, {nan | sign, f.of(-1)},
	}
}

// expectation is a sequence of elements as they are before op, and what becomes
// of them with each channel. That tests take their data from one such sequence,
// beginning anywhere, keeps the slow oracle out of their loops.
type expectation[T number] struct {
	y, x            []T
	factors, shifts []T   // of the channels
	want            [][]T // by channel
	loose           [][]bool
}

// expect returns n drawn elements. untouched is as in [format.oracle]; in place,
// x is y.
func expect[T number](r *rand.Rand, draw func(r *rand.Rand) T, op Op, n int, inPlace, untouched bool) *expectation[T] {
	f, e := formatOf[T](), new(expectation[T])
	for range n {
		y := draw(r)
		x := y
		if !inPlace {
			x = draw(r)
		}
		e.y, e.x = append(e.y, y), append(e.x, x)
	}
	for _, c := range f.channels() {
		want, loose := make([]T, n), make([]bool, n)
		for i := range want {
			var bits uint64
			bits, loose[i] = f.oracle(op, bitsOf(e.y[i]), bitsOf(e.x[i]), c.factor, c.shift, untouched)
			want[i] = fromBits[T](bits)
		}
		e.factors, e.shifts = append(e.factors, fromBits[T](c.factor)), append(e.shifts, fromBits[T](c.shift))
		e.want, e.loose = append(e.want, want), append(e.loose, loose)
	}
	return e
}

// draw returns n channels, and their factors and shifts.
func (e *expectation[T]) draw(r *rand.Rand, n int) (channels []int, factors, shifts []T) {
	channels, factors, shifts = make([]int, n), make([]T, n), make([]T, n)
	for i := range channels {
		c := r.IntN(len(e.factors))
		channels[i], factors[i], shifts[i] = c, e.factors[c], e.shifts[c]
	}
	return channels, factors, shifts
}

// differ returns the first element that is not what is wanted, -1 if all are.
func differ[T number](got, want []T, loose []bool) int {
	if bytes.Equal(bytesOf(got), bytesOf(want)) {
		return -1
	}
	f := formatOf[T]()
	for i, w := range want {
		if g, w := bitsOf(got[i]), bitsOf(w); !f.same(g, w, loose[i]) {
			return i
		}
	}
	return -1
}

// dense is how long planes and rows are of which every length is tried at every
// misalignment, and mostRows how many of them. Somewhere from 1 KiB to 4 KiB
// kernels begin to do something else: from each of these sizes on so many lengths
// are tried that whatever loop there is has every remainder.
const dense, mostRows, remainders = 300, 13, 140

// lengths are all lengths that a test takes.
//
// With -short, for emulators and the race detector, only every seventh is taken
// where they are long.
func lengths(e elem) (all []int) {
	for length := 1; length <= dense; length++ {
		all = append(all, length)
	}
	for kib := 1; kib <= 4; kib++ {
		from := kib<<10>>e.shift() - 2
		for length := max(from, all[len(all)-1]+1); length < from+remainders; length++ {
			all = append(all, length)
		}
	}
	if !testing.Short() {
		return all
	}
	return slices.DeleteFunc(all, func(length int) bool { return length > 70 && length%7 > 0 })
}

// counts are how many planes or rows of a length a test takes. Kernels do several
// of them at once where they are short or whole cache lines.
func counts(r *rand.Rand, k id, length int) []int {
	c := catalogue[k]
	switch lines := length<<c.elem.shift()%64 == 0; {
	case length > dense:
		return []int{1 + r.IntN(3)}
	case c.pixels && lines:
		return []int{1 + r.IntN(4), 5 + r.IntN(4), 9 + r.IntN(mostRows-8)}
	case c.stream:
		return []int{1, 2 + r.IntN(4), 6 + r.IntN(4)}
	}
	return []int{1 + r.IntN(3)}
}

// misalignments are by how many elements dst of a test is off a cache line.
func misalignments(r *rand.Rand, k id, length int) []int {
	c := catalogue[k]
	all := make([]int, 64>>c.elem.shift())
	if !(c.stream && c.pixels) { // those need a cache line; but src is anywhere
		for i := range all {
			all[i] = i
		}
	}
	some := 2
	switch plain := Tier() == tierGeneric; { // plain Go does not see how its data lies, and is slow
	case plain && length > dense && length%9 > 0:
		some = 0
	case !plain && length <= dense:
		// Every one where lengths are short, then in turn: an emulator, which is what
		// -short is for, is a hundred times as slow.
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

// sources are by how many elements src of a test is off a cache line: one of them, or
// all at a length at which every loop of a kernel has its turn.
func sources(r *rand.Rand, k id, length int) []int {
	lanes := 64 >> k.elem().shift()
	turn := 5*lanes - 1 // four cache lines at once, and all rests
	if k.pixels() && catalogue[k].stream {
		turn = 5 * lanes
	}
	if length != turn || Tier() == tierGeneric {
		return []int{r.IntN(lanes)}
	}
	all := make([]int, lanes)
	for i := range all {
		all[i] = i
	}
	return all
}

// testKernel runs a kernel on planes or rows of all lengths, some of each, at every
// misalignment of dst with one of src, or with all, in place and out of place, between
// guards that must stay. src may be one of them: the next neighbour of dst.
func testKernel[T number](t *testing.T, k id) {
	c := catalogue[k]
	r := rand.New(rand.NewPCG(1, uint64(k)))
	size := 1 << c.elem.shift()
	lanes := 64 / size
	guard := 2 * lanes
	lengths := lengths(c.elem)
	largest := max(dense*mostRows, lengths[len(lengths)-1]*3)
	most := 2*largest + lanes + 3*guard
	room, want, from := aligned[T](most), aligned[T](most), aligned[T](most)
	loose := make([]bool, most)
	for _, inPlace := range []bool{false, true} {
		if c.stream && inPlace {
			continue
		}
		e := expect(r, hard[T], c.op, largest+lanes+2*guard+dense, inPlace, inPlace && !c.pixels)
		everyTier(t, func(t *testing.T) {
			for _, length := range lengths {
				if c.stream && (length < lanes || c.pixels && length%lanes != 0) {
					continue
				}
				if testing.Short() && Tier() == tierGeneric && length > 20 && length%5 != 0 && length%lanes != 0 {
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
							if inPlace {
								src = dst
							} else if r.IntN(4) == 0 && len(sources) == 1 {
								src = room[guard+shift+n:][:n]
								all += n
								copy(room[all-guard:all], e.y)
								copy(want[all-guard:all], e.y)
								copy(want[guard+shift+n:], e.x[at+guard+shift:][:n])
							}
							clear(loose[:all])
							at += guard + shift
							if !inPlace {
								copy(src, e.x[at:])
							}
							drawn, part := count, length // neighbours that share a channel
							if c.pixels {
								drawn, part = length, 1
							}
							channels, factors, shifts := e.draw(r, drawn)
							wanted, loosened := want[guard+shift:][:n], loose[guard+shift:][:n]
							for i := 0; i < n; i += part {
								channel := channels[i/part%drawn]
								if part == 1 {
									wanted[i], loosened[i] = e.want[channel][at+i], e.loose[channel][at+i]
									continue
								}
								copy(wanted[i:], e.want[channel][at+i:][:part])
								copy(loosened[i:], e.loose[channel][at+i:][:part])
							}
							dispatch(k, unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&shifts[0]), count, length)
							if i := differ(room[:all], want[:all], loose); i >= 0 {
								i -= guard + shift
								if i < 0 || i >= n {
									t.Fatalf("%v of %d×%d, shift %d, in place %v wrote to element %d of what surrounds dst", k, count, length, shift, inPlace, i)
								}
								channel := channels[i/part%drawn]
								t.Fatalf("%v of %d×%d, element %d, shift %d, in place %v: y %#x, x %#x, factor %#x, shift %#x gave %#x, want %#x", k, count, length, i, shift, inPlace,
									bitsOf(e.y[at+i]), bitsOf(e.x[at+i]), bitsOf(e.factors[channel]), bitsOf(e.shifts[channel]), bitsOf(dst[i]), bitsOf(e.want[channel][at+i]))
							}
							if !inPlace && !bytes.Equal(bytesOf(src), bytesOf(e.x[at:][:n])) {
								t.Fatalf("%v of %d×%d, shift %d wrote to src", k, count, length, shift)
							}
						}
					}
				}
			}
		})
	}
}

// testBraid runs a braid kernel on planes of all lengths to 24 cache lines, in any
// order, next to each other or not, as many to clear as there may be, whatever
// src's misalignment, in place and out of place.
func testBraid[T number](t *testing.T, k id) {
	c := catalogue[k]
	r := rand.New(rand.NewPCG(3, uint64(k)))
	size := 1 << c.elem.shift()
	lanes := 64 / size
	const longest, strands, reps = 24, 9, 2 // one of the nine is neither multiplied nor cleared
	most := strands * (longest + 2) * lanes
	room, want, from := aligned[T](most), aligned[T](most), aligned[T](most+lanes)
	loose := make([]bool, most)
	for _, inPlace := range []bool{false, true} {
		if c.stream && inPlace {
			continue
		}
		draw := hard[T]
		if inPlace {
			draw = plain[T] // whether a factor of 1 is left out is for the callers to decide
		}
		e := expect(r, draw, c.op, 2*longest*lanes, inPlace, false)
		everyTier(t, func(t *testing.T) {
			for lines := 1; lines <= longest; lines++ {
				for rep := range 5 * reps * lanes {
					if Tier() == tierGeneric && rep%3 > 0 || testing.Short() && lines%5 > 1 {
						continue // as in testKernel
					}
					length, shift, fills := lines*lanes, rep%lanes, rep/lanes%5
					channels, factors, _ := e.draw(r, strands)
					for s := range factors {
						// A plane that would be divided by 0 is dropped and never among the four.
						for formatOf[T]().zero(bitsOf(factors[s])) && (c.op == Divide || c.op == AddDivide) {
							one, factor, _ := e.draw(r, 1)
							channels[s], factors[s] = one[0], factor[0]
						}
					}
					b := braid{fills: fills}
					places, begins := make([]int, strands), make([]int, strands)
					all := 0
					for _, s := range r.Perm(strands) {
						all += r.IntN(3) * lanes
						places[s], begins[s] = all, r.IntN(longest*lanes)
						all += length
					}
					room, want, loose := room[:all], want[:all], loose[:all]
					for from := 0; from < all; from += len(e.y) {
						copy(room[from:], e.y)
					}
					copy(want, room)
					clear(loose)
					src := from[shift:][:all]
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
							// Those that are too many must not matter.
							b.fill[s-4] = place * size
							if s-4 < fills {
								clear(want[place:][:length])
							}
						}
					}
					// Factors need not come in the order of their planes.
					i, j := r.IntN(4), r.IntN(4)
					b.factor[i], b.factor[j] = b.factor[j], b.factor[i]
					factors[i], factors[j] = factors[j], factors[i]

					dispatch(k, unsafe.Pointer(&room[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&b), 4, length)
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

func testEitherKernel[T number](t *testing.T, k id) {
	if catalogue[k].braid {
		testBraid[T](t, k)
	} else {
		testKernel[T](t, k)
	}
}

func TestKernelsMeanTheirReferenceLoop(t *testing.T) {
	if RaceEnabled {
		return // one goroutine computes
	}
	for k := range catalogue {
		k := id(k)
		t.Run(k.String(), func(t *testing.T) {
			switch k.elem() {
			case f32:
				testEitherKernel[float32](t, k)
			case f64:
				testEitherKernel[float64](t, k)
			case f16:
				testEitherKernel[float16](t, k)
			case bf16:
				testEitherKernel[bfloat16](t, k)
			}
		})
	}
}

func TestCatalogueIsWhatKernelOfComputes(t *testing.T) {
	for k, c := range catalogue {
		got := kernelOf(c.op, c.stream, c.pixels, c.elem)
		if c.braid {
			got = braidOf(c.op, c.stream, c.elem)
		}
		if got != id(k) {
			t.Errorf("%s is computed as %v", c.name, got)
		}
	}
	if want := 2*elems*(int(AffineMax)+1+3) + 6*elems; len(catalogue) != want {
		t.Errorf("the catalogue has %d kernels, want %d: two shapes of nine operations, three of them streaming as well, and six braids", len(catalogue), want)
	}
}
