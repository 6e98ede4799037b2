//go:build !purego

package tier

import (
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// TestTiersAreThoseThatCPUIDFinds compares the tier with what another library finds,
// feature by feature.
func TestTiersAreThoseThatCPUIDFinds(t *testing.T) {
	has := cpuid.CPU.Supports
	want := []string{Generic}
	switch order[0] {
	case avx512:
		want = supported(has(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL), has(cpuid.AVX2, cpuid.F16C))
	case neonfp16:
		want = supported(has(cpuid.ASIMDHP, cpuid.FPHP), has(cpuid.ASIMD))
	}
	if got := detect(); !slices.Equal(got, want) {
		t.Errorf("the tiers are %v, by cpuid %v", got, want)
	}
}
