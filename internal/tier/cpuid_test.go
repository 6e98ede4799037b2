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
	want := Generic
	switch has := cpuid.CPU.Supports; order[0] {
	case avx512:
		if has(cpuid.AVX2, cpuid.F16C) {
			want = avx2
			if has(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL) {
				want = avx512
			}
		}
	case neonfp16:
		if has(cpuid.ASIMD) {
			want = neon
			if has(cpuid.ASIMDHP, cpuid.FPHP) {
				want = neonfp16
			}
		}
	}
	if got := detect(); got != want {
		t.Errorf("the best tier is %s, cpuid says %s", got, want)
	}
	if got := from(want); got[0] != want || !slices.Contains(got, Generic) {
		t.Errorf("from %s down there are %v", want, got)
	}
}
