package spatialdropout_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func testPackedLists[T number](t *testing.T) {
	k, r := kindOf[T](), rand.New(rand.NewPCG(2, 21))
	all := append(tensors(t), dense(t, layout.NCHW, 4, 6, 9, 31), dense(t, layout.NHWC, 4, 9, 5, 31))
	for _, x := range all {
		m := draw(t, newDropout(t, 0.4, spatialdropout.WithSharing(mask.PerChannel)), x.geom)
		c := compact(t, m, x.geom)
		for _, n := range x.divisions() {
			if n == 1 || n > 24 {
				continue
			}
			for _, op := range compactions {
				full, packed := values[T](r, x.length), values[T](r, c.Len())
				dst, src := full, packed
				if op == kernel.Gather {
					dst, src = packed, full
				}
				want, or := expectCompact(x, op, call{rate: 0.4}, m, dst, src)
				for workers := range 4 {
					list := scatter(r, full, n)
					vector := k.list(list.list, x.geom).Data
					to, got := vector, slices.Clone(packed)
					from := k.tensor(got, x.geom).Data
					if op == kernel.Gather {
						to, from = from, to
					}
					do := [...]func(dst, src kernel.Vector, workers int) error{c.Gather, c.Scatter, c.ScatterAdd}[op]
					if err := do(to, from, workers); err != nil {
						t.Fatalf("%s in %d slices, %v: %v", x.name, n, op, err)
					}
					if op != kernel.Gather {
						got = list.joined()
					} else if !same(list.joined(), full) {
						t.Errorf("%s in %d slices, %v: src was written", x.name, n, op)
					}
					if err := differ(got, want, or); err != nil {
						t.Errorf("%s in %d slices, %v, %d workers: %v", x.name, n, op, workers, err)
					}
					if err := list.between(); err != nil {
						t.Errorf("%s in %d slices, %v: %v", x.name, n, op, err)
					}
				}
			}
		}
	}
}

// The full tensor may be a list: of samples, or of channels that come first.
func TestPackedListsAreTheOracles(t *testing.T) {
	shareAll(t)
	t.Run("float32", testPackedLists[float32])
	t.Run("float64", testPackedLists[float64])
	t.Run("bfloat16", testPackedLists[bfloat16])
}

func testPackedStreaming[T number](t *testing.T) {
	streamFrom(t, 0)
	r := rand.New(rand.NewPCG(2, 22))
	for _, x := range fewer[T](append(tensors(t), dense(t, layout.NCW, 1, 19, 2048), dense(t, layout.NCW, 3, 7, 1117), dense(t, layout.NWC, 2, 601, 5), dense(t, layout.NWC, 1, 9, 1024))) {
		m := draw(t, newDropout(t, 0.3, spatialdropout.WithSharing(mask.PerChannel)), x.geom)
		c := compact(t, m, x.geom)
		for _, op := range compactions {
			onTiers(t, func(string) {
				if err := checkCompact[T](r, x, op, call{rate: 0.3}, m, c, 1, 2, 3); err != nil {
					t.Errorf("%s: %v", x.name, err)
				}
			})
		}
	}
}

// Goroutines begin anywhere in the packed tensor, and results are stored past the cache or not: it does not show.
func TestPackedPartsAreTheOracles(t *testing.T) {
	shareAll(t)
	t.Run("float32", testPackedStreaming[float32])
	t.Run("float64", testPackedStreaming[float64])
	t.Run("float16", testPackedStreaming[float16])
	t.Run("bfloat16", testPackedStreaming[bfloat16])
}

// Goroutines use one Compaction at the same time.
func TestManyUseOneCompaction(t *testing.T) {
	x := dense(t, layout.NCHW, 3, 11, 5, 7)
	m := draw(t, newDropout(t, 0.5), x.geom)
	c := compact(t, m, x.geom)
	r := rand.New(rand.NewPCG(2, 23))
	src := integers(r, x.length)
	want, back := make([]float64, c.Len()), make([]float64, x.length)
	if err := c.Gather(kernel.Of(want), kernel.Of(src), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Scatter(kernel.Of(back), kernel.Of(want), 0); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 20 {
				got, full := make([]float64, c.Len()), make([]float64, x.length)
				moved := c.Unscaled()
				if err := c.Gather(kernel.Of(got), kernel.Of(src), 0); err != nil || !slices.Equal(got, want) {
					t.Errorf("Gather: %v", err)
				}
				if err := moved.Gather(kernel.Of(full[:c.Len()]), kernel.Of(src), 2); err != nil {
					t.Error(err)
				}
				if err := c.Scatter(kernel.Of(full), kernel.Of(got), 2); err != nil || !slices.Equal(full, back) {
					t.Errorf("Scatter: %v", err)
				}
			}
		}()
	}
	group.Wait()
}

