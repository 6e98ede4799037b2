package machine

import (
	"os"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// EveryTier runs a test on each tier of this machine, in a subtest of its name.
func EveryTier(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	EachTier(func(tier string) { t.Run(tier, test) })
}

// EachTier calls f on each tier of this machine. In fuzz targets the subtests of
// [EveryTier] would take longer than the code under test.
func EachTier(f func(tier string)) {
	defer Use(tier.InUse())
	for _, t := range tier.Available() {
		Use(t)
		f(t)
	}
}

// Use makes the named tier the one in use, which must be available.
func Use(name string) {
	if !tier.Use(name) {
		panic("machine: tier " + name + " is not available")
	}
}

// CheckTiers fails unless the tiers are those that WANT_TIERS in the environment
// lists, best first. The variable is set by those who know the machine.
func CheckTiers(t *testing.T) {
	got := strings.Join(tier.Available(), ",")
	t.Logf("tiers %s, in use %s", got, tier.InUse())
	if want := os.Getenv("WANT_TIERS"); want != "" && got != want {
		t.Errorf("tiers %s, want %s", got, want)
	}
	if best := tier.Available()[0]; tier.InUse() != best {
		t.Errorf("tier %s is in use, want the best one, %s", tier.InUse(), best)
	}
}
