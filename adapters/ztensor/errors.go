package ztensor

// TensorError refuses a tensor. Nothing has been written, and no step of the random stream is
// spent.
type TensorError struct {
	Given string // what was passed
	Want  string // what would have been taken
}

func (e *TensorError) Error() string {
	return "ztensor: spatial dropout of " + e.Given + ", want " + e.Want
}
