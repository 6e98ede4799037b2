package gorgonia

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
)

// Output and gradient of both machines are those of the core to the bit, step after step, in
// every order of axes.
func TestPassesAreThoseOfTheCore(t *testing.T) {
	both(t, testPasses[float32], testPasses[float64])
}

func testPasses[T number](t *testing.T) {
	covered := shapes()
	for _, order := range layout.Orders() {
		if order == layout.NCHW8c || order == layout.NCHW16c {
			continue // refused, see TestApplyRefuses
		}
		shape := covered[order]
		if shape == nil {
			t.Fatalf("no shape for the order %v", order)
		}
		for _, machine := range machines {
			x, w := numbers[T](1, product(shape)), numbers[T](2, product(shape))
			layer := Layer{Dropout: coreOf(t, 0.4, spatialdropout.WithSeed(11)), Order: order}
			core := coreOf(t, 0.4, spatialdropout.WithSeed(11))
			n := newNetwork(t, machine, layer.Apply, x, w, shape...)
			masks := map[string]bool{}
			for range 4 {
				y, dx := n.step(t)
				wantY, wantDx, m := training(t, core, order, shape, x, w)
				same(t, name(order, machine, "output"), y, wantY)
				same(t, name(order, machine, "gradient"), dx, wantDx)
				masks[m.String()] = true
			}
			if len(masks) != 4 {
				t.Errorf("%v, %s: %d masks in 4 steps, want a new one for each", order, machine, len(masks))
			}
		}
	}
}

// Dropout is a Layer of channels first with a Dropout of the same options.
func TestDropoutIsALayerOfChannelsFirst(t *testing.T) {
	shape := []int{2, 6, 3, 3}
	x, w := numbers[float32](3, product(shape)), numbers[float32](4, product(shape))
	apply := func(x *G.Node) (*G.Node, error) { return Dropout(x, 0.3, spatialdropout.WithSeed(5)) }
	core := coreOf(t, 0.3, spatialdropout.WithSeed(5))
	n := newNetwork(t, machines[0], apply, x, w, shape...)
	for range 3 {
		y, dx := n.step(t)
		wantY, wantDx, _ := training(t, core, layout.NCHW, shape, x, w)
		same(t, "output", y, wantY)
		same(t, "gradient", dx, wantDx)
	}
}

// A dropped map is +0 whatever it held, and NaN and Inf stay in a kept one.
func TestDroppedMapsAreZero(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	for _, machine := range machines {
		x, w := numbers[float32](5, product(shape)), numbers[float32](6, product(shape))
		for c := range 16 {
			x[4*c] = float32(math.NaN())
			x[4*c+1] = float32(math.Inf(-1))
			x[4*c+2] = -1
		}
		apply := func(x *G.Node) (*G.Node, error) { return Dropout(x, 0.5, spatialdropout.WithSeed(1)) }
		core := coreOf(t, 0.5, spatialdropout.WithSeed(1))
		y, _ := newNetwork(t, machine, apply, x, w, shape...).step(t)
		_, _, m := training(t, core, layout.NCHW, shape, x, w)
		if kept := m.CountKept(); kept == 0 || kept == 16 {
			t.Fatalf("%d of 16 channels are kept, want some", kept)
		}
		for c := range 16 {
			plane := y[4*c : 4*c+4]
			if m.Kept(c/8, c%8) {
				if !math.IsNaN(float64(plane[0])) || !math.IsInf(float64(plane[1]), -1) || plane[2] != -2 {
					t.Errorf("%s: channel %d is %v, want NaN, -Inf, -2 and so on", machine, c, plane)
				}
				continue
			}
			same(t, name(machine, "dropped channel", c), plane, make([]float32, 4))
		}
	}
}

// The gradient is that of finite differences: the first step of the same seed has the same
// mask.
func TestGradientIsThatOfFiniteDifferences(t *testing.T) {
	shape := []int{2, 4, 2, 3}
	for _, arithmetic := range []mask.Arithmetic{{}, {Rule: mask.Alpha}, {Rule: mask.Gaussian}, {Policy: mask.Multiply}} {
		for _, machine := range machines {
			x, w := numbers[float64](7, product(shape)), numbers[float64](8, product(shape))
			loss := func(x []float64) (sum float64, dx []float64) {
				apply := func(x *G.Node) (*G.Node, error) {
					return Dropout(x, 0.4, spatialdropout.WithSeed(3), spatialdropout.WithArithmetic(arithmetic))
				}
				y, dx := newNetwork(t, machine, apply, append([]float64(nil), x...), w, shape...).step(t)
				for i := range y {
					sum += y[i] * w[i]
				}
				return sum, dx
			}
			_, dx := loss(x)
			const h = 1.0 / 1024
			for i := 0; i < len(x); i += 5 {
				kept := x[i]
				x[i] = kept + h
				above, _ := loss(x)
				x[i] = kept - h
				below, _ := loss(x)
				x[i] = kept
				if slope := (above - below) / (2 * h); math.Abs(slope-dx[i]) > 1e-9 {
					t.Errorf("%v, %s: gradient of element %d is %v, want %v", arithmetic, machine, i, dx[i], slope)
				}
			}
		}
	}
}

// The sum as a loss has a gradient that does not depend on the output: nothing but the
// adapter orders the backward pass after the forward pass.
func TestLinearLoss(t *testing.T) {
	shape := []int{2, 9, 3, 2}
	ones := make([]float32, product(shape))
	for i := range ones {
		ones[i] = 1
	}
	for _, machine := range machines {
		g := G.NewGraph()
		x := G.NodeFromAny(g, denseOf(numbers[float32](9, len(ones)), shape...), G.WithName("x"))
		y := must(Dropout(x, 0.25, spatialdropout.WithSeed(2)))(t)
		cost := must(G.Sum(y))(t)
		core := coreOf(t, 0.25, spatialdropout.WithSeed(2))
		var vm G.VM
		if machine == machines[0] {
			must(G.Grad(cost, x))(t)
			vm = G.NewTapeMachine(g)
		}
		for range 3 {
			if machine == machines[1] {
				if old, err := x.Grad(); err == nil {
					G.ZeroValue(old)
				}
				vm = G.NewLispMachine(g)
			}
			if err := vm.RunAll(); err != nil {
				t.Fatal(err)
			}
			_, want, _ := training(t, core, layout.NCHW, shape, ones, ones)
			same(t, machine, data[float32](t, must(x.Grad())(t)), want)
			vm.Reset()
		}
	}
}
