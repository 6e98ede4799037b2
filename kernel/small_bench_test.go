package kernel_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Calls on so few elements are all overhead.
func BenchmarkSmallCalls(b *testing.B) {
	x, y, f := make([]float32, 32), make([]float32, 32), make([]float32, 4)
	hx, hy, hf := make([]uint16, 16), make([]uint16, 16), make([]uint16, 4)
	alone := []layout.Loop{{Size: 4, Dst: 4, Src: 4, Factor: 1}, {Size: 4, Dst: 1, Src: 1}}
	nest := []layout.Loop{{Size: 2, Dst: 16, Src: 16, Factor: 2}, {Size: 2, Dst: 8, Src: 8, Factor: 1}, {Size: 4, Dst: 1, Src: 1}}
	b.Run("Planes", func(b *testing.B) {
		for range b.N {
			kernel.Planes(kernel.Scale, y[:16], x[:16], f, nil, 4)
		}
	})
	b.Run("Pixels", func(b *testing.B) {
		for range b.N {
			kernel.Pixels(kernel.Scale, y[:16], x[:16], f, nil)
		}
	})
	b.Run("PlanesOf", func(b *testing.B) {
		for range b.N {
			kernel.PlanesOf(kernel.Scale, kernel.As(kernel.F16, hy), kernel.As(kernel.F16, hx), kernel.As(kernel.F16, hf), kernel.Vector{}, 4)
		}
	})
	b.Run("Run", func(b *testing.B) {
		for range b.N {
			_ = kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(f), kernel.Vector{}, alone, 1)
		}
	})
	b.Run("RunNest", func(b *testing.B) {
		for range b.N {
			_ = kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(f), kernel.Vector{}, nest, 1)
		}
	})
}
