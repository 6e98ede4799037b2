package gomlx

import (
	"encoding/binary"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/spatialdropout/spatialdropout/mask"
)

// kind is a type of elements, as gomlx and as the core name it.
type kind struct {
	dtype    dtypes.DType
	unsigned dtypes.DType // of the same size
	mask     mask.Type
	one      uint64 // the bits of 1
	infinity uint64
}

var kinds = []kind{
	{dtypes.Float32, dtypes.Uint32, mask.Float32, 0x3f800000, 0x7f800000},
	{dtypes.Float64, dtypes.Uint64, mask.Float64, 0x3ff0000000000000, 0x7ff0000000000000},
	{dtypes.Float16, dtypes.Uint16, mask.Float16, 0x3c00, 0x7c00},
	{dtypes.BFloat16, dtypes.Uint16, mask.BFloat16, 0x3f80, 0x7f80},
}

// kindOf returns the kind of a type, and whether there is one.
func kindOf(t dtypes.DType) (kind, bool) {
	for _, k := range kinds {
		if k.dtype == t {
			return k, true
		}
	}
	return kind{}, false
}

// size returns the bytes of an element.
func (k kind) size() int { return k.mask.Size() }

// negativeZero returns the bits of −0, which added to a number leaves it as it is.
func (k kind) negativeZero() uint64 { return 1 << (8*k.size() - 1) }

// get returns the bits of element i.
func (k kind) get(b []byte, i int) uint64 {
	switch b = b[i*k.size():]; k.size() {
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	}
	return binary.NativeEndian.Uint64(b)
}

// set sets the bits of element i.
func (k kind) set(b []byte, i int, bits uint64) {
	switch b = b[i*k.size():]; k.size() {
	case 2:
		binary.NativeEndian.PutUint16(b, uint16(bits))
	case 4:
		binary.NativeEndian.PutUint32(b, uint32(bits))
	default:
		binary.NativeEndian.PutUint64(b, bits)
	}
}

// tensorOf returns the tensor of some elements.
func tensorOf(dtype dtypes.DType, elements []byte, dims ...int) (*tensors.Tensor, error) {
	t := tensors.FromShape(shapes.Make(dtype, dims...))
	return t, t.MutableBytes(func(data []byte) { copy(data, elements) })
}
