package spatialdropout_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// rawOf returns n elements whose bits are raw, repeated. Every third is a number of its own,
// which tells elements from each other.
func rawOf[T number](raw []byte, n, from int) []T {
	k, all := kindOf[T](), make([]T, n)
	var bits [8]byte
	for i := range all {
		if i%3 == from%3 {
			all[i] = k.of(float64(i%1999 - 700))
			continue
		}
		for b := range bits {
			if len(raw) > 0 {
				bits[b] = raw[(from+i*len(bits)+b)%len(raw)]
			}
		}
		all[i] = fromBits[T](binary.LittleEndian.Uint64(bits[:]))
	}
	return all
}

// extents are the dims of a view's axes.
var extents = [16]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33, 64, 130}

// fuzzedTensor returns the tensor of an order, or a view with gaps if there is no such
// order. Each byte of shape is a dim. In a view its low half chooses the extent of the axis,
// and its high half is the length of the gap after it. Dims that would make too many
// elements for a test are 1. axes chooses the sample and channel axes of a view.
func fuzzedTensor(t *testing.T, order, axes uint8, shape []byte) (x tensor, ok bool) {
	rank, o := len(shape), layout.Order(order%20)
	view := o == 0 || o > layout.ChannelsLast
	if letters := spelled[o]; letters != "" {
		rank = len(letters)
	}
	if rank < 1 || rank < 2 && !view || rank > 6 || len(shape) < rank {
		return tensor{}, false
	}
	dims, strides := make([]int, rank), make([]int, rank)
	stride, elements := 1, 1
	if o == layout.NCHW8c || o == layout.NCHW16c {
		elements = 8 // padding is elements, too
	}
	for i := rank - 1; i >= 0; i-- {
		dims[i], strides[i] = int(shape[i]), stride
		if view {
			dims[i] = extents[shape[i]%16]
		}
		if elements*dims[i] > 4000 {
			dims[i] = 1
		}
		elements *= max(dims[i], 1)
		if stride *= max(dims[i], 1); stride < 20000 {
			stride += int(shape[i] / 16)
		}
	}
	if !view {
		return dense(t, o, dims...), true
	}
	// Rotated axes are a lazily transposed tensor.
	turn := int(order/20) % rank
	dims = append(dims[turn:], dims[:turn]...)
	strides = append(strides[turn:], strides[:turn]...)
	channel, sample := int(axes)%rank, int(axes)/rank%(rank+1)-1
	if sample == channel {
		sample = layout.Unbatched
	}
	return strided(t, dims, strides, sample, channel), true
}

// noise is bits for operands: NaNs, infinities, subnormals and ordinary numbers.
var noise = []byte("\x01\x00\x80\x7f\x23\x01\xc0\x7f\x00\x00\x80\xff\x01\x00\x00\x00\xcd\xcc\x8c\x3f\x00\x00\x00\x80\x07")

// shapes calls f with arguments of fuzzedTensor: every order, and views with the channels on
// every axis. The innermost extents are close to those of vectors and cache lines.
func shapes(f func(order, axes uint8, shape []byte, k int)) {
	extents := []byte{1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255}
	k := 0
	for _, o := range layout.Orders() {
		rank := len(spelled[o])
		if rank == 0 {
			rank = 2 + k%4
		}
		for range 2 {
			shape := []byte{2, 3, 2, 2, 1}[:rank]
			shape[rank-1], shape[k%(rank-1)] = extents[k*5%len(extents)], extents[k%6]
			f(uint8(o), 0, shape, k)
			k++
		}
	}
	for rank := 1; rank <= 5; rank++ {
		for channel := range rank {
			shape := make([]byte, rank)
			for i := range shape {
				shape[i] = byte(2 + (k+i)%3 + k*(i+1)%4<<4)
			}
			shape[rank-1] = byte(11+k%5) | byte(k%2)<<4
			f(uint8(20*(k%rank)), uint8(channel+rank*(k%(rank+1))), shape, k)
			k++
		}
	}
}

func fuzzApply[T number](t *testing.T, x tensor, c call, workers int, raw []byte) {
	n := x.length
	if x.view {
		n += int(c.seed % 7)
	}
	dst, src := rawOf[T](raw, n, 1), rawOf[T](raw, n, 6)
	onTiers(t, func(string) {
		if err := checkCall(x, c, dst, src, workers); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	})
}

