package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// A refused call says what was wrong, and writes nothing.
func TestCompactionsRefuseWhatDoesNotFit(t *testing.T) {
	g := dense(t, layout.NCHW, 2, 4, 1, 3).geom
	view := strided(t, []int{2, 4, 3}, []int{20, 4, 1}, 0, 1).geom
	m, err := mask.New(2, 4, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	m.Set(1, 0, false) // three channels of each sample
	c, strange := compact(t, m, g), compact(t, m, view)
	divided, err := mask.New(2, 4, 0.5, mask.Arithmetic{Rule: mask.Quotient})
	if err != nil {
		t.Fatal(err)
	}
	divided.Set(0, 1, false)
	divided.Set(1, 0, false)
	quotient := compact(t, divided, g)
	buffer := make([]float32, 80)
	for i := range buffer {
		buffer[i] = float32(i)
	}
	before := slices.Clone(buffer)
	x, y := buffer[:24], buffer[40:58]
	list := kernel.OfList([][]float32{buffer[:12], buffer[12:24]})
	call := func(c *spatialdropout.Compaction, op kernel.Compaction, dst, src kernel.Vector, workers int) error {
		return [...]func(dst, src kernel.Vector, workers int) error{c.Gather, c.Scatter, c.ScatterAdd}[op](dst, src, workers)
	}
	of := kernel.Of[float32]
	for _, r := range []struct {
		err   error
		as    error
		words string
	}{
		{call(nil, kernel.Gather, of(y), of(x), 1), new(spatialdropout.UseError), "no Compaction"},
		{call(new(spatialdropout.Compaction), kernel.Scatter, of(x), of(y), 1), new(spatialdropout.UseError), "one of Reset or ResetWeights"},
		{(*spatialdropout.Compaction)(nil).Gather(kernel.Of(y), kernel.Of(x), 0), new(spatialdropout.UseError), "no Compaction"},
		{new(spatialdropout.Compaction).ScatterAdd(kernel.Of(x), kernel.Of(y), 0), new(spatialdropout.UseError), "no Compaction"},
		{call(c, kernel.Gather, of(y), of(x), -2), &kernel.ArgumentError{Argument: "workers"}, "-2 workers"},
		{call(c, kernel.Gather, of(y), of(x[:23]), 1), &spatialdropout.ArgumentError{Argument: "src"}, "src holds 23 elements, want 24"},
		{call(c, kernel.Scatter, of(buffer[:25]), of(y), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst holds 25 elements, want 24"},
		{call(strange, kernel.Gather, of(y), of(buffer[:30]), 1), &spatialdropout.ArgumentError{Argument: "src"}, "src holds 30 elements, want 35 or more"},
		{call(c, kernel.Gather, of(y[:17]), of(x), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst holds 17 elements, want 18, the kept channels of 2×4"},
		{call(c, kernel.ScatterAdd, of(x), of(buffer[40:59]), 1), &spatialdropout.ArgumentError{Argument: "src"}, "src holds 19 elements, want 18"},
		{call(c, kernel.Gather, kernel.OfList([][]float32{y[:10], y[10:]}), of(x), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst is a list of 2 slices, of which slice 0 holds 10 elements, want 9"},
		{call(c, kernel.Scatter, of(x), kernel.OfList([][]float32{y[:9], y[10:]}), 1), &spatialdropout.ArgumentError{Argument: "src"}, "src is a list of 2 slices, of which slice 1 holds 8 elements, want 9"},
		{call(c, kernel.Gather, kernel.OfList([][]float32{y[:9], nil, y[9:]}), of(x), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst is a list of 3 slices, want one slice of 18 elements, or one for each sample"},
		{call(c, kernel.Gather, kernel.OfList([][]float32{y[:9], y[8:17]}), of(x), 1), new(kernel.OverlapError), "in the list dst begins"},
		{call(c, kernel.Gather, kernel.OfList([][]float32{x[:9], y[:9]}), of(x), 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.Scatter, list, kernel.OfList([][]float32{y[:9], x[15:24]}), 1), new(kernel.OverlapError), "one of them packed"},
		{call(quotient, kernel.Gather, kernel.OfList([][]float32{y[:9], y[8:17]}), of(x), 1), new(kernel.OverlapError), "in the list dst begins"},
		{call(quotient, kernel.ScatterAdd, list, kernel.OfList([][]float32{y[:9], x[15:24]}), 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.Gather, of(y), kernel.OfList([][]float32{x[:12], x[12:23]}), 1), &spatialdropout.ArgumentError{Argument: "src"}, "src is a list of 2 slices, of which slice 1 holds 11"},
		{call(c, kernel.Scatter, kernel.OfList([][]float32{x[:8], x[8:16], x[16:]}), of(y), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst is a list of 3 slices"},
		{call(c, kernel.Gather, kernel.As(kernel.F16, make([]uint16, 18)), of(x), 1), &kernel.ArgumentError{Argument: "kind"}, "float16"},
		{call(c, kernel.Gather, kernel.Vector{}, of(x), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst holds 0"},
		{call(c, kernel.Scatter, kernel.Vector{}, of(y), 1), &spatialdropout.ArgumentError{Argument: "dst"}, "dst holds 0"},
		{call(c, kernel.Gather, of(buffer[1:19]), of(x), 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.Scatter, of(x), of(buffer[23:41]), 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.ScatterAdd, of(x), of(x[:18]), 1), new(kernel.OverlapError), "begins 0 bytes from src"},
		{call(c, kernel.Gather, of(x[:18]), list, 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.Scatter, list, of(buffer[20:38]), 1), new(kernel.OverlapError), "one of them packed"},
		{call(c, kernel.Scatter, kernel.OfList([][]float32{buffer[:12], buffer[6:18]}), of(y), 1), new(kernel.OverlapError), "in the list dst"},
		{call(quotient, kernel.Gather, of(buffer[1:19]), of(x), 1), new(kernel.OverlapError), "one of them packed"},
		{call(quotient, kernel.Scatter, of(x), of(buffer[23:41]), 1), new(kernel.OverlapError), "one of them packed"},
		{call(quotient, kernel.ScatterAdd, of(x), of(x[:18]), 1), new(kernel.OverlapError), "begins 0 bytes from src"},
		{call(quotient, kernel.ScatterAdd, list, of(buffer[20:38]), 1), new(kernel.OverlapError), "one of them packed"},
		{call(quotient, kernel.ScatterAdd, kernel.OfList([][]float32{buffer[:12], buffer[6:18]}), of(y), 1), new(kernel.OverlapError), "in the list dst"},
	} {
		if r.err == nil || !refusesAs(r.err, r.as, "") || !strings.Contains(r.err.Error(), r.words) {
			t.Errorf("%#v, want %#v with %q", r.err, r.as, r.words)
		}
	}
	if !slices.Equal(buffer, before) {
		t.Error("a refused call has written")
	}

	// Masks and geometries that do not fit, and what becomes of a Compaction that is made of them.
	other := dense(t, layout.NCHW, 2, 5, 1, 3).geom
	within := strided(t, []int{4, 2, 3}, []int{6, 3, 1}, 1, 0).geom // samples within channels
	between := strided(t, []int{3, 2, 4}, []int{8, 4, 1}, 1, 2).geom
	weights := dense(t, layout.CHW, 4, 1, 3).geom
	ragged, err := mask.New(2, 4, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	ragged.Set(1, 2, false)
	for _, r := range []struct {
		reset func(c *spatialdropout.Compaction) error
		as    error
		words string
	}{
		{func(c *spatialdropout.Compaction) error { return c.Reset(nil, g) }, &spatialdropout.ArgumentError{Argument: "mask"}, "no mask"},
		{func(c *spatialdropout.Compaction) error { return c.Reset(m, other) }, &spatialdropout.ArgumentError{Argument: "mask"}, "2×4"},
		{func(c *spatialdropout.Compaction) error { return c.Reset(m, layout.Geometry{}) }, &spatialdropout.ArgumentError{Argument: "mask"}, "2×4"},
		{func(c *spatialdropout.Compaction) error { return c.Reset(m, within) }, &spatialdropout.ArgumentError{Argument: "mask"}, "samples within the axis of channels of which sample 1 keeps others than sample 0"},
		{func(c *spatialdropout.Compaction) error { return c.Reset(ragged, within) }, &spatialdropout.ArgumentError{Argument: "mask"}, "sample 0 keeps 4 channels and sample 1 keeps 3"},
		{func(c *spatialdropout.Compaction) error { return c.Reset(ragged, between) }, &spatialdropout.ArgumentError{Argument: "mask"}, "not the outermost axis"},
		{func(c *spatialdropout.Compaction) error { return c.ResetWeights(nil, 0, weights) }, &spatialdropout.ArgumentError{Argument: "mask"}, "no mask"},
		{func(c *spatialdropout.Compaction) error { return c.ResetWeights(m, 0, g) }, &spatialdropout.ArgumentError{Argument: "mask"}, "weights with 2×4 channels for a mask of 2×4, want one sample (layout.Unbatched) of 4 channels"},
		{func(c *spatialdropout.Compaction) error {
			return c.ResetWeights(m, 0, dense(t, layout.CHW, 5, 1, 3).geom)
		}, &spatialdropout.ArgumentError{Argument: "mask"}, "weights with 1×5 channels for a mask of 2×4, want one sample (layout.Unbatched) of 4 channels, the inputs of the layer"},
		{func(c *spatialdropout.Compaction) error { return c.ResetWeights(m, -1, weights) }, &spatialdropout.ArgumentError{Argument: "n"}, "sample -1 of a mask of 2"},
		{func(c *spatialdropout.Compaction) error { return c.ResetWeights(m, 2, weights) }, &spatialdropout.ArgumentError{Argument: "n"}, "sample 2 of a mask of 2"},
	} {
		c := compact(t, m, g)
		if err := r.reset(c); err == nil || !refusesAs(err, r.as, "") || !strings.Contains(err.Error(), r.words) {
			t.Errorf("%#v, want %#v with %q", err, r.as, r.words)
		}
		var zero *spatialdropout.UseError
		if err := c.Gather(kernel.Of(y), kernel.Of(x), 0); !errors.As(err, &zero) {
			t.Errorf("Gather after %q: %v, want a *UseError", r.words, err)
		}
		if err := r.reset(nil); !errors.As(err, &zero) {
			t.Errorf("Reset of nil: %v, want a *UseError", err)
		}
		if err := c.Reset(m, g); err != nil || c.Len() != 18 {
			t.Errorf("Reset after %q: %v", r.words, err)
		}
	}

	// What returns no error panics.
	panics := func(f func()) error { return extreme.Caught(func() error { f(); return nil }) }
	for name, c := range map[string]*spatialdropout.Compaction{"nil": nil, "zero": new(spatialdropout.Compaction)} {
		for what, err := range map[string]error{
			"Len": panics(func() { c.Len() }), "Kept": panics(func() { c.Kept(0) }),
			"Offset": panics(func() { c.Offset(0) }), "Packed": panics(func() { c.Packed() }), "Shared": panics(func() { c.Shared() }),
		} {
			wantZero(t, name+" Compaction, "+what, err, "Compaction", "Reset or ResetWeights")
		}
		moved := c.Unscaled()
		wantZero(t, name+" Compaction, Unscaled", moved.Gather(kernel.Of(y), kernel.Of(x), 0), "Compaction", "Reset or ResetWeights")
	}
	for _, n := range []int{-1, 2, math.MaxInt, math.MinInt} {
		for what, f := range map[string]func(){"Kept": func() { c.Kept(n) }, "Offset": func() { c.Offset(n) }} {
			if err := panics(f); !refusesArgument(err, "n") || !strings.Contains(err.Error(), fmt.Sprintf("sample %d of 2", n)) {
				t.Errorf("%s of sample %d: %v, want an *ArgumentError of n", what, n, err)
			}
		}
	}
}

// Tensors without elements have nothing to pack.
func TestEmptyTensorsArePacked(t *testing.T) {
	for _, x := range []tensor{dense(t, layout.NCHW, 0, 4, 2, 2), dense(t, layout.NCHW, 2, 0, 2, 2), dense(t, layout.NHWC, 2, 0, 3, 4), dense(t, layout.NCHW8c, 2, 3, 0, 2)} {
		c := compact(t, draw(t, newDropout(t, 0.5), x.geom), x.geom)
		for _, op := range compactions {
			if err := method[float64](c, op)(nil, nil, 0); err != nil {
				t.Errorf("%s, %v: %v", x.name, op, err)
			}
			// A zero Vector fits every kind.
			for _, v := range [][2]kernel.Vector{{}, {kernel.Of[float64](nil)}, {1: kernel.Of[float64](nil)}} {
				do := [...]func(dst, src kernel.Vector, workers int) error{c.Gather, c.Scatter, c.ScatterAdd}[op]
				if err := do(v[0], v[1], 1); err != nil {
					t.Errorf("%s, %v of %v and %v: %v", x.name, op, v[0].Kind(), v[1].Kind(), err)
				}
			}
		}
		if c.Len() != 0 || x.samples > 0 && c.Offset(0) != 0 {
			t.Errorf("%s: %d elements", x.name, c.Len())
		}
	}
}

// A factor that is rounded to 0 is refused although nothing is dropped: a kernel cannot tell its channels from
// dropped ones.
func TestFactorsRoundedToZeroAreRefusedWhereAllIsKept(t *testing.T) {
	for _, x := range []tensor{dense(t, layout.NCHW, 1, 2, 2, 2), dense(t, layout.NCHW, 8, 16, 12, 12), dense(t, layout.NHWC, 2, 3, 3, 5)} {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			m, err := mask.New(x.samples, x.channels, 1-0x1p-30, mask.Arithmetic{Policy: policy, Rule: mask.Expectation})
			if err != nil {
				t.Fatal(err)
			}
			c := compact(t, m, x.geom)
			for _, op := range compactions {
				dst, src := filled(x.length, float16(7)), filled(x.length, float16(0x3c00))
				err := method[float16](c, op)(dst, src, 0)
				if !refusesArgument(err, "mask") || !strings.Contains(err.Error(), "whose factor for float16 is rounded to 0") {
					t.Errorf("%s, %v, %v: %v, want an *ArgumentError of the mask", x.name, policy, op, err)
				}
				if !same(dst, filled(x.length, float16(7))) {
					t.Errorf("%s, %v, %v: written", x.name, policy, op)
				}
				if err := method[bfloat16](c, op)(make([]bfloat16, x.length), make([]bfloat16, x.length), 0); err != nil {
					t.Errorf("%s, %v, %v of bfloat16: %v", x.name, policy, op, err)
				}
			}
		}
	}
}
