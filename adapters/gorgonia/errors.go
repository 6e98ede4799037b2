package gorgonia

// TensorError refuses a node, a value or a tensor. Nothing has been written, and no step of
// the random stream is spent.
type TensorError struct {
	Given string // what was passed
	Want  string // what would have been taken
}

func (e *TensorError) Error() string {
	return "gorgonia: spatial dropout of " + e.Given + ", want " + e.Want
}

// GradientError refuses the gradient of an output that no forward pass of the node has made,
// or that was made so long ago that it is forgotten. Nothing has been written.
type GradientError struct{ Op string }

func (e *GradientError) Error() string {
	return "gorgonia: the gradient of " + e.Op + " for an output that it has not made, want one of its own forward pass"
}
