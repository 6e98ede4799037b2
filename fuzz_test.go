package spatialdropout_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// rawOf returns n elements whose bits are raw, over and over. Every third is a number of
// its own, which tells what was taken for what.
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

// fuzzedTensor returns the tensor of an order, or a view with gaps where there is no
// such order. Each byte of shape is a dim; in a view the low half says which extent the
// axis has, and the high half how long the gap behind it is. Dims of more elements than
// a test takes are 1. Of a view, axes says which axis is whose.
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

// shapes calls f with what fuzzedTensor takes: every order, and views with the channels
// on every axis, whose innermost extents are those around vectors and cache lines.
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

func fuzzApply[T number](t *testing.T, x tensor, c call, workers spatialdropout.Workers, raw []byte) {
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
			fuzzApply[float32](t, x, c, spatialdropout.Workers(workers), raw)
		case 1:
			fuzzApply[float64](t, x, c, spatialdropout.Workers(workers), raw)
		case 2:
			fuzzApply[named32](t, x, c, spatialdropout.Workers(workers), raw)
		case 3:
			fuzzApply[named64](t, x, c, spatialdropout.Workers(workers), raw)
		case 4:
			fuzzApply[float16](t, x, c, spatialdropout.Workers(workers), raw)
		default:
			fuzzApply[bfloat16](t, x, c, spatialdropout.Workers(workers), raw)
		}
	})
}

func fuzzAt[T number](t *testing.T, x tensor, m *mask.Mask, d *spatialdropout.Dropout, at mask.Place, c call, workers spatialdropout.Workers, raw []byte) {
	dst, src := rawOf[T](raw, x.length, 1), rawOf[T](raw, x.length, 6)
	onTiers(t, func(string) {
		if err := checkAt(x, c, m, d, at, dst, src, workers); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	})
}

// FuzzApplyAt compares ApplyAt and AddToAt with Draw and the oracle, for any stream,
// tensor, rate, place and part of a batch.
func FuzzApplyAt(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, order, axes uint8, shape []byte, rate float64, step, cursor uint64, offset, batch uint16, choice, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		stream, err := mask.ParseStream(text)
		if err != nil {
			_, other := spatialdropout.New(0.5, spatialdropout.WithState(spatialdropout.State{Stream: text}))
			wantError(t, "WithState", other, err.Error())
			return
		}
		drawing, err := spatialdropout.New(rate, spatialdropout.WithStream(stream), spatialdropout.WithSharing(mask.Sharing(choice>>4%3)), spatialdropout.WithSampleOffset(int(offset)))
		if !(rate >= 0 && rate <= 1) {
			wantError(t, "New", err, "0 to 1")
			return
		} else if err != nil {
			t.Fatal(err)
		}
		// What draws for ApplyAt knows the stream by its text, and nothing of the part.
		applying := newDropout(t, rate, spatialdropout.WithState(spatialdropout.State{Stream: stream.String()}), spatialdropout.WithSharing(mask.Sharing(choice>>4%3)))
		at := mask.Place{Step: step, Cursor: cursor, Offset: uint64(offset), Batch: uint64(batch)}
		if batch == 0 {
			if err := drawing.Restore(spatialdropout.State{Stream: stream.String(), Step: step, Cursor: cursor}); err != nil {
				t.Fatal(err)
			}
		}
		m := new(mask.Mask)
		if err := drawing.DrawAt(m, x.geom, at); err != nil {
			dst := rawOf[float32](raw, x.length, 1)
			got := append([]float32(nil), dst...)
			wantError(t, "ApplyAt", spatialdropout.ApplyAt(got, dst, applying, at, x.geom), err.Error())
			if err := differ(got, dst, dst); err != nil {
				t.Error(err)
			}
			return
		}
		if batch == 0 && !drawing.Draw(x.geom).Equal(m) {
			t.Errorf("%s: Draw and DrawAt differ", text)
		}
		c := callOf(m, choice&1 > 0)
		c.inPlace = choice&2 > 0
		switch choice >> 2 % 4 {
		case 0:
			fuzzAt[float32](t, x, m, applying, at, c, spatialdropout.Workers(workers), raw)
		case 1:
			fuzzAt[float64](t, x, m, applying, at, c, spatialdropout.Workers(workers), raw)
		case 2:
			fuzzAt[float16](t, x, m, applying, at, c, spatialdropout.Workers(workers), raw)
		default:
			fuzzAt[bfloat16](t, x, m, applying, at, c, spatialdropout.Workers(workers), raw)
		}
	})
}

