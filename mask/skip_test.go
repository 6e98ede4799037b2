package mask_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// What others take from a stream is left out: numbers of those that are one sequence, and
// draws of the others.
func TestSkippedNumbersAreThoseThatOthersTake(t *testing.T) {
	const seed = 9
	for _, maker := range makers(t) {
		for _, n := range []uint64{0, 1, 2, 55, 623, 624, 1000003} {
			for calls := range 3 {
				s := maker.of(seed)
				var at mask.Place
				for range calls {
					drawnBy(t, s, 3, 41, 0.5, at)
					at = mask.After(s, mask.Each, at, 3, 41, 0.5)
				}
				skipped := mask.Skip(s, at, n)
				var want *mask.Mask
				step := at.Step
				switch maker.name {
				case "pytorch":
					later := parse(fmt.Sprintf("pytorch:%d/from=%d", seed, uint64(2*3*41*calls)+n))
					want = drawnBy(t, later, 3, 41, 0.5, mask.Place{})
				case "pytorch-mkl":
					later := parse(fmt.Sprintf("pytorch-mkl:%d/from=%d", seed, uint64(calls)+n))
					want = drawnBy(t, later, 3, 41, 0.5, mask.Place{})
				case "source":
					pcg := rand.NewPCG(seed, sourceSeed)
					for range uint64(3*41*calls) + n {
						pcg.Uint64()
					}
					want = drawnBy(t, mask.Source(pcg), 3, 41, 0.5, mask.Place{})
				default:
					at.Step += n
					step = at.Step
					want = drawnBy(t, maker.of(seed), 3, 41, 0.5, at)
				}
				if got := drawnBy(t, s, 3, 41, 0.5, skipped); !got.Equal(want) || skipped.Step != step {
					t.Errorf("%s: %d numbers after %d draws lead to step %d, want %d:\n%v, want\n%v", maker.name, n, calls, skipped.Step, step, got, want)
				}
				// Two skips are one, and the end of the numbers is no border.
				if twice := mask.Skip(s, mask.Skip(s, at, n), math.MaxUint64-n); twice != mask.Skip(s, at, math.MaxUint64) {
					t.Errorf("%s: two skips lead to %+v", maker.name, twice)
				}
			}
		}
	}
	// The state of PyTorch's generator is that of a program that has taken the words.
	for _, mkl := range []string{"", "-mkl"} {
		s := parse("pytorch" + mkl + ":5")
		at := mask.After(s, mask.Each, mask.Place{}, 3, 41, 0.5)
		state, err := mask.PyTorchState(s, mask.Skip(s, at, 7))
		if err != nil {
			t.Fatal(err)
		}
		from, err := mask.PyTorchFrom(state, mkl != "")
		words := 7 + 2*3*41
		if mkl != "" {
			words = 7 + 1
		}
		if want := fmt.Sprintf("pytorch%s:5/from=%d", mkl, words); err != nil || from.String() != want {
			t.Errorf("%v, %v, want %s", from, err, want)
		}
	}
}

// A shard skips what a whole batch does.
func TestShardsSkipAlike(t *testing.T) {
	for _, maker := range makers(t) {
		s := maker.of(3)
		shard := mask.Place{Step: 4, Cursor: 2, Shard: mask.Shard{SampleOffset: 1, Samples: 5, ChannelOffset: 2, Channels: 9}}
		whole := mask.Skip(s, mask.Place{Step: 4, Cursor: 2}, 6)
		if got := mask.Skip(s, shard, 6); got.Step != whole.Step || got.Cursor != whole.Cursor || got.Shard != shard.Shard {
			t.Errorf("%s: a shard skips to %+v, a batch to %+v", maker.name, got, whole)
		}
	}
}
