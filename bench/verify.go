package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

const verifyText = `Each result is compared with that of a plain loop: forward, backward and AddTo
of a pass, in place and out of place, NCHW and NHWC (with the same mask),
float32, float64, float16 and bfloat16, select and multiply, 1 and 3 workers,
on every tier.

`

// Verified is the report on the comparisons on one feature map.
type Verified struct {
	Map      string    `json:"map"`
	Shape    shape     `json:"shape"`
	Kept     []Outcome `json:"kept"`
	Results  int       `json:"results"`
	Elements int       `json:"elements"`
}

// Outcome counts the channels of a mask.
type Outcome struct {
	Rate    float64 `json:"rate"`
	Kept    int     `json:"kept"`
	Dropped int     `json:"dropped"`
}

func outcomeOf(m *mask.Mask) Outcome {
	kept := m.CountKept()
	return Outcome{m.Rate(), kept, m.Samples()*m.Channels() - kept}
}

func (v Verified) print(w io.Writer, tiers []string) error {
	var rates, kept []string
	for _, o := range v.Kept {
		rates = append(rates, fmt.Sprint(o.Rate))
		kept = append(kept, fmt.Sprint(o.Kept))
	}
	_, err := fmt.Fprintf(w, "%-6s  %-12s  kept at rates %s: %s of %d channels\n%8s%d results (%.0f M elements) agree bit for bit on %s\n",
		v.Map, v.Shape, strings.Join(rates, ", "), strings.Join(kept, ", "), v.Shape.samples()*v.Shape.channels(), "", v.Results, float64(v.Elements)/1e6, strings.Join(tiers, ", "))
	return err
}

const verifySeed = 42

var (
	verifyRates    = []float64{0, 0.2, 0.5, 1}
	verifyPolicies = []mask.Policy{mask.Select, mask.Multiply}
	verifyWorkers  = []int{1, 3}
)

// verifyMap compares the operators of a pass with the reference, for every tier, order,
// kind, rate and policy.
func verifyMap(m featureMap, tiers []string) (Verified, error) {
	defer useTier(kernel.Tier())
	v := Verified{Map: m.name, Shape: m.shape}
	for _, rate := range verifyRates {
		v.Kept = append(v.Kept, outcomeOf(drawFor(m.shape, layout.NCHW, rate, mask.Select)))
	}
	err := verifyAs(&v, m.data, tiers, float32s, library)
	if err == nil {
		wide := make([]float64, len(m.data))
		for i, x := range m.data {
			// Set the last bits as well, so that products need rounding.
			wide[i] = float64(x) * (1 + 0x1p-30)
		}
		err = verifyAs(&v, wide, tiers, float64s, library)
	}
	if err == nil {
		err = verifyAs(&v, as(float16s, m.data), tiers, float16s, library)
	}
	if err == nil {
		err = verifyAs(&v, as(bfloat16s, m.data), tiers, bfloat16s, library)
	}
	return v, err
}

// dropoutFor returns a Dropout whose first draw is the mask of every comparison.
func dropoutFor(rate float64, policy mask.Policy, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	opts = append(opts, spatialdropout.WithSeed(verifySeed), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy}))
	d, err := spatialdropout.New(rate, opts...)
	must(err)
	return d
}

// drawFor returns the mask for a tensor in the given order.
func drawFor(s shape, o layout.Order, rate float64, policy mask.Policy) *mask.Mask {
	m, err := dropoutFor(rate, policy).Draw(s.geometry(o))
	must(err)
	return m
}

// operators are the methods of a pass that are verified.
type operators struct{ forward, backward, addTo operator }

type operator func(p spatialdropout.Pass, dst, src spatialdropout.Tensor) error

// library holds the operators of the library. A test puts a faulty one in their place.
var library = operators{spatialdropout.Pass.Forward, spatialdropout.Pass.Backward, spatialdropout.Pass.AddTo}

