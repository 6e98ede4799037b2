package kernel

import (
	"fmt"
	"strings"
	"testing"
)

func TestSetTierChoosesAmongTheTiersHere(t *testing.T) {
	before := Tier()
	defer use(before)
	tiers := Tiers()
	if tiers[len(tiers)-1] != tierGeneric {
		t.Errorf("tiers %v, want generic last", tiers)
	}
	for _, tier := range tiers {
		if err := SetTier(tier); err != nil || Tier() != tier {
			t.Errorf("SetTier(%s): %v, in use %s", tier, err, Tier())
		}
	}
	for _, tier := range []string{"", "avx1024", "GENERIC", "generic ", "avx512,avx2"} {
		err := SetTier(tier)
		if err == nil {
			t.Errorf("SetTier(%q): no error", tier)
			continue
		}
		for _, w := range append(Tiers(), fmt.Sprintf("%q", tier), "want one of") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("SetTier(%q): %q does not say %q", tier, err, w)
			}
		}
		if Tier() != tierGeneric {
			t.Errorf("SetTier(%q) failed and left %s in use", tier, Tier())
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
