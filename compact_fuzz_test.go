package spatialdropout_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func fuzzCompact[T number](t *testing.T, x tensor, c call, m *mask.Mask, packed *spatialdropout.Compaction, workers int) {
	r := rand.New(rand.NewPCG(c.seed, 1))
	onTiers(t, func(string) {
		for _, op := range compactions {
			if err := checkCompact[T](r, x, op, c, m, packed, workers); err != nil {
				t.Errorf("%s: %v", x.name, err)
			}
		}
	})
}

// FuzzCompact packs any tensor with any mask, and unpacks it, and compares with the oracle.
func FuzzCompact(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, 0.3, uint64(k), uint8(k), uint8(k%4))
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, rate float64, seed uint64, choice, workers uint8) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok || !(rate >= 0 && rate <= 1) {
			return
		}
		c := call{rate: rate, seed: seed}
		m := draw(t, newDropout(t, rate, spatialdropout.WithSeed(seed), spatialdropout.WithSharing(mask.Sharing(choice>>4%4)), withPolicy(mask.Policy(choice>>6%2))), x.geom)
		packed := new(spatialdropout.Compaction)
		err := packed.Reset(m, x.geom)
		if !x.packable(m) {
			if !refusesArgument(err, "mask") {
				t.Errorf("%s: %v, want an *ArgumentError of the mask", x.name, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if mask.Sharing(choice>>4%4) == mask.FixedCount && rate < 1 && x.samples*x.channels > 0 {
			c.count = len(packed.Kept(0))
		}
		w := int(workers % 5)
		switch choice % 6 {
		case 0:
			fuzzCompact[float32](t, x, c, m, packed, w)
		case 1:
			fuzzCompact[float64](t, x, c, m, packed, w)
		case 2:
			fuzzCompact[named32](t, x, c, m, packed, w)
		case 3:
			fuzzCompact[named64](t, x, c, m, packed, w)
		case 4:
			fuzzCompact[float16](t, x, c, m, packed, w)
		case 5:
			fuzzCompact[bfloat16](t, x, c, m, packed, w)
		}
	})
}