// fuzzLayer makes a Forward, a Backward and a BackwardAddTo on every tier, with a new
// layer each.
func fuzzLayer[T number](t *testing.T, x tensor, evaluate, inPlace bool, rate float64, sharing mask.Sharing, opts []spatialdropout.Option, raw []byte) {
	d, err := spatialdropout.New(rate, opts...)
	if err != nil {
		if _, other := kindOf[T]().layer(rate, opts...); other == nil || other.Error() != err.Error() {
			t.Fatalf("New: %v, a layer: %v", err, other)
		}
		return
	}
	m := d.Draw(x.geom)
	dst, src := rawOf[T](raw, x.length, 1), rawOf[T](raw, x.length, 6)
	onTiers(t, func(string) {
		l := newLayer[T](t, rate, opts...)
		l.SetTraining(!evaluate)
		for _, pass := range []struct {
			name     string
			do       func(dst, src []T, g layout.Geometry) error
			gradient bool
		}{{"Forward", l.Forward, false}, {"Backward", l.Backward, true}, {"BackwardAddTo", l.BackwardAddTo, true}} {
			of := m
			if pass.gradient {
				of = m.Gradient()
			}
			c := callOf(of, pass.name == "BackwardAddTo")
			c.inPlace = inPlace
			if sharing == mask.FixedCount && rate > 0 && rate < 1 {
				c.count = int(math.Floor((1-rate)*float64(x.channels) + 0.5))
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
			if err := checkDo(y, c, of, dst, src, func(dst, src []T, _ spatialdropout.Workers) error { return pass.do(dst, src, x.geom) }, 1); err != nil {
				t.Fatalf("%s, evaluation %v, %s: %v", x.name, evaluate, pass.name, err)
			}
		}
		if !evaluate && !l.Mask().Equal(m) {
			t.Fatalf("%s: a mask other than that of a Dropout", x.name)
		}
	})
}

// FuzzLayer compares a layer's passes, in training and in evaluation, with the oracle,
// for any tensor and what New can be asked for.
func FuzzLayer(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, 0.3, uint64(k), uint8(k), uint8(k*7), uint8(k%4), noise)
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, rate float64, seed uint64, what, how, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok {
			return
		}
		sharing := mask.Sharing(how % 4)
		opts := []spatialdropout.Option{
			spatialdropout.WithSeed(seed), spatialdropout.WithStep(seed / 3), spatialdropout.WithSampleOffset(int(seed % 5)),
			spatialdropout.WithSharing(sharing), spatialdropout.WithPolicy(mask.Policy(how / 4 % 2)), spatialdropout.WithWorkers(spatialdropout.Workers(workers % 5)),
		}
		evaluate := what&2 > 0
		switch how / 8 % 8 {
		case 0:
			opts = append(opts, spatialdropout.WithAlpha())
		case 1:
			opts = append(opts, spatialdropout.WithScaling(spatialdropout.Unscaled))
		case 2, 3, 4, 5:
			opts = append(opts, spatialdropout.WithRule(mask.Rule(how/8%8-1)))
		}
		if how&64 > 0 && evaluate { // Monte Carlo
			opts = append(opts, spatialdropout.WithAlways())
			evaluate = false
		}
		switch inPlace := what&1 > 0; what / 4 % 6 {
		case 0:
			fuzzLayer[float32](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		case 1:
			fuzzLayer[float64](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		case 2:
			fuzzLayer[named32](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		case 3:
			fuzzLayer[named64](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		case 4:
			fuzzLayer[float16](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		default:
			fuzzLayer[bfloat16](t, x, evaluate, inPlace, rate, sharing, opts, raw)
		}
	})
}

// FuzzState reads states as a file may have them: what is a state draws on as it says,
// also when it is written and read again, and all else is an error.
func FuzzState(f *testing.F) {
	for i, text := range streamTexts() {
		written, err := json.Marshal(spatialdropout.State{Stream: text, Step: uint64(i) << (2 * i), Cursor: uint64(i % 3 * 624)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(written)
	}
	for _, text := range []string{"", "{}", "null", `{"stream":7}`, `{"stream":"philox:1","step":-1}`, `{"stream":"philox:1","step":1e3}`, `{"stream":"pytorch:1","cursor":18446744073709551615}`, `{"stream":"\u0000"}`, `{"Stream":"jax:0,7","STEP":3}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, written []byte) {
		var s spatialdropout.State
		if json.Unmarshal(written, &s) != nil {
			return
		}
		d, err := spatialdropout.New(0.4, spatialdropout.WithState(s))
		stream, wrong := mask.ParseStream(s.Stream)
		if wrong != nil {
			if wantError(t, "WithState", err, wrong.Error()); d != nil {
				t.Error("a result besides the error")
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if got := d.State(); got != (spatialdropout.State{Stream: stream.String(), Step: s.Step, Cursor: s.Cursor}) {
			t.Fatalf("%s is at %+v", written, got)
		}
		again := newDropout(t, 0.4, spatialdropout.WithState(saved(t, d.State())))
		other := newDropout(t, 0.4, spatialdropout.WithStream(stream))
		if err := other.Restore(s); err != nil {
			t.Fatal(err)
		}
		g := dense(t, layout.NC, 3, 23).geom
		for range 2 {
			m := d.Draw(g)
			if !again.Draw(g).Equal(m) || !other.Draw(g).Equal(m) || again.State() != d.State() || other.State() != d.State() {
				t.Fatalf("%s is at %+v, written and read at %+v, restored at %+v, and draws otherwise", written, d.State(), again.State(), other.State())
			}
		}
	})
}
