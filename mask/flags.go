package mask

import (
	"fmt"
	"slices"
)

// Flag sets how a program of another framework draws, where that is not the default.
type Flag uint8

const (
	// Fold folds the number of every step into the key of [JAX] or [Linen], that of step 0
	// as well.
	Fold Flag = iota
	// X64 draws like JAX with jax_enable_x64: the two words of a block are the halves of a
	// number, high half first, of which the upper 52 bits are compared with 1−rate.
	X64
	// Original draws like JAX with jax_threefry_partitionable=False, the default before
	// v0.5: the trials of a batch are cut into halves, and trial i of the first half and
	// trial i of the second are the two words of the block with counter (i, i+half). With
	// X64 the counter is (i, i+trials of the batch). So trials depend on the size of the
	// batch, see [Shard.Samples]. Batches of 2³² trials or more were not compared with JAX.
	Original
	// XLA draws what a function of [TensorFlow] draws that XLA compiles
	// (jit_compile=True, with the default rng_alg): 23 other bits for float32, the same 23 for
	// bfloat16, and 52 other bits for float64. Only the lower 32 bits of each number of the
	// seed count.
	XLA
)

// flagNames are the flags as [ParseStream] reads them.
var flagNames = [...]string{"fold", "x64", "original", "xla"}

// flagSet holds flags: bit f is that of Flag f.
type flagSet uint8

// flagsOf returns the set of flags, all of which must be among those that the stream
// knows.
func flagsOf(stream string, flags []Flag, known ...Flag) (flagSet, error) {
	var set flagSet
	for _, f := range flags {
		if !slices.Contains(known, f) {
			return 0, streamError(stream, "one of "+namesOf(known), "flag %s", nameOf(f))
		}
		set |= 1 << f
	}
	return set, nil
}

func nameOf(f Flag) string {
	if int(f) < len(flagNames) {
		return flagNames[f]
	}
	return fmt.Sprint(uint8(f))
}

func namesOf(flags []Flag) string {
	s := ""
	for i, f := range flags {
		if i > 0 {
			s += ", "
		}
		s += nameOf(f)
	}
	return s
}

func (s flagSet) has(f Flag) bool { return s>>f&1 == 1 }

// String returns the flags as they follow a seed: "/fold/x64".
func (s flagSet) String() string {
	text := ""
	for f, name := range flagNames {
		if s.has(Flag(f)) {
			text += "/" + name
		}
	}
	return text
}
