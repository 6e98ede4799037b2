package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

func TestSetTierChoosesAmongTheTiersHere(t *testing.T) {
	before := Tier()
	defer machine.Use(before)
	tiers := Tiers()
	if tiers[len(tiers)-1] != tier.Generic {
		t.Errorf("tiers %v, want generic last", tiers)
	}
	for _, name := range tiers {
		if err := SetTier(name); err != nil || Tier() != name {
			t.Errorf("SetTier(%s): %v, in use %s", name, err, Tier())
		}
	}
	for _, name := range []string{"", "avx1024", "GENERIC", "generic ", "avx512,avx2"} {
		err := SetTier(name)
		if !Refuses(err, Argument("name")) {
			t.Errorf("SetTier(%q): %v, want an *ArgumentError of the name", name, err)
			continue
		}
		for _, w := range append(Tiers(), fmt.Sprintf("%q", name), "want one of") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("SetTier(%q): %q does not say %q", name, err, w)
			}
		}
		if Tier() != tier.Generic {
			t.Errorf("SetTier(%q) failed and left %s in use", name, Tier())
		}
	}
	tiers[0] = "none"
	if Tiers()[0] == "none" {
		t.Error("a caller can write to what Tiers returns")
	}
}

func TestOperationNames(t *testing.T) {
	for op, want := range map[Op]string{Scale: "Scale", Multiply: "Multiply", Divide: "Divide", Add: "Add", AddMultiply: "AddMultiply", AddDivide: "AddDivide", Affine: "Affine", AffineMultiply: "AffineMultiply", AffineMax: "AffineMax", Copy: "Copy", 99: "Op(99)"} {
		if op.String() != want {
			t.Errorf("operation %d is called %s, want %s", uint8(op), op, want)
		}
	}
}
