package main

// call is one call of a kernel in the traced program. This file is part of that program
// and of the command.
type call struct {
	inPlace, dropped bool
	count, length    int
}

// The lengths of planes and rows.
const (
	long  = 2048
	short = 7 * 7
)

// calls returns pairs of calls, the second with twice as much work as the first. The
// difference of a pair excludes what a kernel does once per call.
func calls() []call {
	var all []call
	for _, inPlace := range []bool{false, true} {
		for _, dropped := range []bool{false, true} {
			all = append(all,
				call{inPlace, dropped, 1, long}, call{inPlace, dropped, 1, 2 * long},
				call{inPlace, dropped, 16, short}, call{inPlace, dropped, 32, short})
		}
	}
	return all
}