// verifyAs verifies operators on data, which lie in NCHW, and counts the results in v.
func verifyAs[T element](v *Verified, data []T, tiers []string, k kind[T], lib operators) error {
	gradient := slices.Clone(data)
	slices.Reverse(gradient)
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		x, dy := inOrder(data, v.Shape, o), inOrder(gradient, v.Shape, o)
		for _, rate := range verifyRates {
			for _, policy := range verifyPolicies {
				m := drawFor(v.Shape, o, rate, policy)
				first := drawFor(v.Shape, layout.NCHW, rate, policy)
				for n := range v.Shape.samples() {
					for c := range v.Shape.channels() {
						if m.Kept(n, c) != first.Kept(n, c) {
							return fmt.Errorf("%s, rate %v: %v and NCHW disagree over sample %d, channel %d", v.Map, rate, o, n, c)
						}
					}
				}
				for _, c := range []check[T]{
					{"forward", lib.forward, false, false, dy, x},
					{"forward in place", lib.forward, false, true, x, x},
					{"backward", lib.backward, false, false, x, dy},
					{"backward in place", lib.backward, false, true, dy, dy},
					{"AddTo", lib.addTo, true, false, x, dy},
					{"AddTo in place", lib.addTo, true, true, dy, dy},
				} {
					if err := c.run(v, k, m, o, tiers); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// check is a call that is compared with the reference.
type check[T element] struct {
	name         string
	op           operator
	add, inPlace bool
	old, src     []T // dst before the call, and src
}

// run makes the call on every tier and with every number of workers. Each pass draws a
// mask of its own, which must equal m.
func (c check[T]) run(v *Verified, k kind[T], m *mask.Mask, o layout.Order, tiers []string) error {
	want := slices.Clone(c.old)
	k.reference(want, c.src, v.Shape, o, m, c.add)
	dst, g := make([]T, len(want)), v.Shape.geometry(o)
	for _, tier := range tiers {
		useTier(tier)
		for _, workers := range verifyWorkers {
			copy(dst, c.old)
			src := c.src
			if c.inPlace {
				src = dst
			}
			pass := dropoutFor(m.Rate(), m.Arithmetic().Policy, spatialdropout.WithWorkers(workers)).Next(g)
			where := fmt.Sprintf("%s, %v %v, %s, %s, rate %v, %v, %d workers", v.Map, o, k, tier, c.name, m.Rate(), m.Arithmetic().Policy, workers)
			if err := c.op(pass, k.tensor(dst, g), k.tensor(src, g)); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if err := compare(dst, want, v.Shape, o); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			v.Results++
			v.Elements += len(dst)
		}
	}
	return nil
}

// reference computes what Forward, Backward and AddTo document, one logical index at a
// time. It takes nothing from the library but which channels a mask keeps.
func (k kind[T]) reference(dst, src []T, s shape, o layout.Order, m *mask.Mask, add bool) {
	kept := k.of(1 / (1 - m.Rate()))
	for n := range s.samples() {
		for c := range s.channels() {
			factor, skip := kept, false
			if !m.Kept(n, c) {
				factor, skip = 0, m.Arithmetic().Policy == mask.Select
			}
			for p := range s.spatial() {
				i := s.at(o, n, c, p)
				product := k.mul(src[i], factor)
				switch {
				case !add && skip:
					dst[i] = 0
				case !add:
					dst[i] = product
				case !skip:
					dst[i] = k.add(dst[i], product)
				}
			}
		}
	}
}

// compare returns an error that names the first element of got, in memory order, that
// differs from want in any bit.
func compare[T element](got, want []T, s shape, o layout.Order) error {
	i := 0
	for i < len(want) && bitsOf(got[i]) == bitsOf(want[i]) {
		i++
	}
	if i == len(want) {
		return nil
	}
	n, rest := i/(s.channels()*s.spatial()), i%(s.channels()*s.spatial())
	c, p := rest/s.spatial(), rest%s.spatial()
	if o == layout.NHWC {
		c, p = rest%s.channels(), rest/s.channels()
	}
	digits := 2 * int(unsafe.Sizeof(got[i]))
	return fmt.Errorf("element %d (sample %d, channel %d, position %d) has bits %0*x, want %0*x", i, n, c, p, digits, bitsOf(got[i]), digits, bitsOf(want[i]))
}
