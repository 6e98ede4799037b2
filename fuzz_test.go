package spatialdropout_test

import (
	"encoding/binary"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// rawOf returns n elements whose bits are raw, over and over.
func rawOf[T number](raw []byte, n, from int) []T {
	all := make([]T, n)
	var bits [8]byte
	for i := range all {
		for k := range bits {
			if len(raw) > 0 {
				bits[k] = raw[(from+i*len(bits)+k)%len(raw)]
			}
		}
		all[i] = fromBits[T](binary.LittleEndian.Uint64(bits[:]))
	}
	return all
}

// fuzzedTensor returns the tensor of an order, or a view with gaps where there
// is no such order. A byte of shape gives a dim by its low half and, in a view,
// the gap behind the axis by its high half.
func fuzzedTensor(t *testing.T, order uint8, shape []byte) (x tensor, ok bool) {
	rank, o := len(shape), layout.Order(order%20)
	if letters := spelled[o]; letters != "" {
		rank = len(letters)
	}
	if rank < 2 || rank > 6 || len(shape) < rank {
		return tensor{}, false
	}
	dims, strides := make([]int, rank), make([]int, rank)
	stride, elements := 1, 1
	for i := rank - 1; i >= 0; i-- {
		dims[i] = int(shape[i] % 16)
		strides[i] = stride
		stride *= max(dims[i], 1)
		stride += int(shape[i] / 16)
		elements *= max(dims[i], 1)
	}
	if elements > 6000 || stride > 50000 {
		return tensor{}, false
	}
	switch {
	case o == 0 || o > layout.ChannelsLast:
		// Rotated axes are a lazily transposed tensor.
		turn := int(order/20) % rank
		dims = append(dims[turn:], dims[:turn]...)
		strides = append(strides[turn:], strides[:turn]...)
		return strided(t, dims, strides, int(order)%2, 1-int(order)%2), true
	default:
		return dense(t, o, dims...), true
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
	f.Fuzz(func(t *testing.T, order uint8, shape []byte, rate float64, seed uint64, choice, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, shape)
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
	f.Fuzz(func(t *testing.T, text string, order uint8, shape []byte, rate float64, step, cursor uint64, offset, batch uint16, choice, workers uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, shape)
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
