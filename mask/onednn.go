package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// OneDNN returns the stream of oneDNN's dropout attribute before v3.11, with the seed
// seed+step. oneDNN drops single elements, this stream channels. Trial i takes word i mod
// 4 of the Philox4x32-10 block with the counter (x, x+1, x+2, x+3) and the key (seed,
// seed), where x is i with its lowest two bits cleared, modulo 2³². The channel is kept if
// and only if word > ⌊4294967295·rate⌋, with the rate rounded to float32.
func OneDNN(seed uint32) Stream { return oneDNN{seed} }

type oneDNN struct{ seed uint32 }

func (o oneDNN) String() string { return fmt.Sprintf("onednn:%d", o.seed) }

func (o oneDNN) Arithmetic() Arithmetic { return Arithmetic{} }

func (o oneDNN) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, o, at)
	}
	if m.settled() {
		return nil
	}
	seed := o.seed + uint32(at.Step)
	m.drawWords(&words{
		draw:      draw.Spec{Key: [2]uint32{seed, seed}},
		quads:     true,
		threshold: uint64(float64(4294967295.0*float64(float32(m.rate)))) + 1,
		inverted:  true,
	}, at.first(m))
	return nil
}

func (o oneDNN) After(at Place, samples, channels int, rate float64) Place { return at.next() }
