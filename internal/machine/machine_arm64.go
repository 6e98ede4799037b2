//go:build !purego

package machine

// poisonVectors fills the vector registers with NaNs.
func poisonVectors()

// read returns the state of the caller.
func read() state
