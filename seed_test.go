package spatialdropout_test

import (
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Without a seed each Dropout and each Layer has one of its own: with a common one, two
// layers of a network would drop the same channels.
func TestSeedsOfTheirOwn(t *testing.T) {
	x := dense(t, layout.NC, 1, 256)
	streams := make(map[string]bool)
	masks := make(map[string]bool)
	for range 16 {
		d, err := spatialdropout.New(0.5)
		if err != nil {
			t.Fatal(err)
		}
		l, err := spatialdropout.NewLayer[float32](0.5)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []*spatialdropout.Dropout{d, l.Dropout()} {
			state := one.State()
			if !strings.HasPrefix(state.Stream, "philox:") || streams[state.Stream] {
				t.Fatalf("the stream %v, want Philox with a seed that no other has", state.Stream)
			}
			streams[state.Stream] = true
			m := draw(t, one, x.geom)
			drawn := channelsOf(m)
			if masks[drawn] {
				t.Fatalf("two draws of 256 channels without a seed are alike")
			}
			masks[drawn] = true
			// The state says which seed it is.
			again, err := spatialdropout.Restore(state)
			if err != nil {
				t.Fatal(err)
			}
			if got := channelsOf(draw(t, again, x.geom)); got != drawn {
				t.Errorf("%v restored draws something else", state.Stream)
			}
		}
	}
	// With a seed all is as it says.
	for _, seed := range []uint64{0, 1, 1<<64 - 1} {
		if got := newDropout(t, 0.5, spatialdropout.WithSeed(seed)).State().Stream; got != mask.Philox(seed).String() {
			t.Errorf("the stream %v with the seed %d", got, seed)
		}
	}
}

// channelsOf returns a mask's channels as text.
func channelsOf(m *mask.Mask) string {
	bits := make([]byte, 0, m.Samples()*m.Channels())
	for n := range m.Samples() {
		for c := range m.Channels() {
			bit := byte('0')
			if m.Kept(n, c) {
				bit = '1'
			}
			bits = append(bits, bit)
		}
	}
	return string(bits)
}
