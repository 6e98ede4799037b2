package kernel

import (
	"os"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// TestTiersAreThoseOfTheMachine fails if a tier is missing that the machine has. WANT_TIERS
// in the environment lists them, best first.
func TestTiersAreThoseOfTheMachine(t *testing.T) {
	got := strings.Join(Tiers(), ",")
	t.Logf("%v: tiers %s, in use %s", ThisCPU(), got, Tier())
	if want := os.Getenv("WANT_TIERS"); want != "" && got != want {
		t.Errorf("tiers %s, want %s", got, want)
	}
	if Tier() != Tiers()[0] {
		t.Errorf("tier %s is in use, want the best one, %s", Tier(), Tiers()[0])
	}
}

func TestCPUsAreNamed(t *testing.T) {
	c := CPU{Name: "Pentium", L1: 8 << 10, L2: 256 << 10, L3: 3 << 20}
	if got, want := c.String(), "Pentium (L1 8 KiB, L2 256 KiB, L3 3072 KiB)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	here := ThisCPU()
	if brand := cpuid.CPU.BrandName; brand != "" && here.Name != brand {
		t.Errorf("this CPU is %q, want %q", here.Name, brand)
	}
	if here.Name == "" || here.L1 < 0 || here.L2 < 0 || here.L3 < 0 {
		t.Errorf("this CPU is %+v", here)
	}
}
