package spatialdropout_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// At rate 0.5 every rule but alpha's doubles, to the bit: on small integers the
// properties of the operator hold exactly, whatever draws the channels and however they
// share trials.
func doubling(t *testing.T, f func(name string, opts func() []spatialdropout.Option)) {
	for name, stream := range streams(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample} {
			f(name+", "+sharing.String(), func() []spatialdropout.Option {
				return []spatialdropout.Option{spatialdropout.WithStream(stream()), spatialdropout.WithSharing(sharing)}
			})
		}
	}
}

func TestEveryStreamsBackwardIsTheAdjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	doubling(t, func(name string, opts func() []spatialdropout.Option) {
		l := newLayer[float64](t, 0.5, opts()...)
		for _, x := range []tensor{dense(t, layout.NCHW, 3, 11, 5, 7), dense(t, layout.NHWC, 3, 5, 7, 11), dense(t, layout.NCHW16c, 3, 11, 5, 7), dense(t, layout.NC, 3, 11), strided(t, []int{2, 3, 4, 5}, []int{60, 1, 15, 3}, 0, 1)} {
			v, dy := integers(r, x.length), integers(r, x.length)
			y := forward(t, l, v, x.geom)
			p := l.Pass()
			dx := backward(t, l, dy, x.geom)
			if a, b := dot(x, y, dy), dot(x, v, dx); a != b {
				t.Errorf("%s, %s: ⟨y, dy⟩ = %v, ⟨x, dx⟩ = %v", name, x.name, a, b)
			}
			sum := append([]float64(nil), v...)
			if err := p.AddTo(spatialdropout.Of(sum, x.geom), spatialdropout.Of(dy, x.geom)); err != nil {
				t.Fatal(err)
			}
			for _, p := range x.places {
				if sum[p.at] != v[p.at]+dx[p.at] {
					t.Fatalf("%s, %s: the sum at %d is %v, want %v + %v", name, x.name, p.at, sum[p.at], v[p.at], dx[p.at])
				}
			}
			w := make([]float64, x.length)
			for i := range w {
				w[i] = 3*v[i] - 5*dy[i]
			}
			av, aw := gradient(t, p, v, x.geom), gradient(t, p, w, x.geom)
			for _, p := range x.places {
				if aw[p.at] != 3*av[p.at]-5*dx[p.at] {
					t.Fatalf("%s, %s: not linear at %d", name, x.name, p.at)
				}
			}
		}
	})
}

func TestEveryStreamIsTheSameInEveryOrder(t *testing.T) {
	const n, c, h, w = 3, 11, 5, 7
	r := rand.New(rand.NewPCG(2, 2))
	first, last := dense(t, layout.NCHW, n, c, h, w), dense(t, layout.NHWC, n, h, w, c)
	transposed := func(src []float64) []float64 {
		dst := make([]float64, len(src))
		visit([]int{n, c, h, w}, func(i []int) {
			dst[((i[0]*h+i[2])*w+i[3])*c+i[1]] = src[((i[0]*c+i[1])*h+i[2])*w+i[3]]
		})
		return dst
	}
	doubling(t, func(name string, opts func() []spatialdropout.Option) {
		a, b := newLayer[float64](t, 0.5, opts()...), newLayer[float64](t, 0.5, opts()...)
		for step := range 3 {
			src := integers(r, first.length)
			if !same(transposed(forward(t, a, src, first.geom)), forward(t, b, transposed(src), last.geom)) {
				t.Fatalf("%s, step %d: NCHW and NHWC differ", name, step)
			}
		}
	})
}
