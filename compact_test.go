package spatialdropout_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// keptPlaces returns the places of kept channels in the order of memory, which is that of the packed
// tensor.
func (x *tensor) keptPlaces(m *mask.Mask) []place {
	var kept []place
	for _, p := range x.places {
		if m.Kept(p.n, p.c) {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(p, q place) int { return cmp.Compare(p.at, q.at) })
	return kept
}

// packable reports whether the kept channels of a mask have a place in a packed tensor: whether the
// samples follow each other, or keep as many channels and each of them is together, or keep the same ones.
func (x *tensor) packable(m *mask.Mask) bool {
	counts, same := make(map[int]bool), true
	for n := range x.samples {
		kept := 0
		for c := range x.channels {
			if m.Kept(n, c) {
				kept++
			}
			same = same && m.Kept(n, c) == m.Kept(0, c)
		}
		counts[kept] = true
	}
	inOrder := slices.Clone(x.places)
	slices.SortFunc(inOrder, func(p, q place) int { return cmp.Compare(p.at, q.at) })
	first := slices.IsSortedFunc(inOrder, func(p, q place) int { return cmp.Compare(p.n, q.n) })
	atOne := slices.DeleteFunc(inOrder, func(p place) bool { return p.position > 0 })
	together := slices.IsSortedFunc(atOne, func(p, q place) int { return cmp.Compare(p.n, q.n) })
	return first || len(counts) == 1 && together || same
}

// compactions are the ways to use a Compaction.
var compactions = []kernel.Compaction{kernel.Gather, kernel.Scatter, kernel.ScatterAdd}

// expectCompact returns dst as the contract wants it after a compaction, in two versions as [expect] does.
func expectCompact[T number](x tensor, op kernel.Compaction, c call, m *mask.Mask, dst, src []T) (want, or []T) {
	k := kindOf[T]()
	want, or = slices.Clone(dst), slices.Clone(dst)
	f, dropped := k.formulas(c, x.channels)
	c.add = op == kernel.ScatterAdd
	places := x.keptPlaces(m)
	if op == kernel.Gather {
		for i, p := range places {
			want[i], or[i] = k.element(c, dst[i], src[p.at], f)
		}
		return want, or
	}
	for _, p := range x.places {
		want[p.at], or[p.at] = k.element(c, dst[p.at], 0, dropped)
	}
	for _, at := range x.padding {
		want[at], or[at] = k.element(c, dst[at], 0, dropped)
	}
	for i, p := range places {
		want[p.at], or[p.at] = k.element(c, dst[p.at], src[i], f)
	}
	return want, or
}

// method returns what a Compaction does on slices.
func method[T number](packed *spatialdropout.Compaction, op kernel.Compaction) func(dst, src []T, workers int) error {
	k := kindOf[T]()
	do := [...]func(dst, src kernel.Vector, workers int) error{kernel.Gather: packed.Gather, kernel.Scatter: packed.Scatter, kernel.ScatterAdd: packed.ScatterAdd}[op]
	return func(dst, src []T, workers int) error {
		return do(k.tensor(dst, layout.Geometry{}).Data, k.tensor(src, layout.Geometry{}).Data, workers)
	}
}

// checkCompact does a compaction with each number of workers, out of place and, where that is possible, in place,
// and compares every bit.
func checkCompact[T number](r *rand.Rand, x tensor, op kernel.Compaction, c call, m *mask.Mask, packed *spatialdropout.Compaction, workers ...int) error {
	k := kindOf[T]()
	full, _ := operands[T](r, x) // longer than the tensor if it is a view
	kept := values[T](r, len(x.keptPlaces(m)))
	dst, src := full, kept
	if op == kernel.Gather {
		dst, src = kept, full
	}
	do := method[T](packed, op)
	want, or := expectCompact(x, op, c, m, dst, src)
	for _, w := range workers {
		outer := filled(len(dst)+2*guard, k.of(-77))
		got := outer[guard : guard+len(dst) : guard+len(dst)]
		copy(got, dst)
		from := slices.Clone(src)
		if err := do(got, from, w); err != nil {
			return fmt.Errorf("%v, %v, %d workers: %w", op, c, w, err)
		}
		if err := differ(got, want, or); err != nil {
			return fmt.Errorf("%v, %v, %d workers, tier %s: %w", op, c, w, kernel.Tier(), err)
		}
		fill(got, k.of(-77))
		if !same(outer, filled(len(outer), k.of(-77))) {
			return fmt.Errorf("%v, %v, %d workers, tier %s: written outside dst", op, c, w, kernel.Tier())
		}
		if !same(from, src) {
			return fmt.Errorf("%v, %v, %d workers, tier %s: src was written", op, c, w, kernel.Tier())
		}
		if op == kernel.ScatterAdd {
			continue
		}
		// In place: dst and src begin with the same element.
		buffer := slices.Clone(full)
		small := buffer[:len(kept)]
		dst, src := small, buffer
		if op == kernel.Scatter {
			copy(small, kept)
			dst, src = buffer, small
		}
		want, or := expectCompact(x, op, c, m, slices.Clone(dst), slices.Clone(src))
		if err := do(dst, src, w); err != nil {
			return fmt.Errorf("%v in place, %v, %d workers: %w", op, c, w, err)
		}
		if err := differ(dst, want, or); err != nil {
			return fmt.Errorf("%v in place, %v, %d workers, tier %s: %w", op, c, w, kernel.Tier(), err)
		}
	}
	return nil
}

// fewer returns every third tensor in short tests, which emulators run, others in each type.
func fewer[T number](all []tensor) []tensor {
	if !testing.Short() {
		return all
	}
	var some []tensor
	for i := sizeOf[T]() / 2 % 3; i < len(all); i += 3 {
		some = append(some, all[i])
	}
	return some
}

// packers returns numbers of workers, in short tests one of them.
func packers(i int) []int {
	all := []int{0, 1, 3}
	if testing.Short() {
		return all[i%3:][:1]
	}
	return all
}

func testCompact[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	refused, done := 0, 0
	for _, x := range fewer[T](tensors(t)) {
		for i, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			for _, rate := range []float64{0, 0.5, 0.9, 1} {
				m := draw(t, newDropout(t, rate, spatialdropout.WithSeed(uint64(i)), spatialdropout.WithSharing(sharing)), x.geom)
				packed := new(spatialdropout.Compaction)
				err := packed.Reset(m, x.geom)
				if !x.packable(m) {
					if !refusesArgument(err, "mask") {
						t.Fatalf("%s, %v: %v, want an *ArgumentError of the mask", x.name, sharing, err)
					}
					refused++
					continue
				}
				if err != nil {
					t.Fatalf("%s, %v: %v", x.name, sharing, err)
				}
				done++
				c := call{rate: rate}
				if sharing == mask.FixedCount && rate < 1 && x.samples > 0 && x.channels > 0 {
					c.count = len(packed.Kept(0))
				}
				for _, op := range compactions {
					onTiers(t, func(string) {
						if err := checkCompact[T](r, x, op, c, m, packed, packers(done+int(op))...); err != nil {
							t.Errorf("%s, %v: %v", x.name, sharing, err)
						}
					})
				}
			}
		}
	}
	if done < 100 || !testing.Short() && refused < 10 {
		t.Errorf("%d tensors packed and %d refused", done, refused)
	}
}

