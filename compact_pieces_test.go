package spatialdropout_test

import (
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

// pieces returns the lengths of the slices into which the packed tensor of x may be divided, in each way.
func (x *tensor) pieces(c *spatialdropout.Compaction, m *mask.Mask) (all [][]int) {
	if loop.SamplesFirst(&x.geom) && x.samples > 1 {
		lengths := make([]int, x.samples)
		for _, p := range x.keptPlaces(m) {
			lengths[p.n]++
		}
		all = append(all, lengths)
	}
	if packed, ok := c.Packed(); ok {
		for n := 2; n <= min(c.Len(), 16); n++ {
			if packed.Divides(n) && n != x.samples {
				all = append(all, lengthsOf(n, c.Len()/n))
			}
		}
	}
	return all
}

func testPieces[T number](t *testing.T) {
	k, r, ragged, even := kindOf[T](), rand.New(rand.NewPCG(2, 51)), 0, 0
	for _, x := range append(fewer[T](tensors(t)), dense(t, layout.NCHW, 4, 6, 9, 31), dense(t, layout.NHWC, 4, 9, 5, 31), dense(t, layout.NCHW8c, 3, 11, 5, 7), dense(t, layout.NHWC, 5, 1, 1, 300)) {
		for i, sharing := range []mask.Sharing{mask.Each, mask.PerSample, mask.PerChannel, mask.FixedCount, mask.PerChannel} {
			rate, rule := 0.4, [...]mask.Rule{mask.Reciprocal, mask.Quotient}[r.IntN(2)]
			if i == 4 {
				rate, rule = 0, mask.Reciprocal // everything is kept
			}
			drawn := draw(t, newDropout(t, rate, spatialdropout.WithSharing(sharing)), x.geom)
			if !x.packable(drawn) {
				continue
			}
			m, err := mask.New(x.samples, x.channels, rate, mask.Arithmetic{Rule: rule})
			if err != nil {
				t.Fatal(err)
			}
			for n := range x.samples {
				for ch := range x.channels {
					m.Set(n, ch, drawn.Kept(n, ch))
				}
			}
			c := compact(t, m, x.geom)
			for _, lengths := range x.pieces(c, m) {
				if slices.Min(lengths) < slices.Max(lengths) {
					ragged++
				} else {
					even++
				}
				for _, op := range compactions {
					full, packed := values[T](r, x.length), values[T](r, c.Len())
					dst, src := full, packed
					if op == kernel.Gather {
						dst, src = packed, full
					}
					want, or := expectCompact(x, op, call{rate: rate, rule: rule}, m, dst, src)
					for _, n := range append(x.divisions()[:min(1, x.length)], x.divisions()...) {
						if n > 12 {
							break
						}
						outer, inner := scatter(r, full, n), scatterIn(r, packed, lengths)
						to, from := k.list(outer.list, x.geom).Data, k.list(inner.list, x.geom).Data
						if op == kernel.Gather {
							to, from = from, to
						}
						what := fmt.Sprintf("%s in %d slices, packed in %v, %v, %v of %v", x.name, n, lengths, op, rule, sharing)
						do := [...]func(dst, src kernel.Vector, workers int) error{c.Gather, c.Scatter, c.ScatterAdd}[op]
						if err := do(to, from, r.IntN(4)); err != nil {
							t.Fatalf("%s: %v", what, err)
						}
						got, read, before := outer.joined(), inner.joined(), packed
						if op == kernel.Gather {
							got, read, before = read, got, full
						}
						if err := differ(got, want, or); err != nil {
							t.Errorf("%s: %v", what, err)
						}
						if !same(read, before) {
							t.Errorf("%s: src was written", what)
						}
						for _, list := range []*scattered[T]{outer, inner} {
							if err := list.between(); err != nil {
								t.Errorf("%s: %v", what, err)
							}
						}
					}
				}
			}
		}
	}
	if !testing.Short() && (ragged < 10 || even < 50) {
		t.Errorf("%d lists of slices of different lengths and %d others, want 10 and 50", ragged, even)
	}
}

// The packed tensor may be a list of a slice for each sample, whatever it keeps, or of as many as divide a rectangle.
func TestPiecesOfPackedTensorsAreTheOracles(t *testing.T) {
	shareAll(t)
	t.Run("float32", testPieces[float32])
	t.Run("float64", testPieces[float64])
	t.Run("float16", testPieces[float16])
	t.Run("bfloat16", testPieces[bfloat16])
}
