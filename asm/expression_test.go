package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestWhatCodeNeedsFollowsFromExpressions(t *testing.T) {
	for _, c := range []struct {
		operation              operation
		formula, needs, stages string
	}{
		{operation{"", mul(X, F), Zero}, "y = x * f; where f = 0: y = 0", "drops", "* f"},
		{operation{"", mul(X, F), nil}, "y = x * f", "", "* f"},
		{operation{"", div(X, F), Zero}, "y = x / f; where f = 0: y = 0", "drops divides", "/ f"},
		{operation{"", add(Y, div(X, F)), Y}, "y = y + x / f; where f = 0: y = y", "drops reads divides sums", "/ f + y"},
		{operation{"", add(mul(X, F), S), S}, "y = x * f + s; where f = 0: y = s", "drops shifts sums", "* f + s"},
		{operation{"", relu(add(mul(X, F), S)), relu(S)}, "y = max(x * f + s, 0); where f = 0: y = max(s, 0)", "drops shifts sums rectifies clears", "* f + s max 0"},
		{operation{"", relu(add(mul(X, F), S)), nil}, "y = max(x * f + s, 0)", "shifts sums rectifies", "* f + s max 0"},
		{operation{"", mul(clipped(add(mul(X, A), S)), F), Zero}, "y = clip(x * a + s, l) * f; where f = 0: y = 0", "drops shifts sums", "* a + s clip l * f"},
		{operation{"", add(Z, mul(add(mul(X, A), S), F)), Z}, "y = z + (x * a + s) * f; where f = 0: y = z", "drops aux shifts sums", "* a + s * f + z"},
		{operation{"", mul(gated(mul(X, F), add(mul(Z, A), S), L), A), Zero}, "y = gate(x * f, z * a + s, l) * a; where f = 0: y = 0", "drops aux shifts sums", "* f gate l * a"},
		{operation{"", mul(sloped(mul(X, F), Z), A), Zero}, "y = slope(x * f, z, l) * a; where f = 0: y = 0", "drops aux sums", "* f slope l * a"},
	} {
		o := c.operation
		if got := o.formula(choice{drop: o.drops()}); got != c.formula {
			t.Errorf("%s: the formula is %q", c.formula, got)
		}
		var needs, stages []string
		for name, is := range map[string]bool{"drops": o.drops(), "reads": o.readsDst(), "aux": o.readsAux(), "shifts": o.shifts(), "divides": o.divides(), "sums": o.sums(), "rectifies": o.rectifies(), "clears": o.clearsX()} {
			if is != strings.Contains(c.needs, name) {
				needs = append(needs, name)
			}
		}
		if len(needs) > 0 {
			t.Errorf("%s: is wrong about %v", c.formula, needs)
		}
		for _, s := range o.value.chain() {
			stages = append(stages, string(s.operator), s.leaf.leaf)
		}
		if got := strings.Join(stages, " "); got != c.stages {
			t.Errorf("%s: the stages are %q, want %q", c.formula, got, c.stages)
		}
		if o.undropped().drops() || !reflect.DeepEqual(o.undropped().value, o.value) {
			t.Errorf("%s: without dropping it is %s", c.formula, o.undropped().formula(choice{}))
		}
	}
}

func TestExpressionsThatAreNoChainPanic(t *testing.T) {
	for _, e := range []*expr{F, mul(F, S), div(F, X), add(mul(X, F), mul(X, S)), clipped(Z), sloped(mul(Z, F), X)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has stages %v", e.text(nil), e.chain())
				}
			}()
			e.chain()
		}()
	}
}

// TestTiersTakeFromTheNextWhatTheyLack checks which tier does some kernels.
func TestTiersTakeFromTheNextWhatTheyLack(t *testing.T) {
	for name, want := range map[string]string{
		"scalePlanesF32":        "scalePlanesF32AVX512 scalePlanesF32AVX2 scalePlanesF32NEON scalePlanesF32NEON",
		"scalePixelsF16":        "scalePixelsF16AVX512 scalePixelsF16AVX2 scalePixelsF16NEONFP16 scalePixelsF16NEON",
		"streamScalePlanesF64":  "streamScalePlanesF64AVX2 streamScalePlanesF64AVX2 scalePlanesF64NEON scalePlanesF64NEON",
		"streamScalePlanesBF16": "streamScalePlanesBF16AVX512 streamScalePlanesBF16AVX2 scalePlanesBF16NEON scalePlanesBF16NEON",
		"divideFourPlanesF32":   "divideFourPlanesF32AVX2 divideFourPlanesF32AVX2  ",
	} {
		for _, k := range coreKernels() {
			if k.name() != name {
				continue
			}
			var got []string
			for _, tier := range append(names(tiers["amd64"]), names(tiers["arm64"])...) {
				got = append(got, k.symbol(tier))
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("%s is done by %q, want %q", name, got, want)
			}
			want = ""
		}
		if want != "" {
			t.Errorf("the catalogue has no %s", name)
		}
	}
}
