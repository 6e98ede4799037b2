package mask_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// A mask of more trials than memory holds is an error, not a panic.
func TestMasksTooLargeAreErrors(t *testing.T) {
	for _, shape := range [][2]int{{1 << 30, 1 << 30}, {math.MaxInt, 1}, {1, math.MaxInt}, {math.MaxInt, math.MaxInt}, {1<<16 + 1, 1 << 20}} {
		m, err := mask.New(shape[0], shape[1], 0.5, mask.Arithmetic{})
		if m != nil || !refuses(err, "samples") {
			t.Errorf("%v: %v, want an *ArgumentError of the samples", shape, err)
		}
	}
}

// hugeShapes are those of masks without trials that are not empty in both directions.
var hugeShapes = [][2]int{{math.MaxInt/2 + 1, 0}, {0, math.MaxInt/2 + 1}, {math.MaxInt, 0}, {0, math.MaxInt}}

// Where there are no channels nothing loops over samples, and where there are no samples
// nothing loops over channels. This test does not end otherwise.
func TestHugeMasksWithoutTrialsTakeNoTime(t *testing.T) {
	for _, shape := range hugeShapes {
		for _, rule := range everyRule {
			m, err := mask.New(shape[0], shape[1], 0.5, mask.Arithmetic{Rule: rule})
			if err != nil {
				t.Fatal(err)
			}
			back := new(mask.Mask)
			if err := back.UnmarshalBinary([]byte(encoded(t, m))); err != nil || !back.Equal(m) {
				t.Fatalf("%v: comes back as %v, %v", shape, back, err)
			}
			if m.CountKept() != 0 || back.String() == "" {
				t.Errorf("%v: %d kept", shape, m.CountKept())
			}
			for _, k := range dataTypes {
				if action := back.Fill(k.Type, nil, nil, shape[1]); action != m.Action(k.Type) {
					t.Errorf("%v, %v: action %v", shape, k.Type, action)
				}
			}
		}
		for _, maker := range makers(t) {
			for sharing := mask.Each; sharing <= mask.FixedCount; sharing++ {
				s := maker.of(1)
				counter, counts := s.(mask.Counter)
				if sharing == mask.FixedCount && !counts {
					continue
				}
				m, err := mask.New(shape[0], shape[1], 0.5, mask.Arithmetic{})
				if err != nil {
					t.Fatal(err)
				}
				if err := mask.Draw(m, s, sharing, mask.Place{}); err != nil || m.CountKept() != 0 {
					t.Errorf("%s, %v, %v: %v", maker.name, shape, sharing, err)
				}
				if counts {
					if err := counter.DrawCount(m, min(3, shape[1]), mask.Place{}); err != nil || m.CountKept() != 0 {
						t.Errorf("%s, a count of %v: %v", maker.name, shape, err)
					}
				}
				mask.After(s, sharing, mask.Place{}, shape[0], shape[1], 0.5)
			}
		}
		noise, err := mask.New(shape[0], shape[1], 0.5, mask.Arithmetic{Rule: mask.Gaussian})
		if err == nil {
			err = mask.Philox(1).Draw(noise, mask.Place{Shard: mask.Shard{SampleOffset: 3}})
		}
		if err == nil {
			err = mask.Factors(mask.Float32, []float32{}, noise, shape[1])
		}
		if err != nil {
			t.Errorf("noise for %v: %v", shape, err)
		}
	}
}

// samples·pitch of a mask without channels may be more than an int counts.
func TestFactorsOfHugeMasksAreCounted(t *testing.T) {
	m, err := mask.New(math.MaxInt/2+1, 0, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pitch := range []int{2, 4, 8, math.MaxInt} {
		if err := mask.Factors(mask.Float64, []float64{}, m, pitch); !refuses(err, "factors") {
			t.Errorf("no factors in rows of %d: %v, want an *ArgumentError of the factors", pitch, err)
		}
	}
}

// Data of a few bytes that say they are a large mask take no memory.
func TestDecodingTakesMemoryForDataThatExist(t *testing.T) {
	header := []byte(encoded(t, drawn(t, 1, 1, 0.5, 0, 0, 0)))[:72]
	for _, shape := range [][2]uint64{{1 << 18, 1 << 18}, {1 << 31, 1 << 31}, {math.MaxInt64, 1}, {1 << 32, 1 << 32}, {math.MaxUint64, 1}, {1 << 20, 1 << 12}} {
		binary.LittleEndian.PutUint64(header[16:], shape[0])
		binary.LittleEndian.PutUint64(header[24:], shape[1])
		var err error
		took := allocated(func() { err = new(mask.Mask).UnmarshalBinary(header) })
		if err == nil || took > 4096 {
			t.Errorf("%d bytes of %v: %v, and %d bytes of memory", len(header), shape, err, took)
		}
	}
}

// The pairs of JAX's original generator depend on how many trials there are in all.
func TestBatchesOfMoreTrialsThan64BitsCountAreErrors(t *testing.T) {
	for _, text := range []string{"jax/original", "jax/original/x64"} {
		m := drawn(t, 3, 70, 0.3, 1, 2, 3)
		before := encoded(t, m)
		var typed *mask.PlaceError
		if err := parse(text).Draw(m, mask.Place{Shard: mask.Shard{Samples: 1 << 60}}); !errors.As(err, &typed) || encoded(t, m) != before {
			t.Errorf("%s: %v, want a PlaceError and the mask untouched", text, err)
		}
	}
}
