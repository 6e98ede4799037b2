package layout

import "fmt"

// NoiseShape returns the geometry of a dense tensor whose trials have a shape of their own,
// as in TensorFlow and Keras. A dim of noise is that of the tensor, or 1 along an axis whose
// elements share a trial. The trials are numbered as the elements of noise are.
//
// Axes along which elements share a trial are spatial. The others, those that noise has, make
// the samples and the channels. Axis 0 is the sample if noise has it, and one group of
// neighbouring axes is the channels. If noise does not have axis 0 there may be two such groups,
// and the first of them is the samples: noise of 1×H×1×C has H samples.
//
// NoiseShape returns an [*ArgumentError] if the two differ in length, if a dim of noise is neither
// that of the tensor nor 1, if noise has more groups of neighbouring axes than that (package
// kernel's Run serves those), or for what the function [Strided] refuses. It does not allocate.
func NoiseShape(shape, noise []int) (Geometry, error) {
	refuse := func(argument, wrong, want string) (Geometry, error) {
		return Geometry{}, &ArgumentError{Argument: argument, Given: fmt.Sprintf("dims %s with noise %s%s", list(shape), list(noise), wrong), Want: want}
	}
	if len(shape) != len(noise) {
		return refuse("noise", fmt.Sprintf(", %d dims and %d of noise", len(shape), len(noise)), "as many dims of noise")
	}
	// The axes, from the innermost outwards, in arrays that end with the outermost one.
	const room = 4 + maxSpatial
	var dims, strides [room]int
	first := room
	var own [2]int // axes that noise has, the innermost first
	n, together := 0, false
	stride, elements, ok := 1, 1, true
	for i := len(shape) - 1; i >= 0; i-- {
		size := shape[i]
		if size < 0 {
			return refuse("shape", fmt.Sprintf(", dim %d is %d", i, size), "0 or more")
		}
		if noise[i] != size && noise[i] != 1 {
			return refuse("noise", fmt.Sprintf(", dim %d is %d", i, noise[i]), fmt.Sprintf("%d or 1", size))
		}
		if size == 1 {
			continue
		}
		sample := i == 0 && noise[i] == size
		if together && noise[i] == size && !sample {
			dims[first] *= size
		} else {
			if first == 0 {
				return refuse("shape", "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
			}
			first--
			dims[first], strides[first] = size, stride
			if noise[i] == size {
				if n == len(own) || n == 1 && !sample && shape[0] != 1 && noise[0] == shape[0] {
					return refuse("noise", "", "noise of axis 0 and of neighbouring axes, or of two groups of neighbouring axes")
				}
				own[n] = first
				n++
			}
			together = noise[i] == size
		}
		elements, ok = mul(elements, max(size, 1), ok)
		stride = strides[first] * max(dims[first], 1) // wraps only if elements does
	}
	if !ok {
		return refuse("shape", "", "a number of elements that fits in an int")
	}
	// Where noise has fewer than two axes, one of a single step stands for the other.
	sample, channel := Unbatched, own[0]
	if n == 2 || n == 1 && shape[0] != 1 && noise[0] == shape[0] {
		sample = own[n-1]
	}
	if n == 0 || channel == sample {
		if first == 0 {
			return refuse("shape", "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
		}
		first--
		dims[first], strides[first] = 1, 1
		channel = first
	}
	if sample != Unbatched {
		sample -= first
	}
	return Strided(dims[first:], strides[first:], sample, channel-first)
}
