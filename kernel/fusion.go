package kernel

import "github.com/spatialdropout/spatialdropout/internal/dtype"

// fusedOp is what a fused kernel does with each element: how the element of dst follows
// from the elements of src and of aux, and from the factor, the scale and the shift of
// their channel.
type fusedOp uint8

// String returns what the formula is in the words of a [Fused].
func (f fusedOp) String() string {
	of := &fusedTable[f]
	text := [...]string{linear: "a scale and a shift", clipped: "a ReLU", leaking: "a LeakyReLU"}[of.activation]
	switch {
	case of.outward():
		return "the gradient of " + text + " from its output"
	case of.backward:
		return "the gradient of " + text
	case of.adds():
		return text + " and a sum"
	}
	return text
}

// formulaOf has the formula of each activation: without and with an aux, and that of the gradient from the input and
// from the output.
var formulaOf = [...][rectified + 1]fusedOp{
	{linear: fuse, clipped: fuseReLU, leaking: fuseLeaky, rectified: fuseReLU},
	{linear: fuseAdd, clipped: fuseReLUAdd, leaking: fuseLeakyAdd, rectified: fuseReLUAdd},
	{linear: grad, clipped: gradReLU, leaking: gradLeaky, rectified: gradReLU},
	{linear: grad, clipped: gradReLUOut, leaking: gradLeakyOut, rectified: gradReLUOut},
}

// formula returns the formula of a call.
func (f *Fused) formula() fusedOp {
	row := 0
	switch {
	case f.Backward && f.Output:
		row = 3
	case f.Backward:
		row = 2
	case f.Aux.kind != nil:
		row = 1
	}
	return formulaOf[row][f.Activation.form]
}

// No gradient sums x times the factor and the gate over each channel, which is the gradient of the shift, nor that
// times z, which is the gradient of the scale. A prototype of gradReLU on planes of float32 took so many times as long
// as without sums, with 16 partial sums for each plane, or 64 in a pass over dst and z that follows, over all or over 64 KiB
// at a time. About half of the channels were dropped (medians, AVX-512, one core of an AMD EPYC of family 26, Zen 5):
//
//	                             103 MB  in place  3.3 MB  in place
//	shift, same pass             1.03    1.01      1.01    1.02
//	shift and scale, same pass   1.11    1.05      1.03    1.05
//	the same in float64          1.39    1.21      1.29    1.68
//	shift, next pass             1.32    1.43      1.27    1.36
//	shift and scale, next pass   1.55    1.68      1.56    1.74
//	the same, 64 KiB at a time   1.10    1.11      1.28    1.36
//
// Rows of 64 channels, 3.3 MB, took 1.06 times as long with both sums in the same pass, 1.37 times in place, where
// quartiles are 1.12 and 1.45. In float64 it is 1.63 and 2.41 times, and with the next pass 1.71 and 2.06 times. What sums
// cost rows of 256 channels, 103 MB, is not known: those in float64 took less time than those in float32, and nothing
// explains that yet.
//
// Sums with the same bits everywhere need a fixed order: element i of a plane, or pixel i of a sample, goes to partial
// sum i%16, wherever a call or a vector begins. The 16 are added in pairs, and samples in order, from a number for each
// channel of each sample. A plane that goroutines share is cut at places that do not depend on them. float64 needs
// that order as well. The product of two float32 is exact in it, and so a fused sum rounds alike.
//
// From the output there is no z to multiply by, and a gradient without an activation would read one more tensor.

// fusion describes a formula. Every fusion takes factors and scales.
type fusion struct {
	name       string
	activation activation
	backward   bool // computes the gradient: x is that of what came out
	aux        bool // reads z
	shifts     bool // takes shifts
	limit      bool // takes a limit
}

// activation is the function of a layer, or that whose gradient is computed.
type activation uint8

const (
	linear    activation = iota
	clipped              // from +0 to the limit
	leaking              // the limit is the slope below 0
	rectified            // clipped, by no limit: an [Activation] alone is
)

// adds reports whether z is added to the result, and is the result where the factor is 0.
func (f *fusion) adds() bool { return f.aux && !f.backward }

// outward reports whether z, which decides in a gradient, is what came out of the layer. It
// is what went in otherwise.
func (f *fusion) outward() bool { return f.aux && f.backward && !f.shifts }

// fusedEntry describes a fused kernel.
type fusedEntry struct {
	name  string
	op    fusedOp
	typ   dtype.Type
	past  bool // stores past the cache
	shape shape
}

// fusedWays are the kernels of one fusion and type: those that store as usual, and those
// that store past the cache. A fusion may have none of the latter.
type fusedWays [2][pixels + 1]fusedID

func (k fusedID) String() string { return fusedCatalogue[k].name }
