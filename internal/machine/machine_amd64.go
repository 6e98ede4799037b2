//go:build !purego

package machine

// poisonVectors fills Y0 to Y15 with NaNs. With avx512 it fills Z0 to Z31 with NaNs and
// the masks with ones. The CPU must have AVX2, or AVX512F and AVX512BW.
func poisonVectors(avx512 bool)

// upperHalves returns the upper halves of Y0 to Y15, which are 0 after VZEROUPPER. The
// CPU must have AVX2.
func upperHalves() (all [16][2]uint64)

// inUse returns which parts of its state the processor reports to be in use: bit 2 are
// the upper halves of Y0 to Y15, bit 6 those of Z0 to Z15. The CPU must have XGETBV with
// ECX 1, see tellsInUse.
func inUse() uint64

// tellsInUse reports whether inUse may be called.
func tellsInUse() bool

// clearUpperHalves executes VZEROUPPER.
func clearUpperHalves()

// reverseDirection sets the direction flag, reads the state and clears the flag again.
func reverseDirection() state

// read returns the state of the caller.
func read() state
