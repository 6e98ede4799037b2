package mask_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// part returns samples from..to and channels first..last of m, as encoded rows of kept
// channels.
func part(m *mask.Mask, from, to, first, last int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		for c := first; c < last; c++ {
			b.WriteByte(".#"[map[bool]int{true: 1}[m.Kept(n, c)]])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// all returns all channels of m like part.
func all(m *mask.Mask) string { return part(m, 0, m.Samples(), 0, m.Channels()) }

// Shards of the samples, of the channels and of both draw their part of the whole mask,
// with its numbers, and the same place follows.
func TestShardsOfChannelsAreColumnsOfTheWholeMask(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	shapes := [][2]int{{1, 1}, {3, 5}, {5, 64}, {4, 67}, {3, 130}}
	if testing.Short() {
		shapes = shapes[1:4]
	}
	for _, m := range makers(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			if _, ok := m.of(0).(mask.Counter); !ok && sharing == mask.FixedCount {
				continue
			}
			t.Run(fmt.Sprint(m.name, " ", sharing), func(t *testing.T) {
				for _, shape := range shapes {
					samples, channels := shape[0], shape[1]
					for _, rate := range []float64{0.3, 0, 1} {
						at := mask.Place{Step: 3, Shard: mask.Shard{Samples: uint64(samples), Channels: uint64(channels)}}
						whole := sharedBy(t, m.of(4), sharing, samples, channels, rate, at)
						if plain := sharedBy(t, m.of(4), sharing, samples, channels, rate, mask.Place{Step: 3}); !plain.Equal(whole) {
							t.Fatalf("%d×%d: the number of channels makes a difference:\n%v, want\n%v", samples, channels, whole, plain)
						}
						after := mask.After(m.of(4), sharing, at, samples, channels, rate)
						for range 6 {
							from, first := r.IntN(samples+1), r.IntN(channels+1)
							to, last := from+r.IntN(samples-from+1), first+r.IntN(channels-first+1)
							at := at
							at.SampleOffset, at.ChannelOffset = uint64(from), uint64(first)
							if last == channels && r.IntN(2) == 0 {
								at.Channels = 0 // then the last channel of the mask is that of the tensor
							}
							s := m.of(4)
							got := sharedBy(t, s, sharing, to-from, last-first, rate, at)
							if all(got) != part(whole, from, to, first, last) {
								t.Fatalf("%d×%d at rate %v, %+v: draws\n%v, want\n%s", samples, channels, rate, at, got, part(whole, from, to, first, last))
							}
							if got.CountKept() != strings.Count(all(got), "#") {
								t.Fatalf("%d×%d at rate %v, %+v: bits past the last trial", samples, channels, rate, at)
							}
							if to > from && last > first && got.Factor() != whole.Factor() {
								t.Fatalf("%d×%d at rate %v, %+v: factor %v, want %v", samples, channels, rate, at, got.Factor(), whole.Factor())
							}
							if next := mask.After(s, sharing, at, to-from, last-first, rate); next.Step != after.Step || next.Cursor != after.Cursor {
								t.Fatalf("%d×%d at rate %v, %+v: followed by %+v, want %+v", samples, channels, rate, at, next, after)
							}
							if next := s.After(at, to-from, last-first, rate); sharing == mask.Each && (next.Step != after.Step || next.Cursor != after.Cursor) {
								t.Fatalf("%d×%d at rate %v, %+v: the stream says %+v follows, want %+v", samples, channels, rate, at, next, after)
							}
							if sharing != mask.Each {
								continue
							}
							direct := drawnBy(t, m.of(4), to-from, last-first, rate, mask.Place{})
							if err := m.of(4).Draw(direct, at); err != nil || !direct.Equal(got) {
								t.Fatalf("%d×%d at rate %v, %+v: %v, the stream itself draws\n%v, want\n%v", samples, channels, rate, at, err, direct, got)
							}
						}
					}
				}
			})
		}
	}
}

// constant is a stream of a user that knows nothing of channels in places: it keeps every
// third trial.
type constant struct{ calls *[]mask.Place }

func (constant) String() string              { return "constant" }
func (constant) Arithmetic() mask.Arithmetic { return mask.Arithmetic{} }

func (s constant) Draw(m *mask.Mask, at mask.Place) error {
	*s.calls = append(*s.calls, at)
	for n := range m.Samples() {
		for c := range m.Channels() {
			m.Set(n, c, ((int(at.SampleOffset)+n)*m.Channels()+c)%3 == 0)
		}
	}
	return nil
}

func (s constant) After(at mask.Place, samples, channels int, rate float64) mask.Place {
	*s.calls = append(*s.calls, at)
	at.Cursor += uint64(channels)
	return at
}

// Streams that users write need not know of shards of the channels.
func TestStreamsOfUsersServeShardsOfChannels(t *testing.T) {
	var calls []mask.Place
	s := constant{&calls}
	for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample} {
		whole := sharedBy(t, s, sharing, 4, 10, 0.5, mask.Place{})
		at := mask.Place{Shard: mask.Shard{SampleOffset: 1, Samples: 4, ChannelOffset: 3, Channels: 10}}
		if got := sharedBy(t, s, sharing, 2, 5, 0.5, at); all(got) != part(whole, 1, 3, 3, 8) {
			t.Errorf("%v: draws\n%v, want\n%s", sharing, got, part(whole, 1, 3, 3, 8))
		}
		want := uint64(10)
		if sharing == mask.PerSample {
			want = 1
		}
		if next := mask.After(s, sharing, at, 2, 5, 0.5); next.Cursor != want {
			t.Errorf("%v: %d channels are counted, want %d", sharing, next.Cursor, want)
		}
	}
	noise, err := mask.New(2, 5, 0.5, mask.Arithmetic{Rule: mask.Gaussian})
	if err != nil {
		t.Fatal(err)
	}
	if err := mask.Draw(noise, s, mask.Each, mask.Place{}); err == nil {
		t.Error("a stream that has none draws noise")
	}
	for _, at := range calls {
		if at.ChannelOffset|at.Channels != 0 {
			t.Errorf("the stream is asked for %+v", at)
		}
	}
}

