package mask_test

import (
	bin "encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Any bytes are an error that changes nothing, or the only binary form of a mask that can be
// used.
func FuzzUnmarshalMask(f *testing.F) {
	for i, m := range kinds(f, 3, 7) {
		if i%9 == 0 {
			data := []byte(encoded(f, m))
			f.Add(data)
			f.Add(data[:len(data)-1])
		}
	}
	f.Add([]byte("SDM\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if !checkHostile(t, data) {
			return
		}
		var m mask.Mask
		if err := m.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		_ = m.String()
		count := 0
		for n := range min(m.Samples(), 100) {
			count += keptIn(&m, n)
			for c := range min(m.Channels(), 100) {
				m.Kept(n, c)
			}
		}
		if count > m.CountKept() || m.CountKept() > m.Samples()*m.Channels() {
			t.Fatalf("%d kept of %d×%d, %d of the first samples", m.CountKept(), m.Samples(), m.Channels(), count)
		}
		if m.Samples() < 1000 && m.Channels() < 1000 {
			everything(&m)
		}
	})
}

// Any text is an error that quotes its beginning, or a stream that draws and whose own text gives the
// same stream.
func FuzzParseStream(f *testing.F) {
	for text := range streamTexts {
		f.Add(text)
	}
	for _, text := range []string{"", ":", "/", "philox:1,2", "jax:1/fold/fold", "tensorflow:1,2/float8", "onednn:-2147483649", "pytorch:0b1_0", "philox:+1", "jax:0,1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := mask.ParseStream(text)
		if err != nil {
			if s != nil || len(err.Error()) < len("mask: stream ")+min(len(text), 60) || len(err.Error()) > 1000 {
				t.Fatalf("%q: %v and %v", text, s, err)
			}
			return
		}
		back, err := mask.ParseStream(fmt.Sprint(s))
		if err != nil || !reflect.DeepEqual(s, back) {
			t.Fatalf("%q is %v and then %v, %v", text, s, back, err)
		}
		if m := drawnBy(t, s, 2, 70, 0.5, mask.Place{}); !m.Equal(drawnBy(t, back, 2, 70, 0.5, mask.Place{})) {
			t.Fatalf("%q draws otherwise than %v", text, back)
		}
	})
}

