package tier

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestDisablingATierDisablesThoseThatBuildOnIt(t *testing.T) {
	all := []string{avx512, avx2, Generic}
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
		{[]string{neon, Generic}, "neon", "generic", nil},
		{[]string{neon, Generic}, "neonfp16", "neon generic", nil},
		{[]string{neonfp16, neon, Generic}, "neonfp16", "neon generic", nil},
		{[]string{neonfp16, neon, Generic}, "neon", "generic", nil},
		{[]string{neon, Generic}, "avx2", "neon generic", nil},
	} {
		var warnings strings.Builder
		left := enabled(c.tiers, c.disable, &warnings)
		warning := warnings.String()
		if got := strings.Join(left, " "); got != c.want {
			t.Errorf("%q leaves %s of %v, want %s", c.disable, got, c.tiers, c.want)
		}
		if got := strings.Count(warning, "\n"); got != len(c.unknown) {
			t.Errorf("%q warns %d times, want %d: %s", c.disable, got, len(c.unknown), warning)
		}
		for _, w := range c.unknown {
			if !strings.Contains(warning, w) || !strings.Contains(warning, Variable) || !strings.Contains(warning, "avx512, avx2, neonfp16 or neon") {
				t.Errorf("%q warns %q, which does not say %s", c.disable, warning, w)
			}
		}
	}
	if fmt.Sprint(all) != "[avx512 avx2 generic]" {
		t.Errorf("the tiers given became %v", all)
	}
}

// The variable of the environment may be as long as the system lets it be.
func TestWarningsOfLongListsAreShort(t *testing.T) {
	for what, c := range map[string]struct{ list, want string }{
		"a long name": {strings.Repeat("x", 1<<17), `"` + strings.Repeat("x", 64) + "… (131072 bytes)"},
		"many names":  {strings.Repeat("x,", 1<<16), "cannot disable 65532 other names"},
	} {
		var warnings strings.Builder
		left := enabled([]string{avx512, Generic}, c.list+",avx512", &warnings)
		if w := warnings.String(); len(w) > 1000 || !strings.Contains(w, c.want) || !slices.Equal(left, []string{Generic}) {
			t.Errorf("%s leaves %v and warns in %d bytes: %.300s", what, left, len(w), w)
		}
	}
}

func TestTiersNeedWhatTheyBuildOn(t *testing.T) {
	if len(order) == 1 {
		return // the build has one tier
	}
	for has, want := range map[[2]bool]int{{true, true}: 0, {false, true}: 1, {true, false}: 2, {false, false}: 2} {
		if got := supported(has[:]...); !slices.Equal(got, order[want:]) {
			t.Errorf("a CPU that has %v supports %v, want %v", has, got, order[want:])
		}
	}
}

func TestUseChoosesAmongTheAvailableTiers(t *testing.T) {
	before := InUse()
	defer use(before)
	tiers := Available()
	if tiers[len(tiers)-1] != Generic {
		t.Errorf("tiers %v, want generic last", tiers)
	}
	for _, tier := range tiers {
		if !Use(tier) || InUse() != tier {
			t.Errorf("Use(%s) leaves %s in use", tier, InUse())
		}
	}
	for _, tier := range []string{"", "avx1024", "GENERIC", "generic ", "avx512,avx2"} {
		if Use(tier) || InUse() != Generic {
			t.Errorf("Use(%q) succeeds, or leaves %s in use", tier, InUse())
		}
	}
	tiers[0] = "none"
	if Available()[0] == "none" {
		t.Error("a caller can write to what Available returns")
	}
}