// The count of a shard is that of the whole sample: its own channels do not matter.
func TestShardsOfAFixedCountHaveTheFactorOfTheWhole(t *testing.T) {
	for channels := 2; channels < 70; channels++ {
		whole := sharedBy(t, mask.Philox(1), mask.FixedCount, 3, channels, 0.4, mask.Place{})
		kept := 0
		for c := range channels {
			shard := sharedBy(t, mask.Philox(1), mask.FixedCount, 3, 1, 0.4, mask.Place{Shard: mask.Shard{ChannelOffset: uint64(c), Channels: uint64(channels)}})
			if shard.Factor() != whole.Factor() {
				t.Fatalf("channel %d of %d: factor %v, want %v", c, channels, shard.Factor(), whole.Factor())
			}
			back := new(mask.Mask)
			if err := back.UnmarshalBinary([]byte(encoded(t, shard))); err != nil || everything(back) != everything(shard) {
				t.Fatalf("%v comes back from its binary form as %v, %v", shard, back, err)
			}
			kept += shard.CountKept()
		}
		if kept != whole.CountKept() {
			t.Fatalf("%d of %d×%d kept, want %d", kept, 3, channels, whole.CountKept())
		}
	}
}

// A shard without channels, or without samples, has nothing to keep.
func TestEmptyShardsOfAFixedCountDrawNothing(t *testing.T) {
	for _, shape := range [][2]int{{3, 0}, {0, 3}, {0, 0}} {
		src := &countingSource{}
		for _, s := range []mask.Counter{mask.Philox(0), mask.Source(src)} {
			m := drawn(t, shape[0], shape[1], 0.3, 1, 2, 3)
			if err := s.DrawCount(m, 5, mask.Place{Shard: mask.Shard{ChannelOffset: 2, Channels: 9}}); err != nil || m.CountKept() != 0 {
				t.Errorf("%v: %d of %v kept, %v", s, m.CountKept(), shape, err)
			}
		}
		if src.numbers != 0 {
			t.Errorf("%v: %d numbers drawn", shape, src.numbers)
		}
	}
}

// What was drawn for a part is forgotten by the next draw, and by Reset.
func TestPartsAreForgotten(t *testing.T) {
	want := drawnBy(t, mask.Philox(5), 3, 7, 0.3, mask.Place{})
	m := sharedBy(t, mask.Philox(0), mask.FixedCount, 3, 7, 0.3, mask.Place{Shard: mask.Shard{ChannelOffset: 9}})
	if err := mask.Philox(5).Draw(m, mask.Place{}); err != nil || everything(m) != everything(want) || !m.Equal(want) {
		t.Errorf("%v, %v after a shard, want\n%v", m, err, want)
	}
	noise := noisy(t, 3, 7, 0.3, 1, mask.Place{Shard: mask.Shard{ChannelOffset: 9}})
	if err := noise.Reset(3, 7, 0.3, mask.Arithmetic{}); err != nil {
		t.Fatal(err)
	}
	if all := drawnBy(t, mask.Philox(0), 3, 7, 0.3, mask.Place{}); all.Reset(3, 7, 0.3, mask.Arithmetic{}) != nil || !noise.Equal(all) {
		t.Errorf("%v after Reset", noise)
	}
	if err := mask.Philox(5).Draw(noise, mask.Place{}); err != nil || everything(noise) != everything(want) || !noise.Equal(want) {
		t.Errorf("%v, %v after noise of a shard, want\n%v", noise, err, want)
	}
}

