package main

// call is one call of a kernel in the program that is traced, of which this file
// is a part as well.
type call struct {
	inPlace, dropped bool
	count, length    int
}

// The lengths of planes and rows.
const (
	long  = 2048
	short = 7 * 7
)

// calls come in pairs, the second twice as much work as the first: their
// difference is free of what a kernel does once a call.
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
