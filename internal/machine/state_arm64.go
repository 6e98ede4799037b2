//go:build !purego

package machine

func poison() { poisonVectors() }

// leaves has nothing to say: no function of Go expects anything of a vector register.
func leaves() string { return "" }
