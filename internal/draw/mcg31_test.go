package draw

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// mcg31Oracle returns number i of the sequence of MCG31m1 that begins with x.
func mcg31Oracle(x uint32, i uint64) uint32 {
	modulus := big.NewInt(1<<31 - 1)
	power := new(big.Int).Exp(big.NewInt(1132489760), new(big.Int).SetUint64(i), modulus)
	power.Mul(power, big.NewInt(int64(x)))
	return uint32(power.Mod(power, modulus).Uint64())
}

func checkMCG31(t *testing.T, length int, x uint32, from uint64, threshold uint32) {
	t.Helper()
	bits, whole := guarded(length)
	MCG31(bits, x, from, threshold)
	number := mcg31Oracle(x, from)
	for i := range 64 * length {
		want := uint64(0)
		if number < threshold {
			want = 1
		}
		if got := bits[i/64] >> (i % 64) & 1; got != want {
			t.Fatalf("%d words of bits, x %d, from %d, threshold %d: trial %d with number %d is %d, want %d", length, x, from, threshold, i, number, got, want)
		}
		number = uint32(uint64(number) * 1132489760 % (1<<31 - 1))
	}
	if !whole() {
		t.Fatalf("%d words: wrote outside them", length)
	}
}

func TestMCG31PowersMatchTheOracle(t *testing.T) {
	for i, p := range mcg31Powers {
		if want := mcg31Oracle(1, uint64(i)); p != want {
			t.Errorf("power %d is %d, want %d", i, p, want)
		}
	}
	if want := mcg31Oracle(1, 64*mcg31Call); mcg31Skip != want {
		t.Errorf("a call advances by %d, want %d", mcg31Skip, want)
	}
}

func TestMCG31MatchesTheOracle(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 9))
		for _, threshold := range []uint32{0, 1, 2, 1 << 29, 1 << 30, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
			for _, x := range []uint32{0, 1, 2, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<32 - 1, r.Uint32()} {
				checkMCG31(t, 1+r.IntN(3), x, r.Uint64()>>r.IntN(64), threshold)
			}
		}
		for length := 0; length < 20; length++ {
			checkMCG31(t, length, r.Uint32(), uint64(length), r.Uint32()>>1)
		}
		for _, length := range []int{mcg31Call - 1, mcg31Call, mcg31Call + 1, 2*mcg31Call + 3} {
			checkMCG31(t, length, r.Uint32(), r.Uint64(), r.Uint32()>>1)
		}
	})
}
