package kernel

import (
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// Tier returns the name of the tier in use: "avx512", "avx2", "neonfp16", "neon",
// or "generic", which is plain Go.
//
// When the program starts, the best tier is chosen that the CPU and the operating
// system support. SPATIALDROPOUT_DISABLE=avx512,avx2 in the environment disables
// tiers, and with each one the tiers that build on it: without avx2 there is no
// avx512. An unknown name is reported on standard error. The build tag purego
// leaves out all assembly.
func Tier() string { return tier.InUse() }

// Tiers returns the names of the tiers that can be used on this machine, best
// first. The last one is always "generic".
func Tiers() []string { return tier.Available() }

// SetTier makes all later calls use the named tier. It is meant for tests and
// benchmarks and must not run while a kernel runs. It returns an [*ArgumentError],
// and the tier in use stays, if [Tiers] does not list the name.
func SetTier(name string) error {
	if !tier.Use(name) {
		return refused("name", "one of "+strings.Join(tier.Available(), ", "), "tier %s is not available", excerpt.Quote(name))
	}
	return nil
}
