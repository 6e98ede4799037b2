//go:build !purego

package machine

// Poison fills the vector registers with numbers that are no numbers.
func Poison()

// Read returns the state of the caller.
func Read() State