func TestShardsOfGaussianNoiseAreColumnsOfTheWhole(t *testing.T) {
	const samples, channels = 4, 21
	whole := factors64(noisy(t, samples, channels, 0.3, 5, mask.Place{Step: 2, Shard: mask.Shard{SampleOffset: 1 << 40}}), channels)
	for first := range channels {
		for last := first + 1; last <= channels; last += 3 {
			at := mask.Place{Step: 2, Shard: mask.Shard{SampleOffset: 1<<40 + 1, ChannelOffset: uint64(first), Channels: channels}}
			m := noisy(t, samples-1, last-first, 0.3, 5, at)
			for i, f := range factors64(m, last-first) {
				n, c := i/(last-first), i%(last-first)
				if want := whole[(n+1)*channels+first+c]; f != want {
					t.Fatalf("channels %d to %d: factor %d of sample %d is %v, want %v", first, last, c, n, f, want)
				}
			}
			back := new(mask.Mask)
			if err := back.UnmarshalBinary([]byte(encoded(t, m))); err != nil || everything(back) != everything(m) {
				t.Fatalf("%v comes back from its binary form as %v, %v", m, back, err)
			}
		}
	}
}

// A place that does not hold the channels is an error, whoever draws, and so is one that
// would take more memory than there is.
func TestPlacesThatDoNotHoldTheChannelsAreErrors(t *testing.T) {
	most := "2³⁶ trials or fewer"
	if math.MaxInt < 1<<36 {
		most = "2147483584 trials or fewer" // 2³¹−64
	}
	for _, m := range makers(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			if _, ok := m.of(0).(mask.Counter); !ok && sharing == mask.FixedCount {
				continue
			}
			for at, words := range map[mask.Place]string{
				{Shard: mask.Shard{Channels: 69}}:                       "channels 0 to 69 of 69, want a tensor that holds them",
				{Shard: mask.Shard{ChannelOffset: 5, Channels: 74}}:     "channels 5 to 74 of 74",
				{Shard: mask.Shard{ChannelOffset: math.MaxUint64 - 69}}: "channels 18446744073709551546 to 18446744073709551615 of 0",
				{Shard: mask.Shard{Channels: math.MaxUint64}}:           "70 of 18446744073709551615 channels, of 3 samples, want " + most,
				{Shard: mask.Shard{ChannelOffset: 1 << 50}}:             "70 of 1125899906842694 channels",
				{Shard: mask.Shard{Channels: 1<<36/3 + 1}}:              "70 of 22906492246 channels, of 3 samples, want " + most,
				{Shard: mask.Shard{Channels: 1 << 36}}:                  "70 of 68719476736 channels",
			} {
				got := drawn(t, 3, 70, 0.3, 1, 2, 3)
				before := encoded(t, got)
				var typed *mask.PlaceError
				err := mask.Draw(got, m.of(0), sharing, at)
				if !errors.As(err, &typed) || typed.Place.Channels != at.Channels || !strings.Contains(err.Error(), words) {
					t.Errorf("%s, %v, %+v: %v, want a PlaceError that says %q", m.name, sharing, at, err, words)
				}
				if encoded(t, got) != before {
					t.Errorf("%s, %v, %+v: the mask has changed", m.name, sharing, at)
				}
				mask.After(m.of(0), sharing, at, 3, 70, 0.3) // does not panic
				if err := m.of(0).Draw(got, at); sharing == mask.Each && !errors.As(err, &typed) {
					t.Errorf("%s, %+v: the stream itself says %v, want a PlaceError", m.name, at, err)
				}
			}
		}
	}
	m := drawn(t, 3, 70, 0.3, 1, 2, 3)
	if err := m.Reset(3, 70, 0.3, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
		t.Fatal(err)
	}
	var typed *mask.PlaceError
	if err := mask.Philox(0).Draw(m, mask.Place{Shard: mask.Shard{Channels: 69}}); !errors.As(err, &typed) {
		t.Errorf("noise for 70 of 69 channels: %v", err)
	}
}

