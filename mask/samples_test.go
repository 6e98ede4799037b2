package mask_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// A place whose batch does not hold the samples is an error, whoever draws, also where
// nothing is left to chance.
func TestPlacesThatDoNotHoldTheSamplesAreErrors(t *testing.T) {
	for _, m := range makers(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			counter, counts := m.of(0).(mask.Counter)
			if !counts && sharing == mask.FixedCount {
				continue
			}
			for at, words := range map[mask.Place]string{
				{Shard: mask.Shard{Samples: 2}}:                                     "samples 0 to 2 of a batch of 2, want a batch that holds them",
				{Shard: mask.Shard{SampleOffset: 5, Samples: 7}}:                    "samples 5 to 7 of a batch of 7",
				{Shard: mask.Shard{SampleOffset: 8, Samples: 7}}:                    "samples 8 to 10 of a batch of 7",
				{Shard: mask.Shard{SampleOffset: 5, Samples: 7, ChannelOffset: 30}}: "samples 5 to 7 of a batch of 7",
				{Shard: mask.Shard{SampleOffset: math.MaxUint64 - 1, Samples: 7}}:   "samples 18446744073709551614 to 0 of a batch of 7",
			} {
				for _, rate := range []float64{0, 0.3, 1} {
					got := drawn(t, 3, 70, rate, 1, 2, 3)
					before := encoded(t, got)
					var typed *mask.PlaceError
					if err := mask.Draw(got, m.of(0), sharing, at); !errors.As(err, &typed) || typed.Place != at || !strings.Contains(err.Error(), words) {
						t.Errorf("%s, %v, rate %v, %+v: %v, want a PlaceError that says %q", m.name, sharing, rate, at, err, words)
					}
					if err := m.of(0).Draw(got, at); !errors.As(err, &typed) {
						t.Errorf("%s, rate %v, %+v: the stream itself says %v, want a PlaceError", m.name, rate, at, err)
					}
					if counts {
						if err := counter.DrawCount(got, 40, at); !errors.As(err, &typed) {
							t.Errorf("%s, rate %v, %+v: DrawCount says %v, want a PlaceError", m.name, rate, at, err)
						}
					}
					if encoded(t, got) != before {
						t.Errorf("%s, %v, rate %v, %+v: the mask has changed", m.name, sharing, rate, at)
					}
				}
			}
			// The batch that just holds them.
			at := mask.Place{Shard: mask.Shard{SampleOffset: 4, Samples: 7}}
			if err := mask.Draw(drawn(t, 3, 70, 0.3, 1, 2, 3), m.of(0), sharing, at); err != nil {
				t.Errorf("%s, %v, %+v: %v", m.name, sharing, at, err)
			}
		}
	}
	none := drawn(t, 0, 70, 0.3, 1, 2, 3)
	if err := mask.Philox(0).Draw(none, mask.Place{Shard: mask.Shard{SampleOffset: 8, Samples: 7}}); err == nil || !strings.Contains(err.Error(), "no samples at 8 of a batch of 7") {
		t.Errorf("no samples after the end of a batch: %v", err)
	}
	noise := drawn(t, 3, 70, 0.3, 1, 2, 3)
	if err := noise.Reset(3, 70, 0.3, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
		t.Fatal(err)
	}
	var typed *mask.PlaceError
	if err := mask.Philox(0).Draw(noise, mask.Place{Shard: mask.Shard{Samples: 2}}); !errors.As(err, &typed) {
		t.Errorf("noise for 3 of 2 samples: %v", err)
	}
}
