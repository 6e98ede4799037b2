package spago

import (
	"fmt"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
)

// InputError refuses matrices, or a gradient. Nothing has been drawn or written.
type InputError struct {
	Index int    // of the matrix, −1 if all of them are meant
	Given string // what was given
	Want  string // what was expected
}

func (e *InputError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("spago: %s, want %s", e.Given, e.Want)
	}
	return fmt.Sprintf("spago: matrix %d is of %s, want %s", e.Index, e.Given, e.Want)
}

// fail ends the process as an operator of spago does that cannot compute its value.
func fail(err error) { ag.NewOperator(failure{err}).Run() }

// failure is a function without a value.
type failure struct{ err error }

func (f failure) Forward() (mat.Tensor, error) { return nil, f.err }
func (f failure) Backward(mat.Tensor) error    { return f.err }
func (f failure) Operands() []mat.Tensor       { return nil }