// FuzzApply compares Apply and AddTo with the oracle for any tensor, rate, seed
// and bits.
func FuzzApply(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, 0.3, uint64(k), uint8(k), uint8(k%4), noise)
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, rate float64, seed uint64, choice, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		c := call{add: choice&1 > 0, inPlace: choice&2 > 0, rate: rate, seed: seed}
		if choice&4 > 0 {
			c.policy = mask.Multiply
		}
		if !(rate >= 0 && rate <= 1) {
			_, err := spatialdropout.New(rate)
			wantError(t, "New", err, "0 to 1")
			return
		}
		switch choice >> 3 % 6 {
		case 0:
			fuzzApply[float32](t, x, c, int(workers), raw)
		case 1:
			fuzzApply[float64](t, x, c, int(workers), raw)
		case 2:
			fuzzApply[named32](t, x, c, int(workers), raw)
		case 3:
			fuzzApply[named64](t, x, c, int(workers), raw)
		case 4:
			fuzzApply[float16](t, x, c, int(workers), raw)
		default:
			fuzzApply[bfloat16](t, x, c, int(workers), raw)
		}
	})
}

func fuzzFuse[T number](t *testing.T, x tensor, seed uint64, workers int) {
	r := rand.New(rand.NewPCG(seed, 0))
	y := x
	if r.IntN(2) == 0 {
		all := others(t, x)
		y = all[r.IntN(len(all))]
	}
	var lists [3]int
	for k, of := range [...]tensor{x, y, x} {
		if cuts := of.divisions(); len(cuts) > 0 && !of.view {
			lists[k] = cuts[r.IntN(len(cuts))] * r.IntN(2)
		}
	}
	f := anyFusing[T](r, x, y)
	onTiers(t, func(string) {
		if err := f.check(r, workers, lists); err != nil {
			t.Error(err)
		}
	})
}

// FuzzFuse compares fused calls with the oracle for any tensor. The seed chooses the mask, the numbers
// and how memory is shared.
func FuzzFuse(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, uint64(k), uint8(k), uint8(k%4))
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, seed uint64, choice, workers uint8) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		switch choice % 4 {
		case 0:
			fuzzFuse[float32](t, x, seed, int(workers))
		case 1:
			fuzzFuse[float64](t, x, seed, int(workers))
		case 2:
			fuzzFuse[float16](t, x, seed, int(workers))
		default:
			fuzzFuse[bfloat16](t, x, seed, int(workers))
		}
	})
}

func fuzzPass[T number](t *testing.T, x tensor, m *mask.Mask, p spatialdropout.Pass, inPlace bool, raw []byte) {
	dst, src := rawOf[T](raw, x.length, 1), rawOf[T](raw, x.length, 6)
	c := callOf(m)
	c.inPlace = inPlace
	onTiers(t, func(string) {
		if err := checkPass(x, c, m, p, dst, src); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	})
}

// FuzzPass compares the calls of a pass with Draw and the oracle, for any stream, tensor,
// rate, place and part of a batch.
func FuzzPass(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, order, axes uint8, shape []byte, rate float64, step, cursor uint64, offset, batch uint16, choice, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		saved := spatialdropout.State{Rate: rate, GeneratorState: spatialdropout.GeneratorState{Stream: text}, Sharing: mask.Sharing(choice >> 4 % 3)}
		stream, err := mask.ParseStream(text)
		if err != nil {
			saved.Rate = 0.5
			_, other := spatialdropout.Restore(saved)
			wantError(t, "Restore", other, err.Error())
			return
		}
		drawing, err := spatialdropout.New(rate, spatialdropout.WithStream(stream), spatialdropout.WithSharing(saved.Sharing), shardFrom(uint64(offset)))
		if !(rate >= 0 && rate <= 1) {
			wantError(t, "New", err, "0 to 1")
			return
		} else if err != nil {
			t.Fatal(err)
		}
		// The Dropout that applies knows the stream by its text, and nothing of the part.
		saved.Arithmetic = stream.Arithmetic()
		applying, err := spatialdropout.Restore(saved, spatialdropout.WithWorkers(int(workers)))
		if err != nil {
			t.Fatal(err)
		}
		at := mask.Place{Step: step, Cursor: cursor, Shard: mask.Shard{SampleOffset: uint64(offset), Samples: uint64(batch)}}
		if batch == 0 {
			restore(t, drawing, spatialdropout.GeneratorState{Stream: stream.String(), Step: step, Cursor: cursor})
		}
		p := applying.At(at, x.geom)
		m, err := drawing.At(at, x.geom).Mask()
		if err != nil {
			dst := rawOf[float32](raw, x.length, 1)
			got := append([]float32(nil), dst...)
			for name, do := range calledBy(p) {
				refused := do(spatialdropout.Of(got, x.geom), spatialdropout.Of(dst, x.geom))
				if len(x.places) > 0 {
					wantError(t, name, refused, err.Error())
				} else if refused != nil {
					t.Errorf("%s: %v, although nothing is drawn where there are no elements", name, refused)
				}
				if err := differ(got, dst, dst); err != nil {
					t.Error(err)
				}
			}
			return
		}
		if batch == 0 && !draw(t, drawing, x.geom).Equal(m) {
			t.Errorf("%s: Draw and the pass differ", text)
		}
		switch inPlace := choice&2 > 0; choice >> 2 % 4 {
		case 0:
			fuzzPass[float32](t, x, m, p, inPlace, raw)
		case 1:
			fuzzPass[float64](t, x, m, p, inPlace, raw)
		case 2:
			fuzzPass[float16](t, x, m, p, inPlace, raw)
		default:
			fuzzPass[bfloat16](t, x, m, p, inPlace, raw)
		}
	})
}