// Any stream draws masks of any shape, at any place, as the oracle does.
func FuzzDraw(f *testing.F) {
	for i, text := range []string{
		"philox:42", "pytorch:42", "pytorch-mkl:42", "keras-torch:42", "tensorflow:42,1", "tensorflow:42,1/float64", "tensorflow:42,1/float16",
		"tensorflow:42,1/bfloat16", "keras-tensorflow:42", "tensorflow:42,1/xla", "tensorflow:42,1/float64/xla", "jax:42/x64", "jax:42/x64/original",
		"flax-linen:42/path=a.b/call=2", "flax-nnx:42/count=1", "keras-jax:42/x64", "jax:42", "jax:42/original", "jax:1,2/fold", "jax:42/fold/original", "keras-jax:42", "onednn:42",
	} {
		f.Add(text, uint8(i+1), uint8(7*i+1), uint64(i), uint64(3*i), uint64(101*i), uint64(50*(i%2)), 0.05*float64(i+1))
		f.Add(text, uint8(3), uint8(65), uint64(1)<<40, uint64(1)<<33-1, uint64(1247), uint64(0), 1-math.Ldexp(1, -3*i-1))
	}
	f.Fuzz(func(t *testing.T, text string, samples, channels uint8, step, offset, cursor, batch uint64, rate float64) {
		s, err := mask.ParseStream(text)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return
		}
		at := bring(s, mask.Place{Step: step, Cursor: cursor, Shard: mask.Shard{SampleOffset: offset, Samples: batch}})
		m, err := mask.New(int(samples), int(channels), rate, mask.Arithmetic{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range int(samples) { // a draw forgets this
			if channels > 0 {
				m.Set(n, n%int(channels), n%2 == 0)
			}
		}
		before := encoded(t, m)
		if err := s.Draw(m, at); err != nil {
			if at.Samples == 0 || at.SampleOffset+uint64(samples) <= at.Samples {
				t.Fatalf("%v at %+v: %v", s, at, err)
			}
			if encoded(t, m) != before {
				t.Fatalf("%v at %+v is an error and changes the mask: %v", s, at, err)
			}
			return
		}
		checkOracle(t, s, m, oracleOf(t, s), at)
		if got := encoded(t, m); len(got) != 72+(int(samples)*int(channels)+7)/8 || bin.LittleEndian.Uint64([]byte(got[8:])) != math.Float64bits(math.Abs(rate)) {
			t.Fatalf("%v at %+v: binary form %x", s, at, got)
		}
	})
}

// bring returns a place near at that the stream and its oracle can reach.
func bring(s mask.Stream, at mask.Place) mask.Place {
	if near(s) {
		at.SampleOffset, at.Cursor, at.Step = at.SampleOffset%20, at.Cursor%2000, 2000+at.Step%2000
	}
	at.SampleOffset %= 1 << 56 // an index of a trial has 64 bits
	if counts32(s) {
		at.SampleOffset, at.Samples = at.SampleOffset%(1<<20), at.Samples%(1<<21)
	}
	return at
}

// Wherever a batch is cut, by samples and by channels, and on any tier, a shard draws its
// part of the whole mask, and the same place follows. Shared trials are those of a smaller
// batch, or keep a fixed number of channels.
func FuzzShards(f *testing.F) {
	texts := []string{
		"philox:42", "pytorch:42", "pytorch-mkl:42", "keras-torch:42", "tensorflow:42,1", "tensorflow:42,1/float64", "tensorflow:42,1/float16/xla", "keras-tensorflow:42",
		"jax:42/x64", "jax:42/x64/original", "jax:42/original", "jax:1,2/fold", "flax-linen:42/path=a.b/call=2", "flax-nnx:42/count=1", "keras-jax:42", "onednn:42",
	}
	widths := []uint8{1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 0}
	for i, text := range texts {
		for sharing := range uint8(4) {
			k := 4*i + int(sharing)
			f.Add(text, uint8(k%9), widths[k*5%len(widths)], uint8(k), uint8(3*k), sharing, uint8(5*k), uint8(11*k), uint64(k%3), uint64(k), uint64(k%7), uint64(601), 0.3)
		}
	}
	f.Fuzz(func(t *testing.T, text string, samples, channels, first, second, sharing, left, right uint8, more, step, offset, cursor uint64, rate float64) {
		stream, err := mask.ParseStream(text)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return
		}
		how, n := mask.Sharing(sharing%4), int(samples%32)
		if _, ok := stream.(mask.Counter); !ok && how == mask.FixedCount {
			return
		}
		at := bring(stream, mask.Place{Step: step, Cursor: cursor, Shard: mask.Shard{SampleOffset: offset}})
		at.Samples = max(at.SampleOffset+uint64(n)+more%8, 1)
		whole := sharedBy(t, stream, how, n, int(channels), rate, at)
		next := mask.After(stream, how, at, n, int(channels), rate)

		// want says which trials of the whole must be kept.
		row, column := mask.Place{Step: at.Step, Cursor: at.Cursor, Shard: mask.Shard{Samples: 1}}, at
		var want func(n, c int) bool
		switch {
		case n == 0 || channels == 0:
		case how == mask.PerChannel:
			m := drawnBy(t, stream, 1, int(channels), rate, row)
			want = func(_, c int) bool { return m.Kept(0, c) }
		case how == mask.PerSample:
			m := drawnBy(t, stream, n, 1, rate, column)
			want = func(n, _ int) bool { return m.Kept(n, 0) }
		case how == mask.FixedCount:
			count := countOf(rate, int(channels))
			for n := range n {
				if got := keptIn(whole, n); got != count {
					t.Fatalf("%v at %+v, rate %v: %d of %d channels of sample %d kept, want %d", stream, at, rate, got, channels, n, count)
				}
			}
		default:
			m := drawnBy(t, stream, n, int(channels), rate, at)
			want = m.Kept
		}
		if want != nil {
			checkShared(t, fmt.Sprintf("%v at %+v, %v, rate %v", stream, at, how, rate), whole, want)
		}

		before := kernel.Tier()
		defer setTier(t, before)
		cuts := []int{0, int(first) % (n + 1), int(second) % (n + 1), n}
		slices.Sort(cuts)
		for _, tier := range kernel.Tiers() {
			setTier(t, tier)
			for i, from := range cuts[:3] {
				to, part := cuts[i+1], at
				part.SampleOffset += uint64(from)
				columns := []int{int(left) % (int(channels) + 1), int(right) % (int(channels) + 1)}
				if slices.Sort(columns); i == 1 {
					columns = []int{0, int(channels)}
				}
				part.ChannelOffset, part.Channels = uint64(columns[0]), uint64(channels)
				m := sharedBy(t, stream, how, to-from, columns[1]-columns[0], rate, part)
				for n := range m.Samples() {
					for c := range m.Channels() {
						if m.Kept(n, c) != whole.Kept(from+n, columns[0]+c) {
							t.Fatalf("%v at %+v, %v, rate %v, tier %s: samples %d to %d, channels %d to %d of %d×%d draw\n%v, want those of\n%v", stream, at, how, rate, tier, from, to, columns[0], columns[1], samples, channels, m, whole)
						}
					}
				}
				if got := mask.After(stream, how, part, to-from, columns[1]-columns[0], rate); got.Step != next.Step || got.Cursor != next.Cursor {
					t.Fatalf("%v at %+v, %v, rate %v: after samples %d to %d follows %+v, after all %+v", stream, at, how, rate, from, to, got, next)
				}
			}
		}
	})
}

