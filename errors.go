package spatialdropout

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// LengthError refuses a slice that does not hold a tensor of the given geometry. Nothing
// has been written.
type LengthError struct {
	Name     string // of the argument: "dst" or "src", or "residual" or "from" of a fused call
	Len      int    // elements of the slice
	Geometry layout.Geometry
}

func (e *LengthError) Error() string {
	more := ""
	if e.Geometry.View() {
		more = " or more"
	}
	return fmt.Sprintf("spatialdropout: %s holds %d elements, want %d%s for %v", e.Name, e.Len, e.Geometry.Len(), more, e.Geometry)
}

// ListError refuses a list of slices that is not the tensor of the given geometry: one whose
// number of slices does not cut it between feature maps, or with a slice of another length.
// Nothing has been written.
type ListError struct {
	Name     string // of the argument: "dst" or "src", or "residual" or "from" of a fused call
	Slices   int    // in the list
	Slice    int    // the first one of another length, -1 if their number is wrong
	Len      int    // elements of that one
	Geometry layout.Geometry
}

func (e *ListError) Error() string {
	given := fmt.Sprintf("spatialdropout: %s is a list of %d slices", e.Name, e.Slices)
	switch {
	case e.Slice >= 0:
		return fmt.Sprintf("%s, of which slice %d holds %d elements, want %d for %v", given, e.Slice, e.Len, e.Geometry.Len()/max(e.Slices, 1), e.Geometry)
	case e.Geometry.Len() > e.Geometry.Samples()*e.Geometry.PaddedChannels()*e.Geometry.Spatial():
		return fmt.Sprintf("%s for %v, want a tensor without gaps", given, e.Geometry)
	}
	return fmt.Sprintf("%s for %v, want whole samples in each, or whole channels where those come first", given, e.Geometry)
}

// BesideError refuses a tensor beside dst, in a fused call, that is of another kind or lies differently.
// Nothing has been written.
type BesideError struct {
	Name              string // of the argument: "residual" or "from"
	Given, Want       *kernel.Kind
	Geometry, WantGeo layout.Geometry
}

func (e *BesideError) Error() string {
	if e.Given != e.Want {
		return fmt.Sprintf("spatialdropout: %s of %v, want %v, the kind of dst", e.Name, e.Given, e.Want)
	}
	given, want := e.Geometry.String(), e.WantGeo.String()
	if given == want {
		// Of one shape, in another order or with other gaps.
		return fmt.Sprintf("spatialdropout: %s of %s, %s, want one that lies as dst does, %s", e.Name, given, order(&e.Geometry), order(&e.WantGeo))
	}
	return fmt.Sprintf("spatialdropout: %s of %s, want one that lies as dst does, of %s", e.Name, given, want)
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

// ChannelsError refuses an [Around.Scale] or [Around.Shift] without a number of the kind of the data for each
// channel. Nothing has been written.
type ChannelsError struct {
	Name     string        // of the field: "Scale" or "Shift"
	Numbers  kernel.Vector // what it is
	Kind     *kernel.Kind  // of the data
	Geometry layout.Geometry
}

func (e *ChannelsError) Error() string {
	given := fmt.Sprintf("%d numbers of %v", e.Numbers.Len(), e.Numbers.Kind())
	if n := e.Numbers.Slices(); n > 0 {
		given = fmt.Sprintf("%d slices", n)
	}
	return fmt.Sprintf("spatialdropout: %s holds %s, want none or one slice of %d of %v, one for each channel of a tensor of %v", e.Name, given, e.Geometry.Channels(), e.Kind, e.Geometry)
}

// ActivationError refuses an activation with a number that it cannot have, or a gradient that
// does not follow from the output. Nothing has been written.
type ActivationError struct {
	Activation Activation
	Reason     string // what was given and what was expected
}

func (e *ActivationError) Error() string {
	return fmt.Sprintf("spatialdropout: %v: %s", e.Activation, e.Reason)
}

// MaskError refuses a mask, or a pass, of other samples or channels than the tensor has.
// Nothing has been written.
type MaskError struct {
	Samples, Channels int // of the mask or the pass; 0 and 0 if there is none
	Geometry          layout.Geometry
}

func (e *MaskError) Error() string {
	given := fmt.Sprintf("a mask of %d×%d channels", e.Samples, e.Channels)
	if e.Samples == 0 && e.Channels == 0 {
		given = "no mask or pass, or one of 0×0 channels,"
	}
	return fmt.Sprintf("spatialdropout: %s for a tensor of %v, want one made for its geometry", given, e.Geometry)
}

// ZeroError refuses the zero value of a type whose values a function makes, or a pointer to
// one that is nil. Nothing has been written. A method that returns no error panics with it.
type ZeroError struct {
	Type string // such as "Layer"
	Want string // the name of the function, such as "NewLayer"
}

func (e *ZeroError) Error() string {
	return fmt.Sprintf("spatialdropout: no %s, or a zero one, want one of %s", e.Type, e.Want)
}

// OptionError refuses an option, or options that contradict each other.
type OptionError struct {
	Option string // the name of the function, such as "WithShard"
	Reason string // what was given and what was expected
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("spatialdropout: %s: %s", e.Option, e.Reason)
}

// StateError refuses a state that does not restore what it is given to.
type StateError struct{ Reason string }

func (e *StateError) Error() string { return "spatialdropout: state: " + e.Reason }

// BackwardError refuses a backward pass of a [Layer] that no forward pass belongs to:
// there was none, or another backward pass has used it. Nothing has been written.
type BackwardError struct{ Used bool }

func (e *BackwardError) Error() string {
	if e.Used {
		return "spatialdropout: a second backward pass after one Forward, want a Forward for each; Layer.Pass gives passes that run in any order"
	}
	return "spatialdropout: a backward pass without a Forward before it, want a Forward for each"
}

// AlphaError refuses to add what a mask of alpha dropout makes of a tensor: the operation
// is not linear. Nothing has been written.
type AlphaError struct{}

func (e *AlphaError) Error() string {
	return "spatialdropout: AddTo with a mask of alpha dropout, want that of its gradient (mask.Mask.Gradient)"
}

// CompactionError refuses a mask, or a sample of one, that a [Compaction] cannot be made of or used with. Nothing
// has been written.
type CompactionError struct{ Reason string } // what was given and what was expected

func (e *CompactionError) Error() string { return "spatialdropout: compaction: " + e.Reason }

// PackedError refuses a slice, or a list of slices, that does not hold the packed tensor of a [Compaction]. Nothing has
// been written.
type PackedError struct {
	Name     string // of the argument: "dst" or "src"
	Len      int    // elements of the slice
	Slices   int    // of the list, 0 if there is none
	Slice    int    // the one of another length, -1 if the list has another number of slices
	Want     int    // elements of that slice, or of the packed tensor
	Geometry layout.Geometry
}

func (e *PackedError) Error() string {
	switch {
	case e.Slices > 0 && e.Slice < 0:
		return fmt.Sprintf("spatialdropout: %s is a list of %d slices, want one slice of %d elements, or one for each sample if samples are the outermost axis, the kept channels of %v", e.Name, e.Slices, e.Want, e.Geometry)
	case e.Slices > 0:
		return fmt.Sprintf("spatialdropout: %s is a list of %d slices, of which slice %d holds %d elements, want %d, the kept channels of %v", e.Name, e.Slices, e.Slice, e.Len, e.Want, e.Geometry)
	}
	return fmt.Sprintf("spatialdropout: %s holds %d elements, want %d, the kept channels of %v", e.Name, e.Len, e.Want, e.Geometry)
}
