package kernel

import (
	"fmt"
	"strings"
	"testing"
)

func TestDisablingATierDisablesThoseThatBuildOnIt(t *testing.T) {
	all := []string{tierAVX512, tierAVX2, tierGeneric}
	for _, c := range []struct {
		tiers   []string
		disable string
		want    string
		unknown []string
	}{
		{all, "", "avx512 avx2 generic", nil},
		{all, "avx512", "avx2 generic", nil},
		{all, "avx2", "generic", nil},
		{all, "avx512,avx2", "generic", nil},
		{all, "avx2,avx512", "generic", nil},
		{all, " AVX512 , ", "avx2 generic", nil},
		{all, "neon", "avx512 avx2 generic", nil},
		{all, ",,,", "avx512 avx2 generic", nil},
		{all, "generic", "avx512 avx2 generic", []string{`"generic"`}},
		{all, "sse,avx2,generic", "generic", []string{`"sse"`, `"generic"`}},
		{all, "avx512 avx2", "avx512 avx2 generic", []string{`"avx512 avx2"`}},
		{all, "avx", "avx512 avx2 generic", []string{`"avx"`}},
		{all[1:], "avx512", "avx2 generic", nil},
		{all[2:], "avx2", "generic", nil},
		{[]string{tierNEON, tierGeneric}, "neon", "generic", nil},
		{[]string{tierNEON, tierGeneric}, "neonfp16", "neon generic", nil},
		{[]string{tierNEONFP16, tierNEON, tierGeneric}, "neonfp16", "neon generic", nil},
		{[]string{tierNEONFP16, tierNEON, tierGeneric}, "neon", "generic", nil},
		{[]string{tierNEON, tierGeneric}, "avx2", "neon generic", nil},
	} {
		var left []string
		warning := reported(t, func() { left = enabled(c.tiers, c.disable) })
		if got := strings.Join(left, " "); got != c.want {
			t.Errorf("%q leaves %s of %v, want %s", c.disable, got, c.tiers, c.want)
		}
		if got := strings.Count(warning, "\n"); got != len(c.unknown) {
			t.Errorf("%q warns %d times, want %d: %s", c.disable, got, len(c.unknown), warning)
		}
		for _, w := range c.unknown {
			if !strings.Contains(warning, w) || !strings.Contains(warning, disableVariable) || !strings.Contains(warning, "avx512, avx2, neonfp16 or neon") {
				t.Errorf("%q warns %q, which does not say %s", c.disable, warning, w)
			}
		}
	}
	if fmt.Sprint(all) != "[avx512 avx2 generic]" {
		t.Errorf("the tiers given became %v", all)
	}
}

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
