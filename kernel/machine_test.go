package kernel

import (
	"os"
	"strings"
	"testing"
)

// TestTiersAreThoseOfTheMachine fails where a tier is missing that the machine
// should have: whoever runs the tests says which in WANT_TIERS, best first.
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
