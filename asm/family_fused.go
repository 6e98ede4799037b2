package main

import (
	"fmt"
	"strings"
)

// A fused kernel computes what lies between two layers in one pass: a scale and a shift,
// which are a bias or a folded normalisation, an activation, dropout, and a sum with
// what goes around the layer. Those whose names begin with grad compute the gradient.

func clipped(t *expr) *expr   { return &expr{op: clipping, a: t, b: L} }
func leaked(t *expr) *expr    { return &expr{op: leaking, a: t, b: L} }
func sloped(g, t *expr) *expr { return &expr{op: sloping, a: g, b: L, of: t} }

func gated(g, t, l *expr) *expr { return &expr{op: gating, a: g, b: l, of: t} }

// describeFused fills the table of fused operations.
func describeFused() {
	in, from := add(mul(X, A), S), add(mul(Z, A), S)
	linear, rectified, leaky := mul(in, F), mul(clipped(in), F), mul(leaked(in), F)
	fused.operations = []operation{
		{"fuse", linear, Zero},
		{"fuseReLU", rectified, Zero},
		{"fuseLeaky", leaky, Zero},
		{"fuseAdd", add(Z, linear), Z},
		{"fuseReLUAdd", add(Z, rectified), Z},
		{"fuseLeakyAdd", add(Z, leaky), Z},
		{"grad", mul(mul(X, F), A), Zero},
		{"gradReLU", mul(gated(mul(X, F), from, L), A), Zero},
		{"gradLeaky", mul(sloped(mul(X, F), from), A), Zero},
		{"gradReLUOut", mul(gated(mul(X, F), Z, Inf), A), Zero},
		{"gradLeakyOut", mul(sloped(mul(X, F), Z), A), Zero},
	}
	// Half of 56×56 float32 dropped, 103 MB, Zen 5: planes of the gradients, and of sums, are 1.25 to 1.35 times
	// as fast past the cache, rows of 256 channels 1.25 to 1.5 times. Those of leaky ones are rare.
	streamed := map[string][]shape{}
	for _, name := range []string{"fuse", "fuseReLU", "fuseLeaky", "fuseAdd", "fuseReLUAdd", "grad", "gradReLU", "gradReLUOut"} {
		streamed[name] = shapes
	}
	fused.kernels = func() []kernel { return fused.kernelsOf(streamed) }
	fused.written = func(tier, kernel) bool { return true }
	fused.doc = "The formulas. x is an element of src, z the element of aux, y the element of dst. f is the factor, a the scale and s the shift of its channel, and l is the limit, one number for all. Each product and sum is rounded, none is fused. clip(t, l) is +0 where t <= 0, l where t > l, and t elsewhere, NaN among it. leaky(t, l) is t where t > 0, and l * t elsewhere. gate(g, t, l) is +0 where t <= 0 or t >= l, and g elsewhere, also where t is a NaN. An infinite l limits nothing. slope(g, t, l) is g where t > 0, and l * g elsewhere."
	fused.entry = func(o operation) string {
		activation := "linear"
		switch {
		case o.value.applies(clipping) || o.value.applies(gating):
			activation = "clipped"
		case o.value.applies(leaking) || o.value.applies(sloping):
			activation = "leaking"
		}
		return fmt.Sprintf(", activation: %s, backward: %v, aux: %v, shifts: %v, limit: %v", activation, strings.HasPrefix(o.name, "grad"), o.value.has(Z), o.value.has(S), o.value.has(L))
	}
}

// alias says which operands dst may be, and what the operators are that Go lacks.
func (k kernel) alias() string {
	text := "dst may be src"
	if k.readsAux() {
		text += " or aux"
	}
	for _, o := range []operator{clipping, leaking, gating, sloping} {
		if k.value.applies(o) {
			return text + ". See [" + k.family.constant(k.operation) + "] for " + string(o) + "."
		}
	}
	return text + "."
}