func testPackedRules[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, rule := range []mask.Rule{mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.AlphaGradient} {
		for i, x := range fewer[T](tensors(t)) {
			m := draw(t, newDropout(t, 0.3, spatialdropout.WithSharing(mask.PerChannel)), x.geom)
			ruled, err := mask.New(x.samples, x.channels, 0.3, mask.Arithmetic{Rule: rule})
			if err != nil {
				t.Fatal(err)
			}
			for n := range x.samples {
				for c := range x.channels {
					// Sample 0 keeps nothing where the others may keep something else.
					ruled.Set(n, c, m.Kept(n, c) && (n > 0 || !loop.SamplesFirst(&x.geom)))
				}
			}
			packed := compact(t, ruled, x.geom)
			for _, op := range compactions {
				onTiers(t, func(string) {
					if err := checkCompact[T](r, x, op, call{rate: 0.3, rule: rule}, ruled, packed, packers(i+int(op))...); err != nil {
						t.Errorf("%s: %v", x.name, err)
					}
				})
			}
		}
	}
}

// Elements are scaled, or divided, as Apply does with the rule.
func TestEveryRuleIsPackedAsTheOracleSays(t *testing.T) {
	t.Run("float32", testPackedRules[float32])
	t.Run("float64", testPackedRules[float64])
	t.Run("float16", testPackedRules[float16])
	t.Run("bfloat16", testPackedRules[bfloat16])
}

func TestEveryPackedBitIsTheOracles(t *testing.T) {
	t.Run("float32", testCompact[float32])
	t.Run("float64", testCompact[float64])
	t.Run("named float32", testCompact[named32])
	t.Run("float16", testCompact[float16])
	t.Run("bfloat16", testCompact[bfloat16])
}
