package layout_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// FuzzStrided compares Strided with brute force. Each axis takes two bytes, its
// dim and its stride; choice picks the sample and the channel axis.
func FuzzStrided(f *testing.F) {
	f.Fuzz(func(t *testing.T, choice uint8, axes []byte) {
		rank := min(len(axes)/2, 7)
		if rank == 0 {
			return
		}
		shape, strides := make([]int, rank), make([]int, rank)
		elements := 1
		for i := range rank {
			shape[i], strides[i] = int(axes[2*i]%8), int(axes[2*i+1])
			elements *= max(shape[i], 1)
		}
		if elements > 4000 {
			return
		}
		channel := int(choice) % rank
		sample := int(choice)/rank%(rank+1) - 1
		if sample == channel {
			if _, err := layout.Strided(shape, strides, sample, channel); err == nil {
				t.Errorf("axis %d taken as sample and channel", channel)
			}
			return
		}
		checkStrided(t, shape, strides, sample, channel)
	})
}

// letters returns one letter for each dim that an order takes, N, C or S for spatial,
// and the channels of a group if it is blocked. It returns "" if the order takes
// another number of dims.
func letters(o layout.Order, dims int) (axes string, block int) {
	const spatial = "SSSSSSSSSSSSSSSS"
	switch o {
	case layout.NCHW, layout.NCDHW, layout.NCW, layout.NC:
		axes = "NC" + spatial[:rank[o]-2]
	case layout.NHWC, layout.NDHWC, layout.NWC:
		axes = "N" + spatial[:rank[o]-2] + "C"
	case layout.CHW, layout.CDHW, layout.CW:
		axes = "C" + spatial[:rank[o]-1]
	case layout.HWC, layout.DHWC, layout.WC:
		axes = spatial[:rank[o]-1] + "C"
	case layout.NCHW8c:
		axes, block = "NCSS", 8
	case layout.NCHW16c:
		axes, block = "NCSS", 16
	case layout.ChannelsFirst:
		if dims >= 2 {
			axes = "NC" + spatial[:dims-2]
		}
	case layout.ChannelsLast:
		if dims >= 2 {
			axes = "N" + spatial[:dims-2] + "C"
		}
	}
	if len(axes) != dims {
		return "", 0
	}
	return axes, block
}

// FuzzOf compares Of with brute force. Each dim takes two bytes: a number and by how
// many bits to shift it to the left.
func FuzzOf(f *testing.F) {
	for i, o := range layout.Orders() {
		dims := []byte{2, 0, 9, 0, 3, 0, 5, 0, 4, 0}
		if n := rank[o]; n > 0 {
			dims = dims[:2*n]
		}
		f.Add(uint8(o), dims)
		huge := append([]byte(nil), dims...)
		huge[i%2*2+1] = byte(40 + i)
		f.Add(uint8(o), huge)
	}
	f.Add(uint8(layout.NCHW), []byte{1, 31, 1, 31, 1, 0, 2, 0})    // one more than an int counts
	f.Add(uint8(layout.NCHW8c), []byte{1, 0, 255, 55, 1, 0, 1, 0}) // close to that, then whole groups
	f.Add(uint8(layout.NHWC), []byte{0, 0, 1, 62, 1, 62, 1, 0})    // zeros are left out
	f.Add(uint8(layout.CW), []byte{1, 63, 1, 0})                   // negative
	f.Add(uint8(18), []byte{1, 0, 1, 0})
	f.Fuzz(func(t *testing.T, order uint8, spelled []byte) {
		o := layout.Order(order % 20)
		dims := make([]int, min(len(spelled)/2, 8))
		for i := range dims {
			dims[i] = int(spelled[2*i]) << (spelled[2*i+1] % 64)
		}
		axes, block := letters(o, len(dims))
		valid, samples, channels, padded := axes != "", 1, 1, 1
		elements, spatial := big.NewInt(1), 1
		for i, d := range dims {
			valid = valid && d >= 0
			if !valid {
				break
			}
			size := big.NewInt(int64(d))
			switch axes[i] {
			case 'N':
				samples = d
			case 'C':
				channels, padded = d, d
				if block > 0 {
					groups := new(big.Int).Div(big.NewInt(int64(d)+int64(block)-1), big.NewInt(int64(block)))
					if d > math.MaxInt-block {
						groups = new(big.Int).Lsh(big.NewInt(1), 62)
					}
					size.Mul(groups, big.NewInt(int64(block)))
					padded = int(size.Int64())
					if d == 0 { // a zero is left out, but not the axis within a group
						elements.Mul(elements, big.NewInt(int64(block)))
					}
				}
			default:
				spatial *= d
			}
			if d > 0 {
				elements.Mul(elements, size)
			}
		}
		valid = valid && elements.Cmp(big.NewInt(math.MaxInt)) <= 0
		g, err := o.Of(dims...)
		if (err == nil) != valid || err != nil && g != (layout.Geometry{}) {
			t.Fatalf("%v.Of(%v): %v, %v, valid %v", o, dims, g, err, valid)
		}
		if err != nil {
			return
		}
		if g.Samples() != samples || g.Channels() != channels || g.PaddedChannels() != padded || g.Spatial() != spatial || g.View() || g.Len() != samples*padded*spatial {
			t.Fatalf("%v.Of(%v): %v, %d padded channels, %d elements, view %v", o, dims, g, g.PaddedChannels(), g.Len(), g.View())
		}
		if g.Len() == 0 || g.Len() > 4000 {
			return
		}
		// From the innermost axis outwards every stride is what lies inside it.
		want, at := make(map[int]int), 0
		var walk func(axis, n, c int)
		walk = func(axis, n, c int) {
			switch {
			case axis < len(dims) && axes[axis] == 'C' && block > 0:
				for group := range padded / block {
					walk(axis+1, n, group*block)
				}
			case axis < len(dims):
				for i := range dims[axis] {
					switch axes[axis] {
					case 'N':
						walk(axis+1, i, c)
					case 'C':
						walk(axis+1, n, i)
					default:
						walk(axis+1, n, c)
					}
				}
			default:
				for i := range max(block, 1) {
					want[at] = n*padded + c + i
					at++
				}
			}
		}
		walk(0, 0, 0)
		if got := walked(t, g); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v.Of(%v) visits %v, want %v", o, dims, got, want)
		}
	})
}
