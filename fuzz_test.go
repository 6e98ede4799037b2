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