// No call and no Reset allocates after warm-up.
func TestCompactionsDoNotAllocateAfterWarmUp(t *testing.T) {
	if instrumented {
		return // sync.Pool throws away at random then
	}
	for _, x := range []tensor{
		dense(t, layout.NCHW, 4, 33, 8, 9), dense(t, layout.NHWC, 4, 8, 9, 33), dense(t, layout.NCHW8c, 2, 11, 3, 3), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
		dense(t, layout.NCHW, 1, 4, 3, 3), dense(t, layout.NHWC, 32, 8, 8, 64), strided(t, []int{3, 4, 2}, []int{8, 2, 1}, 2, 0),
	} {
		m := draw(t, newDropout(t, 0.5, spatialdropout.WithSharing(mask.PerChannel)), x.geom)
		c := compact(t, m, x.geom)
		divided, err := mask.New(x.samples, x.channels, 0.5, mask.Arithmetic{Rule: mask.Quotient})
		if err != nil {
			t.Fatal(err)
		}
		for n := range x.samples {
			for ch := range x.channels {
				divided.Set(n, ch, m.Kept(n, ch))
			}
		}
		quotient := compact(t, divided, x.geom)
		full, packed := make([]float32, x.length), make([]float32, c.Len())
		halves, some := make([]uint16, x.length), make([]uint16, c.Len())
		list := [][]float32{full}
		if x.geom.Divides(2) {
			list = [][]float32{full[:x.length/2], make([]float32, x.length/2)}
		}
		pieces := [][]float32{packed}
		if loop.SamplesFirst(&x.geom) {
			pieces = nil
			for n := range x.samples {
				pieces = append(pieces, packed[c.Offset(n):][:len(c.Kept(n))*x.geom.Spatial()])
			}
		}
		weights := dense(t, layout.CHW, x.channels, 2, 3).geom
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		of := kernel.Of[float32]
		for name, f := range map[string]func(){
			"Reset":                           func() { check(c.Reset(m, x.geom)) },
			"Reset for weights":               func() { check(c.ResetWeights(m, 0, weights)); check(c.Reset(m, x.geom)) },
			"Gather":                          func() { check(c.Gather(kernel.Of(packed), kernel.Of(full), 0)) },
			"Scatter":                         func() { check(c.Scatter(kernel.Of(full), kernel.Of(packed), 0)) },
			"ScatterAdd":                      func() { check(c.ScatterAdd(kernel.Of(full), kernel.Of(packed), 0)) },
			"Gather in place":                 func() { check(c.Gather(kernel.Of(full[:c.Len()]), kernel.Of(full), 0)) },
			"Scatter in place":                func() { check(c.Scatter(kernel.Of(full), kernel.Of(full[:c.Len()]), 0)) },
			"Gather with workers":             func() { check(c.Gather(of(packed), of(full), 2)) },
			"Gather of halves":                func() { check(c.Gather(kernel.As(kernel.F16, some), kernel.As(kernel.F16, halves), 2)) },
			"Gather of a list":                func() { check(c.Gather(of(packed), kernel.OfList(list), 2)) },
			"Scatter to a list":               func() { check(c.Scatter(kernel.OfList(list), of(packed), 2)) },
			"Gather and divide":               func() { check(quotient.Gather(of(packed), of(full), 2)) },
			"Scatter and divide":              func() { check(quotient.Scatter(of(full), of(packed), 2)) },
			"ScatterAdd and divide":           func() { check(quotient.ScatterAdd(of(full), of(packed), 2)) },
			"Gather to a list":                func() { check(c.Gather(kernel.OfList(pieces), of(full), 2)) },
			"Scatter of a list":               func() { check(c.Scatter(of(full), kernel.OfList(pieces), 2)) },
			"Gather to a list and divide":     func() { check(quotient.Gather(kernel.OfList(pieces), of(full), 2)) },
			"ScatterAdd of a list and divide": func() { check(quotient.ScatterAdd(of(full), kernel.OfList(pieces), 2)) },
			"Scatter without factor":          func() { u := c.Unscaled(); check(u.Scatter(of(full), of(packed), 1)) },
		} {
			if n := allocs(f); n != 0 {
				t.Errorf("%s: %s allocates %v times", x.name, name, n)
			}
		}
	}
}
