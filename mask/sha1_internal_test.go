package mask

import (
	standard "crypto/sha1"
	"math/rand/v2"
	"testing"
)

// Padding and length take one block more or two: all lengths around that are tested.
func TestSHA1IsThatOfTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	lengths := []int{1000, 4095, 65535, 65536, len(data)}
	for n := range 300 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		if got, want := sha1(data[:n]), standard.Sum(data[:n]); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
	}
}
