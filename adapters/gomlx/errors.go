package gomlx

// UnsupportedError refuses what the core can do and the graph, or the backend, cannot.
type UnsupportedError struct {
	Given string // what was asked for
	Want  string // what serves it
}

func (e *UnsupportedError) Error() string {
	return "gomlx: " + e.Given + " is not supported here, want " + e.Want
}

// ShapeError refuses a tensor of the wrong shape or type.
type ShapeError struct {
	Given string // the shape
	Want  string // what was expected
}

func (e *ShapeError) Error() string { return "gomlx: a tensor " + e.Given + ", want " + e.Want }

// StateError refuses a saved state that does not go with the code that uses it, or says
// that there is none.
type StateError struct {
	Scope string // of the layer
	Given string // what was found
	Want  string // what was expected
}

func (e *StateError) Error() string {
	return "gomlx: scope " + e.Scope + ": " + e.Given + ", want " + e.Want
}