// Errors of the stream leave a shard as it was, like a whole mask.
// A shard of few channels takes little memory, whatever it says of the others: it may come
// from a file.
func TestShardsOfFewChannelsAreInProportion(t *testing.T) {
	for _, maker := range makers(t) {
		for sharing := mask.Each; sharing <= mask.FixedCount; sharing++ {
			if _, ok := maker.of(0).(mask.Counter); !ok && sharing == mask.FixedCount || sharing == mask.PerSample {
				continue
			}
			for _, shard := range []mask.Shard{{Channels: 1<<24 + 1}, {ChannelOffset: 1 << 24}, {ChannelOffset: 1 << 30, Channels: 1<<30 + 1<<20}} {
				m, err := mask.New(1, 1, 0.5, mask.Arithmetic{})
				if err != nil {
					t.Fatal(err)
				}
				s := maker.of(1)
				var typed *mask.PlaceError
				took := allocated(func() { err = mask.Draw(m, s, sharing, mask.Place{Shard: shard}) })
				if !errors.As(err, &typed) || !strings.Contains(err.Error(), "want 16777216 trials or fewer in all for so small a part") || took > 4096 {
					t.Errorf("%s, %v, %+v: %v, and %d bytes of memory", maker.name, sharing, shard, err, took)
				}
			}
		}
	}
	// Up to the limit all is as it should be, and more channels have more.
	for channels, whole := range map[int]uint64{1: 1 << 24, 5000: 5000 << 12} {
		m, err := mask.New(1, channels, 0.5, mask.Arithmetic{})
		if err != nil {
			t.Fatal(err)
		}
		at := mask.Place{Step: 2, Shard: mask.Shard{ChannelOffset: whole - uint64(channels), Channels: whole}}
		if err := mask.Draw(m, mask.Philox(1), mask.Each, at); err != nil {
			t.Fatal(err)
		}
		alone, err := mask.New(channels, 1, 0.5, mask.Arithmetic{})
		if err == nil {
			err = mask.Draw(alone, mask.Philox(1), mask.Each, mask.Place{Step: 2, Shard: mask.Shard{SampleOffset: at.ChannelOffset}})
		}
		if err != nil {
			t.Fatal(err)
		}
		for c := range channels {
			if m.Kept(0, c) != alone.Kept(c, 0) {
				t.Fatalf("channel %d of the last %d of %d is another one", c, channels, whole)
			}
		}
		at.Channels++
		var typed *mask.PlaceError
		if err := mask.Draw(m, mask.Philox(1), mask.Each, at); !errors.As(err, &typed) {
			t.Errorf("%d of %d channels: %v, want a PlaceError", channels, at.Channels, err)
		}
	}
}

func TestErrorsOfShardsLeaveTheMaskAlone(t *testing.T) {
	at := mask.Place{Shard: mask.Shard{SampleOffset: 3, Samples: 5, ChannelOffset: 1}}
	backwards := mask.Source(rand.NewPCG(1, 1))
	drawnBy(t, backwards, 1, 1000, 0.5, mask.Place{})
	for name, draw := range map[string]func(m *mask.Mask) error{
		"batch":     func(m *mask.Mask) error { return mask.PyTorch(0).Draw(m, at) },
		"backwards": func(m *mask.Mask) error { return backwards.Draw(m, mask.Place{Shard: mask.Shard{ChannelOffset: 1}}) },
		"backwards, count": func(m *mask.Mask) error {
			return mask.Draw(m, backwards, mask.FixedCount, mask.Place{Shard: mask.Shard{ChannelOffset: 1}})
		},
		"backwards, PerChannel": func(m *mask.Mask) error {
			return mask.Draw(m, backwards, mask.PerChannel, mask.Place{Shard: mask.Shard{ChannelOffset: 1}})
		},
		"count": func(m *mask.Mask) error {
			return mask.Philox(0).DrawCount(m, 100, mask.Place{Shard: mask.Shard{ChannelOffset: 1, Channels: 99}})
		},
	} {
		m := drawn(t, 3, 70, 0.3, 1, 2, 3)
		before := encoded(t, m)
		if err := draw(m); err == nil || encoded(t, m) != before {
			t.Errorf("%s: error %v, or the mask has changed", name, err)
		}
	}
}

// A draw for all channels costs nothing more, and one for some reuses its memory.
func TestShardsOfChannelsDoNotAllocate(t *testing.T) {
	m := drawn(t, 8, 100, 0.3, 1, 2, 3)
	var s mask.Stream = mask.Philox(1)
	for _, at := range []mask.Place{{}, {Shard: mask.Shard{Channels: 100}}, {Shard: mask.Shard{ChannelOffset: 20, Channels: 200}}} {
		if n := allocations(func() {
			if err := mask.Draw(m, s, mask.Each, at); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%+v: %v allocations", at, n)
		}
	}
}
