//go:build !purego

package machine

// Poison fills Y0 to Y15 with numbers that are no numbers, or with avx512 Z0 to Z31,
// and the masks with ones. The CPU must have AVX2, or AVX512F and AVX512BW.
func Poison(avx512 bool)

// UpperHalves returns those of Y0 to Y15, zero behind VZEROUPPER. The CPU must have
// AVX2.
func UpperHalves() (all [16][2]uint64)

// InUse returns which parts of its state the processor says are in use: bit 2 the
// upper halves of Y0 to Y15, bit 6 those of Z0 to Z15. The CPU must have XGETBV with
// ECX 1.
func InUse() uint64

// TellsInUse reports whether [InUse] may be asked.
func TellsInUse() bool

// ClearUpperHalves is VZEROUPPER.
func ClearUpperHalves()

// ReverseDirection sets the direction flag and reads the state with it, to see that
// [Read] sees it.
func ReverseDirection() State

// Read returns the state of the caller.
func Read() State
