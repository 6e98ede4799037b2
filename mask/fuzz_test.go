package mask_test

import (
	bin "encoding/binary"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// Whatever bytes there are, they are an error that changes nothing or the one binary
// form of a mask, whose parts can all be used.
func FuzzUnmarshalMask(f *testing.F) {
	for i, m := range kinds(f, 3, 7) {
		if i%9 == 0 {
			data := []byte(encoded(f, m))
			f.Add(data)
			f.Add(data[:len(data)-1])
		}
	}
	f.Add([]byte("SDM\x01"))
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
			count += m.CountKeptOf(n)
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

// Whatever the text, it is an error that quotes it or a stream that is written as a text
// of the same stream and draws.
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
			if s != nil || len(err.Error()) < len("mask: stream ")+len(text) {
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

// Any stream, any place, any shape: the mask is the rule's, trial by trial.
func FuzzDraw(f *testing.F) {
	for i, text := range []string{
		"philox:42", "pytorch:42", "pytorch-mkl:42", "keras-torch:42", "tensorflow:42,1", "tensorflow:42,1/float64", "tensorflow:42,1/float16",
		"tensorflow:42,1/bfloat16", "keras-tensorflow:42", "tensorflow:42,1/xla", "tensorflow:42,1/float64/xla", "jax:42/x64", "jax:42/x64/original",
		"flax-linen:42/path=a.b/call=2", "flax-nnx:42/layer=1", "keras-jax:42/x64", "jax:42", "jax:42/original", "jax:1,2/fold", "jax:42/fold/original", "keras-jax:42", "onednn:42",
	} {
		f.Add(text, uint8(i+1), uint8(7*i+1), uint64(i), uint64(3*i), uint64(101*i), uint64(50*(i%2)), 0.05*float64(i+1))
		f.Add(text, uint8(3), uint8(65), uint64(1)<<40, uint64(1)<<33-1, uint64(1247), uint64(0), 1-math.Ldexp(1, -3*i-1))
	}
	f.Fuzz(func(t *testing.T, text string, samples, channels uint8, step, offset, cursor, batch uint64, rate float64) {
		s, err := mask.ParseStream(text)
		if err != nil || mask.CheckRate(rate) != nil {
			return
		}
		if near(s) {
			offset, cursor, step = offset%20, cursor%2000, 2000+step%2000
		} else {
			offset %= 1 << 56 // an index of a trial has 64 bits
		}
		if counts32(s) {
			offset, batch = offset%(1<<20), batch%(1<<21) // it counts trials in 32 bits
		}
		at := mask.Place{Step: step, Cursor: cursor, Offset: offset, Batch: batch}
		m, err := mask.New(int(samples), int(channels), rate, mask.Select)
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
			if batch == 0 || offset+uint64(samples) <= batch {
				t.Fatalf("%v at %+v: %v", s, at, err)
			}
			if encoded(t, m) != before {
				t.Fatalf("%v at %+v is an error and changes the mask: %v", s, at, err)
			}
			return
		}
		checkOracle(t, s, m, oracleOf(t, s), at)
		if got := encoded(t, m); len(got) != 64+(int(samples)*int(channels)+7)/8 || bin.LittleEndian.Uint64([]byte(got[8:])) != math.Float64bits(math.Abs(rate)) {
			t.Fatalf("%v at %+v: binary form %x", s, at, got)
		}
	})
}