func setTier(t *testing.T, tier string) {
	t.Helper()
	if err := kernel.SetTier(tier); err != nil {
		t.Fatal(err)
	}
}

// At any rate, factors and shifts are those of the documentation of the rule, computed
// exactly and rounded where it says so.
func FuzzNumbers(f *testing.F) {
	for i, rate := range ruleRates() {
		if i < 120 {
			f.Add(rate)
		}
	}
	for _, rate := range rates {
		f.Add(rate)
	}
	f.Fuzz(func(t *testing.T, rate float64) {
		if !(rate > 0 && rate < 1) {
			// The rates 0 and 1 are special.
			if _, err := mask.New(1, 2, rate, mask.Arithmetic{}); (err == nil) != (rate == 0 || rate == 1) {
				t.Fatalf("rate %v: %v", rate, err)
			}
			return
		}
		for _, rule := range everyRule {
			if rule == mask.Gaussian {
				continue // its factors are as many as its channels
			}
			m := ruledMask(t, rule, rate)
			for _, k := range dataTypes {
				factor, kept, dropped := numbersOf(rule, rate, k)
				if f, s, _ := k.filled(m, 2); !identical(f[0], factor) || !identical(s[0], kept) || !identical(s[1], dropped) {
					t.Fatalf("%v, %v, rate %v: factors %v, shifts %v, want %v, %v and %v", rule, k.Type, rate, f, s, factor, kept, dropped)
				}
			}
		}
	})
}

// Gaussian noise at any place consists of the documented normal numbers.
func FuzzGaussian(f *testing.F) {
	for i, channels := range []uint8{0, 1, 2, 7, 8, 9, 63, 64, 65, 127} {
		f.Add(uint8(i%5), channels, uint64(1)<<(6*i), uint64(i), uint64(1)<<(6*i), 0.1*float64(i))
	}
	f.Add(uint8(4), uint8(3), uint64(5), uint64(0), uint64(1<<64-2), 0.3) // the index of a trial wraps around
	f.Fuzz(func(t *testing.T, samples, channels uint8, seed, step, offset uint64, rate float64) {
		n, width := int(samples%16), int(channels%128)
		if !(rate >= 0 && rate <= 1) {
			return
		}
		m := noisy(t, n, width, rate, seed, mask.Place{Step: step, Shard: mask.Shard{SampleOffset: offset}})
		back := new(mask.Mask)
		if err := back.UnmarshalBinary([]byte(encoded(t, m))); err != nil {
			t.Fatal(err)
		}
		if got, want := factors64(back, width), factors64(m, width); !slices.Equal(got, want) {
			t.Fatalf("read from its binary form it has factors %v, want %v", got, want)
		}
		sigma := math.Sqrt(rate / (1 - rate))
		for k, f := range factors64(m, width) {
			if rate == 0 || rate == 1 {
				if f != 1-rate {
					t.Fatalf("rate %v: factor %d is %v", rate, k, f)
				}
				continue
			}
			want := float64(wide(seed, step, offset*uint64(width)+uint64(k))>>12)*0x1p-52 + 0x1p-53
			got := distribution((f - 1) / sigma)
			// 1+σ·z is rounded to 2⁻⁵³ where σ is small.
			if tolerance := 1e-13 + 1e-15/sigma; !(math.Abs(got-want) <= tolerance) {
				t.Fatalf("seed %d, step %d, offset %d, rate %v: factor %d of %d×%d is %v, a normal number with probability %v, want %v", seed, step, offset, rate, k, n, width, f, got, want)
			}
		}
	})
}
