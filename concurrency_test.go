package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Goroutines apply one mask to parts of the same memory that touch each other, from one src
// that all read, while others draw from the same Dropout.
func TestManyUseOneMaskConcurrently(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var geoms []layout.Geometry
	for _, order := range []layout.Order{layout.ChannelsFirst, layout.ChannelsLast} {
		geoms = append(geoms, dense(t, order, 3, 5, 7, 9).geom)
	}
	onTiers(t, func(tier string) {
		for _, g := range geoms {
			d := newDropout(t, 0.4, spatialdropout.WithSeed(9))
			shared := draw(t, d, g)
			// The serial answers: of the mask, of the mask added, and of places of
			// their own.
			const users = 12
			n := g.Len()
			src, want := filled[float32](n, 0), make([][]float32, users)
			for i := range src {
				src[i] = float32(r.NormFloat64())
			}
			use := func(user int, dst []float32) error {
				at := mask.Place{Step: uint64(user)}
				switch user % 4 {
				case 0:
					return spatialdropout.Apply(dst, src, shared, g)
				case 1:
					return spatialdropout.AddToTensor(spatialdropout.Of(dst, g), spatialdropout.Of(src, g), shared, 2)
				case 2:
					return d.At(at, g).Forward(spatialdropout.Of(dst, g), spatialdropout.Of(src, g))
				}
				own, err := d.At(at, g).Mask()
				if err != nil {
					return err
				}
				copy(dst, src)
				return spatialdropout.ApplyTensor(spatialdropout.Of(dst, g), spatialdropout.Of(dst, g), own, 3)
			}
			for user := range want {
				want[user] = filled[float32](n, 1)
				if err := use(user, want[user]); err != nil {
					t.Fatal(err)
				}
			}
			all := filled[float32](users*n, 1)
			var group sync.WaitGroup
			errs := make(chan error, users)
			for user := range users {
				group.Add(1)
				go func() {
					defer group.Done()
					dst := all[user*n:][:n]
					if err := use(user, dst); err != nil {
						errs <- err
					} else if !same(dst, want[user]) {
						errs <- fmt.Errorf("%s: user %d of %v gets something else than alone", tier, user, g)
					}
				}()
			}
			group.Wait()
			close(errs)
			for err := range errs {
				t.Error(err)
			}
		}
	})
}