// fuzzLayer makes the calls of a layer on every tier, with a new layer each.
func fuzzLayer[T number](t *testing.T, x tensor, evaluate, inPlace bool, rate float64, step uint64, sharing mask.Sharing, opts []spatialdropout.Option, raw []byte) {
	d, err := spatialdropout.New(rate, opts...)
	if err != nil {
		if _, other := kindOf[T]().layer(rate, opts...); other == nil || other.Error() != err.Error() {
			t.Fatalf("New: %v, a layer: %v", err, other)
		}
		return
	}
	m := draw(t, atStep(t, d, step), x.geom)
	dst, src := rawOf[T](raw, x.length, 1), rawOf[T](raw, x.length, 6)
	onTiers(t, func(string) {
		l := newLayer[T](t, rate, opts...)
		atStep(t, l.Dropout(), step)
		l.SetTraining(!evaluate)
		calls := layerCalls(t, l, x)
		for _, name := range []string{"Forward", "Backward", "AddTo"} {
			of := m
			if name != "Forward" {
				of = m.Gradient()
			}
			c := callOf(of)
			c.add, c.inPlace = name == "AddTo", inPlace
			if sharing == mask.FixedCount && rate > 0 && rate < 1 {
				c.count = max(int(math.Floor((1-rate)*float64(x.channels)+0.5)), min(x.channels, 1)) // at least one
			}
			if evaluate { // nothing but padding is dropped, and that is not added to
				if of, err = mask.New(x.samples, x.channels, 0, mask.Arithmetic{}); err != nil {
					t.Fatal(err)
				}
				c = call{add: c.add, inPlace: inPlace}
			}
			y := x
			if evaluate && !c.add { // the identity, padding and all
				y.places, y.padding = slices.Clone(x.places), nil
				for _, at := range x.padding {
					y.places = append(y.places, place{at: at})
				}
			}
			if err := checkDo(y, c, of, dst, src, calls[name], 1); err != nil {
				t.Fatalf("%s, evaluation %v, %s: %v", x.name, evaluate, name, err)
			}
		}
		if !evaluate && !maskOf(t, l).Equal(m) {
			t.Fatalf("%s: a mask other than that of a Dropout", x.name)
		}
	})
}

