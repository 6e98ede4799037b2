package main

import "fmt"

// A compacting kernel moves the planes, or the channels of rows, whose factor is not 0, to
// the ones that lie densely, or back. gather reads every plane and writes the kept
// ones, scatter and scatterAdd read as many planes as are kept.

// describeCompact fills the table of compacting operations.
func describeCompact() {
	compact.operations = []operation{
		{"gather", mul(X, F), None},
		{"scatter", mul(X, F), Zero},
		{"scatterAdd", add(Y, mul(X, F)), Y},
	}
	streamed := map[string][]shape{"gather": shapes[:1], "scatter": shapes[:1]}
	compact.kernels = func() []kernel { return compact.kernelsOf(streamed) }
	compact.written = func(tier, kernel) bool { return false }
	compact.doc = "The compactions. f is the factor of a plane or of a channel. One whose factor is 0 is dropped, and the others are kept, in order. On the dense side there are the kept ones only. x is an element of src and y the element of dst. Each product and sum is rounded, none is fused."
	compact.entry = func(o operation) string {
		return fmt.Sprintf(", gathers: %v, adds: %v", o.dropped == None, o.readsDst())
	}
}
