//go:build !purego

package tier

import (
	"runtime"
	"slices"
	"testing"

	other "github.com/klauspost/cpuid/v2"
)

// TestTiersAreThoseThatCPUIDFinds compares the tier with what another library finds,
// feature by feature.
func TestTiersAreThoseThatCPUIDFinds(t *testing.T) {
	has := other.CPU.Supports
	want := []string{Generic}
	switch order[0] {
	case avx512:
		want = supported(has(other.AVX512F, other.AVX512BW, other.AVX512DQ, other.AVX512VL), has(other.AVX2, other.POPCNT, other.F16C))
	case neonfp16:
		want = supported(has(other.ASIMDHP, other.FPHP), has(other.ASIMD))
	}
	if got := detect(); !slices.Equal(got, want) {
		t.Errorf("the tiers are %v, by cpuid %v", got, want)
	}
}

// TestProcessorIsThatWhichCPUIDFinds compares family and largest cache with what another
// library finds.
func TestProcessorIsThatWhichCPUIDFinds(t *testing.T) {
	got := ThisProcessor()
	t.Logf("%+v", got)
	if runtime.GOARCH != "amd64" {
		if got != (Processor{}) {
			t.Errorf("%+v, want the zero Processor", got)
		}
		return
	}
	want := Processor{other.CPU.VendorString, other.CPU.Family, max(0, other.CPU.Cache.L1D, other.CPU.Cache.L2, other.CPU.Cache.L3)}
	if got != want {
		t.Errorf("%+v, by cpuid %+v", got, want)
	}
}
