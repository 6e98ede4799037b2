package spatialdropout

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// ArgumentError refuses an argument. Nothing has been written. Argument is
//
//   - "dst", "src", "residual" or "from" of a tensor that its slice, or its list of slices, does not hold, that is of
//     another kind than dst or lies differently where it must not, and of a gradient from an output that it does not
//     follow from;
//   - "mask" of a mask, or a pass, of other samples or channels than the tensor has, and of a mask of which something
//     cannot be made that was asked for: a [Compaction], or a sum with the result of alpha dropout, which is not linear;
//   - "Scale", "Shift" or "Activation" of an [Around] without a number for each channel, or with one that an activation
//     cannot have;
//   - the function of an option, such as "WithShard", or "opts", of options that contradict each other;
//   - "state" of a state that does not restore what it is given to, and "n" of a sample that does not exist.
type ArgumentError struct {
	Argument string
	Given    string // what was given
	Want     string // what was expected
}

func (e *ArgumentError) Error() string { return "spatialdropout: " + e.Given + ", want " + e.Want }

// UseError refuses a value that is not ready: the zero value of a type whose values a function makes, a pointer to
// one that is nil, or a [Layer] before a backward pass that no forward pass belongs to. Nothing has been written. A
// method that returns no error panics with it.
type UseError struct {
	Given string // what was used
	Want  string // what was expected
}

func (e *UseError) Error() string { return "spatialdropout: " + e.Given + ", want " + e.Want }

// unfit returns an [*ArgumentError].
//
//go:noinline
func unfit(argument, want, given string, args ...any) error {
	return &ArgumentError{argument, fmt.Sprintf(given, args...), want}
}

// lengthError returns the error of a slice that does not hold a tensor.
func lengthError(name string, length int, g *layout.Geometry) error {
	more := ""
	if g.View() {
		more = " or more"
	}
	return unfit(name, fmt.Sprintf("%d%s for %v", g.Len(), more, *g), "%s holds %d elements", name, length)
}

// cutError returns the error of a list whose number of slices does not cut a tensor between feature maps.
func cutError(name string, slices int, g *layout.Geometry) error {
	want := "whole samples in each, or whole channels where those come first"
	if g.Len() > g.Samples()*g.PaddedChannels()*g.Spatial() {
		want = "a tensor without gaps"
	}
	return unfit(name, want, "%s is a list of %d slices for %v", name, slices, *g)
}

// sliceError returns the error of a list of a slice that has another length than it should.
func sliceError(name string, slices, slice, length int, g *layout.Geometry) error {
	return unfit(name, fmt.Sprintf("%d for %v", g.Len()/max(slices, 1), *g),
		"%s is a list of %d slices, of which slice %d holds %d elements", name, slices, slice, length)
}

// packedError returns the error of a vector that does not hold the packed tensor of a [Compaction].
func packedError(name, is, want string, g *layout.Geometry) error {
	return &ArgumentError{name, name + " " + is, fmt.Sprintf("%s, the kept channels of %v", want, *g)}
}

// placeError returns the error of a tensor beside dst that lies differently.
func placeError(name string, given, want *layout.Geometry) error {
	is, wanted := given.String(), want.String()
	if is == wanted {
		// Of one shape, in another order or with other gaps.
		return unfit(name, "one that lies as dst does, "+order(want), "%s of %s, %s", name, is, order(given))
	}
	return unfit(name, "one that lies as dst does, of "+wanted, "%s of %s", name, is)
}

// order says which axis of a tensor is innermost in memory, and how far apart the elements of its loops are.
func order(g *layout.Geometry) string {
	loops := g.Loops()
	text := "positions innermost"
	if loops[len(loops)-1].Factor > 0 {
		text = "channels innermost"
	}
	for i, l := range loops {
		switch {
		case i == 0:
			text += ", with strides of "
		case i == len(loops)-1:
			text += " and "
		default:
			text += ", "
		}
		text += fmt.Sprint(l.Dst)
	}
	return text + " elements"
}

// channelsError returns the error of an [Around.Scale] or [Around.Shift] without a number of the kind of the data for
// each channel.
func channelsError(name string, v *kernel.Vector, kind *kernel.Kind, g *layout.Geometry) error {
	given := fmt.Sprintf("%d numbers of %s", v.Len(), v.Kind().String())
	if n := v.Slices(); n > 0 {
		given = fmt.Sprintf("%d slices", n)
	}
	return &ArgumentError{name, name + " holds " + given, fmt.Sprintf("none or one slice of %d of %s, one for each channel of a tensor of %v", g.Channels(), kind.String(), *g)}
}

// maskError returns the error of a mask that does not fit a geometry, or of none.
func maskError(m *mask.Mask, g *layout.Geometry) error {
	if m == nil {
		return misfit(0, 0, g)
	}
	return misfit(m.Samples(), m.Channels(), g)
}

// misfit returns the error of a mask, or a pass, of other samples or channels than a tensor has; of 0 and 0 if there is
// none.
func misfit(samples, channels int, g *layout.Geometry) error {
	given := fmt.Sprintf("a mask of %d×%d channels", samples, channels)
	if samples == 0 && channels == 0 {
		given = "no mask or pass, or one of 0×0 channels,"
	}
	return &ArgumentError{"mask", fmt.Sprintf("%s for a tensor of %v", given, *g), "one made for its geometry"}
}

// mixed returns the error of two kinds.
func mixed(dst, src kernel.Vector) error {
	return &kernel.ArgumentError{Argument: "kind", Given: fmt.Sprintf("dst of %s and src of %s", dst.Kind().String(), src.Kind().String()), Want: "one kind"}
}

// negative returns the error of a number of goroutines.
func negative(workers int) error {
	return &kernel.ArgumentError{Argument: "workers", Given: fmt.Sprintf("%d workers", workers), Want: "0 or more"}
}
