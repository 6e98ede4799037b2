package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// part returns a part of a slice: nil, nothing, or some elements.
func part[T any](r *rand.Rand, s []T) []T {
	switch r.IntN(6) {
	case 0:
		return nil
	case 1:
		return s[r.IntN(len(s)):][:0]
	}
	from := r.IntN(len(s))
	return s[from : from+r.IntN(min(16, len(s)-from)+1)]
}

// Nils, zero values and extreme numbers give an error of this package, or a panic with one.
func TestExtremes(t *testing.T) {
	runs := uint64(6000)
	if testing.Short() || kernel.Instrumented {
		runs /= 8
	}
	done := make(map[string]int)
	floats, doubles, halves, memory := make([]Celsius, 64), make([]Metres, 64), make([]Float16, 64), make([]byte, 256)
	for seed := range runs {
		r := rand.New(rand.NewPCG(31, seed))
		kind := extreme.One(r, nil, new(kernel.Kind), kernel.F32, kernel.F64, kernel.F16, kernel.BF16)
		op := kernel.Op(extreme.One(r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255))
		workers, plane, offset := extreme.Int(r), extreme.Int(r), extreme.Int(r)
		var loops []layout.Loop
		for range extreme.One(r, 0, 1, 1, 2, 2, 3, 6, 7, 1000) {
			loops = append(loops, layout.Loop{Size: extreme.Int(r), Dst: extreme.Int(r), Src: extreme.Int(r), Factor: extreme.Int(r)})
		}
		if r.IntN(2) == 0 { // some that fit together
			rows, channels := 1+r.IntN(4), 1+r.IntN(4)
			loops = []layout.Loop{{Size: rows, Dst: channels, Src: channels}, {Size: channels, Dst: 1, Src: 1, Factor: 1}}
		}
		check := func(name string, call func() error) {
			t.Helper()
			extreme.Check(t, func() string {
				return fmt.Sprintf("seed %d: %s of %v with %v, planes of %d, from %d, %d workers, %d loops %.9v", seed, name, op, kind, plane, offset, workers, len(loops), loops)
			}, func() error {
				err := call()
				if err == nil {
					done[name]++
				}
				return err
			})
		}
		nothing := func(call func()) func() error {
			return func() error { call(); return nil }
		}
		var vectors [4]kernel.Vector
		for i := range vectors {
			check("As", nothing(func() { vectors[i] = kernel.As(kind, part(r, halves)) }))
			switch r.IntN(8) {
			case 0:
				vectors[i] = kernel.Vector{}
			case 1, 2, 3:
				vectors[i] = kernel.Of(part(r, floats))
			case 4:
				vectors[i] = kernel.Of(part(r, doubles))
			}
			check("OfBytes", nothing(func() {
				if v := kernel.OfBytes(kind, part(r, memory)); r.IntN(4) == 0 {
					vectors[i] = v
				}
			}))
			check("AsList", nothing(func() {
				list := make([][]Celsius, extreme.One(r, 0, 1, 2, 4, 8))
				for k := range list {
					list[k] = extreme.One(r, floats[2*k:2*k+2], floats[2*k+32:2*k+34], part(r, floats))
				}
				if v := kernel.AsList(kind, list); r.IntN(4) == 0 {
					vectors[i] = v
				}
			}))
			check("From", nothing(func() { vectors[i] = vectors[i].From(offset) }))
			check("Slice", nothing(func() { vectors[i].Slice(offset) }))
			check("Bytes", nothing(func() { vectors[i].Bytes(); vectors[i].Data(); vectors[i].Len(); vectors[i].Slices() }))
		}
		check("Size", nothing(func() { kind.Size() }))
		check("Type", nothing(func() { kind.Type() }))
		check("String", nothing(func() { _ = kind.String() + op.String() }))
		v, s := vectors, [...][]Celsius{part(r, floats), part(r, floats), part(r, floats), part(r, floats)}
		if r.IntN(2) == 0 { // some that fit together
			s = [...][]Celsius{floats[:12], floats[12:24], floats[24:36], part(r, floats)}
			v[0], v[1], v[2] = kernel.Of(s[0]), kernel.Of(s[1]), kernel.Of(s[2])
			plane = extreme.One(r, 1, plane)
		}
		check("Planes", nothing(func() { kernel.Planes(op, s[0], s[1], s[2], s[3], plane) }))
		check("Pixels", nothing(func() { kernel.Pixels(op, s[0], s[1], s[2], s[3]) }))
		check("Run", func() error {
			return kernel.Run(op, kernel.Of(s[0]), kernel.Of(s[1]), kernel.Of(s[2]), kernel.Of(s[3]), loops, workers)
		})
		check("PlanesOf", nothing(func() { kernel.PlanesOf(op, v[0], v[1], v[2], v[3], plane) }))
		check("PixelsOf", nothing(func() { kernel.PixelsOf(op, v[0], v[1], v[2], v[3]) }))
		check("Run", func() error { return kernel.Run(op, v[0], v[1], v[2], v[3], loops, workers) })
		compaction := kernel.Compaction(extreme.One(r, 0, 0, 1, 2, 3, 255))
		c := s
		if r.IntN(2) == 0 { // factors of 0, which keep nothing
			c = [...][]Celsius{floats[:12], nil, floats[24:36], nil}
			plane = extreme.One(r, 1, plane)
			if compaction == kernel.Gather {
				c[0], c[1] = c[1], c[0]
			}
		}
		block := func(count, length, factor int) func() error {
			return func() error {
				loops := []layout.Loop{{Size: count, Dst: length, Factor: 1 - factor}, {Size: length, Dst: 1, Factor: factor}}
				return kernel.RunCompact(compaction, kernel.Of(c[0]), kernel.Of(c[1]), kernel.Of(c[2]), loops, workers)
			}
		}
		check("RunCompact of planes", block(len(c[2]), plane, 0))
		check("RunCompact of rows", block(plane, len(c[2]), 1))
		check("RunCompact", func() error { return kernel.RunCompact(compaction, v[0], v[1], v[2], loops, workers) })
		check("Compaction.String", nothing(func() { _ = compaction.String() }))
		one, _ := extreme.One(r, layout.NCHW, layout.NCHW8c).Of(1, 1+r.IntN(12), 1, 1)
		other, _ := extreme.One(r, layout.NCHW, layout.NHWC, layout.NCHW16c).Of(1, one.Channels(), 1, 1)
		if nest, err := layout.Join(one, other); err == nil {
			p := &nest.Parts()[r.IntN(len(nest.Parts()))]
			check("RunPart", func() error { return kernel.RunPart(op, v[0], v[1], v[2], v[3], p, workers) })
		}
		check("RunPart", func() error { return kernel.RunPart(op, v[0], v[1], v[2], v[3], new(layout.Part), workers) })
		number := extreme.One(r, 1, 0.5, extreme.Rate(r))
		around := &kernel.Fused{
			Activation: extreme.One(r, kernel.Activation{}, kernel.ReLU, kernel.ClippedReLU(number), kernel.LeakyReLU(number)), Factors: v[2],
			Backward: r.IntN(2) == 0, Output: r.IntN(3) == 0,
		}
		if around.Op = op; r.IntN(2) == 0 {
			around.Op = kernel.Scale
		}
		for _, u := range []*kernel.Vector{&around.Aux, &around.FactorShifts, &around.Scales, &around.Shifts} {
			*u = extreme.One(r, kernel.Vector{}, v[3], kernel.Of(floats[50:54]), kernel.Of(floats[50:54]), kernel.Of(floats[52:64]))
		}
		if r.IntN(2) == 0 {
			around.Scales, around.Shifts, around.FactorShifts = kernel.Of(floats[50:54]), kernel.Of(floats[54:58]), kernel.Vector{}
			if around.Aux = kernel.Of(s[1]); around.Backward && around.Activation == (kernel.Activation{}) || !around.Backward && r.IntN(2) == 0 {
				around.Aux = kernel.Vector{}
			}
		}
		if r.IntN(20) == 0 {
			around = nil
		}
		check("RunFused", func() error { return kernel.RunFused(around, v[0], v[1], loops, workers) })
		if nest, err := layout.Join(one, other); err == nil {
			p := &nest.Parts()[r.IntN(len(nest.Parts()))]
			check("RunFusedPart", func() error { return kernel.RunFusedPart(around, v[0], v[1], p, workers) })
		}
		check("RunFusedPart", func() error {
			return kernel.RunFusedPart(around, v[0], v[1], extreme.One(r, nil, new(layout.Part)), workers)
		})
		check("Activation", func() error {
			a := extreme.One(r, kernel.Activation{}, kernel.ReLU, kernel.ClippedReLU(number), kernel.LeakyReLU(number))
			_ = a.String()
			return a.Check(kind, r.IntN(2) == 0)
		})
	}
	for _, name := range []string{"Planes", "Pixels", "Run", "PlanesOf", "PixelsOf", "RunPart", "RunFused", "RunFusedPart", "Activation", "RunCompact of planes", "RunCompact of rows", "RunCompact", "As", "AsList", "OfBytes", "From", "Bytes", "Size", "Type", "String"} {
		if done[name] < int(runs)/50 {
			t.Errorf("%d calls of %s without an error, of %d, want a fiftieth", done[name], name, runs)
		}
	}
	tier := kernel.Tier()
	for _, name := range []string{"", "\x00", strings.Repeat("x", 1<<16)} {
		extreme.Check(t, func() string { return "SetTier" }, func() error { return kernel.SetTier(name) })
	}
	if kernel.Tier() != tier {
		t.Errorf("the tier %s, want %s", kernel.Tier(), tier)
	}
}

