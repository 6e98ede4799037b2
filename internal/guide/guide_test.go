// Package guide_test has the code that MIGRATING.md and FRAMEWORKS.md show.
//
// An example that is named in testdata/printed.json prints what the call of another
// framework printed.
package guide_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// must returns v, and ends the program if there is an error.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// numbers returns 1, 2, 3, … in a tensor of geometry g.
func numbers(g layout.Geometry) []float32 {
	x := make([]float32, g.Len())
	for i := range x {
		x[i] = float32(i + 1)
	}
	return x
}

// forward prints what drop makes of [numbers] in training.
func forward(drop *spatialdropout.Dropout, geom layout.Geometry) {
	x, y := numbers(geom), make([]float32, geom.Len())
	must(drop.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)))
	fmt.Println(y)
}

// evaluate prints what drop makes of [numbers] in evaluation.
func evaluate(drop *spatialdropout.Dropout, geom layout.Geometry) {
	x, y := numbers(geom), make([]float32, geom.Len())
	must(drop.Evaluate(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)))
	fmt.Println(y)
}

// forwardHalf is forward on elements of 16 bits.
func forwardHalf(kind *kernel.Kind, drop *spatialdropout.Dropout, g layout.Geometry) {
	x, y := make([]uint16, g.Len()), make([]float32, g.Len())
	for i, v := range numbers(g) {
		x[i] = kind.Type().Round(float64(v))
	}
	must(drop.Forward(spatialdropout.As(kind, x, g), spatialdropout.As(kind, x, g)))
	for i, h := range x {
		y[i] = kind.Type().Widen(h)
	}
	fmt.Println(y)
}

// kept returns 1 for each trial that keeps its channel, and 0 for the others.
func kept(m *mask.Mask) []int {
	bits := make([]int, m.Samples()*m.Channels())
	for i := range bits {
		if m.Kept(i/m.Channels(), i%m.Channels()) {
			bits[i] = 1
		}
	}
	return bits
}
