package kernel_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// factorsWithinDst has the factors, or the shifts, begin at every distance from a dst: they are
// refused where they share an element with it. Otherwise a call gives what it gives with
// factors elsewhere.
func (c calls[T]) factorsWithinDst(t *testing.T) {
	const channels = 4
	for _, count := range []int{3, 64, 2000} { // the last one is several calls of a kernel, or a tile
		n := channels * count
		planes := []layout.Loop{{Size: channels, Dst: count, Src: count, Factor: 1}, {Size: count, Dst: 1, Src: 1}}
		pixels := []layout.Loop{{Size: count, Dst: channels, Src: channels}, {Size: channels, Dst: 1, Src: 1, Factor: 1}}
		apart := []layout.Loop{{Size: 2, Dst: n / 2, Src: n / 2, Factor: channels / 2}, {Size: channels / 2, Dst: count, Src: count, Factor: 1}, {Size: count, Dst: 1, Src: 1}}
		for _, op := range allOps {
			for _, with := range []string{"factors", "shifts"} {
				if with == "shifts" && !takesShifts(op) {
					continue
				}
				for _, distance := range []int{-channels - 1, -channels, -channels + 1, -1, 0, 1, n / 2, n - 1, n, n + 1} {
					for name, call := range map[string]func(dst, src, factors, shifts []T) error{
						"Planes": func(dst, src, factors, shifts []T) error {
							return caught(func() { c.Planes(op, dst, src, factors, shifts, count) })
						},
						"Pixels": func(dst, src, factors, shifts []T) error {
							return caught(func() { c.Pixels(op, dst, src, factors, shifts) })
						},
						"Run of planes": func(dst, src, factors, shifts []T) error {
							return c.Run(op, dst, src, factors, shifts, planes, 0)
						},
						"Run of pixels": func(dst, src, factors, shifts []T) error {
							return c.Run(op, dst, src, factors, shifts, pixels, 1)
						},
						"Run of a nest": func(dst, src, factors, shifts []T) error {
							return c.Run(op, dst, src, factors, shifts, apart, 2)
						},
					} {
						what := fmt.Sprintf("%s of %v on %d elements, %s at a distance of %d", name, op, n, with, distance)
						memory, src := c.numbered(n+4*channels), c.numbered(n)
						before := slices.Clone(memory)
						dst, near := memory[2*channels:2*channels+n], memory[2*channels+distance:][:channels]
						far := slices.Clone(near)
						factors, shifts := near, kernel.ShiftsOf(op, far)
						if with == "shifts" {
							factors, shifts = far, near
						}
						err := call(dst, src, factors, shifts)
						if -channels < distance && distance < n {
							var overlap *kernel.OverlapError
							size := c.Kind.Size()
							if !errors.As(err, &overlap) || *overlap != (kernel.OverlapError{With: with, Elements: n, Distance: -distance * size}) {
								t.Fatalf("%s: %#v, want an *OverlapError", what, err)
							}
							for _, w := range []string{fmt.Sprintf("dst of %d elements", n), fmt.Sprintf("%d bytes from %s", -distance*size, with), "want no overlap"} {
								if !strings.Contains(err.Error(), w) {
									t.Fatalf("%s: %q does not contain %q", what, err, w)
								}
							}
							if !slices.Equal(memory, before) {
								t.Fatalf("%s is refused, and written", what)
							}
							continue
						}
						got := slices.Clone(memory)
						copy(memory, before)
						if err := errors.Join(err, call(dst, src, far, kernel.ShiftsOf(op, far))); err != nil {
							t.Fatalf("%s: %v", what, err)
						}
						if !slices.Equal(got, memory) {
							t.Fatalf("%s gives something else than with factors elsewhere", what)
						}
					}
				}
			}
		}
	}
}

func TestFactorsWithinDstAreRefused(t *testing.T) {
	everyType(t, refuser.factorsWithinDst)
}