// A kind that is nil or zero is no kind.
func TestZeroKinds(t *testing.T) {
	for _, kind := range []*kernel.Kind{nil, new(kernel.Kind)} {
		for name, f := range map[string]func(){
			"As":      func() { kernel.As(kind, []uint16{1}) },
			"OfBytes": func() { kernel.OfBytes(kind, make([]byte, 8)) },
		} {
			if err := caught(f); !kernel.Refuses(err, kernel.Argument("kind")) || !strings.Contains(err.Error(), "no kind, want one such as F32") {
				t.Errorf("%s of %v: %v, want an *ArgumentError of the kind", name, kind, err)
			}
		}
		if kind.String() != "no kind" {
			t.Errorf("%#v is called %v", kind, kind)
		}
	}
	for name, f := range map[string]func(){"Size": func() { (*kernel.Kind)(nil).Size() }, "Type": func() { (*kernel.Kind)(nil).Type() }} {
		if err := caught(f); !kernel.Refuses(err, kernel.Argument("kind")) {
			t.Errorf("%s of nil: %v, want an *ArgumentError of the kind", name, err)
		}
	}
}

// Whatever the strategy is, it is refused with an error of this package, or no result
// depends on it.
func TestExtremeStrategies(t *testing.T) {
	runs := uint64(400)
	if testing.Short() || kernel.Instrumented {
		runs /= 8
	}
	before := kernel.CurrentStrategy()
	defer func() {
		if err := kernel.SetStrategy(before); err != nil {
			t.Fatal(err)
		}
	}()
	const channels = 12
	x, y, factors := make([]Celsius, 6000*channels), make([]Celsius, 6000*channels), make([]Celsius, channels)
	for i := range x {
		x[i] = Celsius(i%97 - 40)
	}
	for c := range factors {
		factors[c] = Celsius(c % 3)
	}
	set := 0
	for seed := range runs {
		r := rand.New(rand.NewPCG(33, seed))
		size := func() int { return extreme.One(r, extreme.Int(r), 0, 1, 64, 4096, 1<<16, math.MaxInt) }
		s := before
		for _, field := range []*int{&s.StreamPlanes, &s.StreamRows, &s.StreamInPlace, &s.StoreAhead, &s.Share, &s.Grain, &s.Wake} {
			if r.IntN(2) == 0 {
				*field = size()
			}
		}
		s.Linger = extreme.One(r, s.Linger, 0, time.Microsecond, time.Duration(extreme.Int(r)))
		text := extreme.One(r, s.String(), "", ",,", "share", "share=", "=", strings.Repeat("x", 1<<16), "share="+strings.Repeat("9", 1<<16))
		extreme.Check(t, func() string { return fmt.Sprintf("seed %d: ParseStrategy(%.99q)", seed, text) }, func() error {
			_, err := kernel.ParseStrategy(text)
			return err
		})
		taken := false
		extreme.Check(t, func() string { return fmt.Sprintf("seed %d: SetStrategy(%v)", seed, s) }, func() error {
			err := kernel.SetStrategy(s)
			taken = err == nil
			return err
		})
		if !taken {
			continue
		}
		set++
		rows := extreme.One(r, 1, 2, 100, 6000)
		n, workers := rows*channels, extreme.One(r, 0, 1, 2, 7)
		asPlanes := []layout.Loop{{Size: channels, Dst: rows, Src: rows, Factor: 1}, {Size: rows, Dst: 1, Src: 1}}
		asPixels := []layout.Loop{{Size: rows, Dst: channels, Src: channels}, {Size: channels, Dst: 1, Src: 1, Factor: 1}}
		for name, call := range map[string]func() error{
			"planes": func() error { kernel.Planes(kernel.Scale, y[:n], x[:n], factors, nil, rows); return nil },
			"pixels": func() error { kernel.Pixels(kernel.Scale, y[:n], x[:n], factors, nil); return nil },
			"planes of a nest": func() error {
				return kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(factors), kernel.Vector{}, asPlanes, workers)
			},
			"pixels of a nest": func() error {
				return kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(factors), kernel.Vector{}, asPixels, workers)
			},
		} {
			what := func() string {
				return fmt.Sprintf("seed %d: %d rows as %s with %d workers, %v", seed, rows, name, workers, s)
			}
			extreme.Check(t, what, call)
			for i, got := range y[:n] {
				c := i / rows
				if strings.HasPrefix(name, "pixels") {
					c = i % channels
				}
				if want := x[i] * factors[c]; got != want {
					t.Fatalf("%s: element %d is %v, want %v", what(), i, got, want)
				}
			}
			clear(y)
		}
	}
	if set < int(runs)/10 {
		t.Errorf("%d strategies of %d, want a tenth", set, runs)
	}
}