// FuzzLayer compares the calls of a layer, in training and in evaluation, with the oracle,
// for any tensor and any options.
func FuzzLayer(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, 0.3, uint64(k), uint8(k), uint8(k*7), uint8(k%4), noise)
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, rate float64, seed uint64, what, how, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		sharing, step := mask.Sharing(how%4), seed/3
		a := mask.Arithmetic{Policy: mask.Policy(how / 4 % 2)}
		switch how / 8 % 8 {
		case 0:
			a.Rule = mask.Alpha
		case 1:
			a.Rule = mask.Unscaled
		case 2, 3, 4, 5:
			a.Rule = mask.Rule(how/8%8 - 1)
		}
		opts := []spatialdropout.Option{
			spatialdropout.WithSeed(seed), shardFrom(seed % 5),
			spatialdropout.WithSharing(sharing), spatialdropout.WithArithmetic(a), spatialdropout.WithWorkers(int(workers % 5)),
		}
		evaluate := what&2 > 0
		if how&64 > 0 && evaluate { // Monte Carlo
			opts = append(opts, spatialdropout.WithAlways())
			evaluate = false
		}
		switch inPlace := what&1 > 0; what / 4 % 6 {
		case 0:
			fuzzLayer[float32](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		case 1:
			fuzzLayer[float64](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		case 2:
			fuzzLayer[named32](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		case 3:
			fuzzLayer[named64](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		case 4:
			fuzzLayer[float16](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		default:
			fuzzLayer[bfloat16](t, x, evaluate, inPlace, rate, step, sharing, opts, raw)
		}
	})
}

// FuzzState reads states as a file may have them. A state that can be restored draws on as
// it says, also when it is written and read again. Any other is an error.
func FuzzState(f *testing.F) {
	for i, text := range streamTexts() {
		s := spatialdropout.State{
			Rate: 0.4, GeneratorState: spatialdropout.GeneratorState{Stream: text, Step: uint64(i) << (2 * i), Cursor: uint64(i % 3 * 624)},
			Arithmetic: mask.Arithmetic{Policy: mask.Policy(i % 2)}, Sharing: mask.Sharing(i % 3), Ramp: spatialdropout.Ramp(i % 2 * 10), Always: i%5 == 0,
		}
		if i%4 == 0 {
			s.Shard = mask.Shard{SampleOffset: 1, Samples: 9, ChannelOffset: 2, Channels: 30}
		}
		written, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(written)
	}
	for _, text := range []string{
		"", "{}", "null", `{"stream":7}`, `{"stream":"philox:1","step":-1}`, `{"stream":"philox:1","step":1e3}`, `{"stream":"pytorch:1","cursor":18446744073709551615}`, `{"stream":"\u0000"}`, `{"Stream":"jax:0,7","STEP":3}`,
		`{"stream":"philox","rate":2}`, `{"stream":"philox","rate":0.5,"sharing":"FixedCount","arithmetic":{"rule":"Alpha"}}`, `{"stream":"philox","rate":0.5,"arithmetic":{"rule":"Gaussian"}}`,
		`{"stream":"philox","rate":0.5,"arithmetic":{"rule":"nonsense"}}`, `{"stream":"philox","shard":{"sampleOffset":3,"samples":2}}`, `{"stream":"philox","scheduled":true}`, `{"stream":"philox","rate":1e-300,"ramp":18446744073709551615,"step":18446744073709551614}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, written []byte) {
		var s spatialdropout.State
		if json.Unmarshal(written, &s) != nil {
			return
		}
		d, err := spatialdropout.Restore(s)
		stream, wrong := mask.ParseStream(s.Stream)
		contradiction := s.Scheduled && s.Ramp == 0
		if wrong == nil {
			contradiction = contradiction || mask.Check(s.Rate, stream, s.Arithmetic, s.Sharing) != nil
		}
		sh := s.Shard
		contradiction = contradiction || sh.Samples > 0 && sh.SampleOffset >= sh.Samples || sh.Channels > 0 && sh.ChannelOffset >= sh.Channels
		if wrong != nil || contradiction {
			if wantError(t, "Restore", err); d != nil {
				t.Error("a result besides the error")
			}
			if wrong != nil && !contradiction {
				wantError(t, "Restore", err, wrong.Error())
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		want := s
		want.Stream, want.Scheduled = stream.String(), false
		if got := d.State(); got != want {
			t.Fatalf("%s is at %+v, want %+v", written, got, want)
		}
		again, err := spatialdropout.Restore(saved(t, d.State()))
		if err != nil {
			t.Fatal(err)
		}
		other, err := spatialdropout.Restore(s, spatialdropout.WithStream(stream))
		if err != nil {
			t.Fatal(err)
		}
		g := dense(t, layout.NC, 3, 23).geom
		for range 2 {
			m, err := d.Draw(g)
			for _, o := range []*spatialdropout.Dropout{again, other} {
				got, oerr := o.Draw(g)
				if fmt.Sprint(err) != fmt.Sprint(oerr) || err == nil && !got.Equal(m) || o.State() != d.State() {
					t.Fatalf("%s is at %+v, restored at %+v, and draws %v, %v, want %v, %v", written, d.State(), o.State(), got, oerr, m, err)
				}
			}
		}
	})
}
