package main

import (
	"fmt"
	"strings"
)

// shape says which factor belongs to which element.
type shape struct {
	name       string
	pixels     bool
	fourPlanes bool // four planes in one call, which need not be neighbours
}

// elem is a type of elements.
type elem struct {
	name string // as in the kernel's name
	typ  string // Go type
	id   string // constant of package kernel
	size int    // bytes
	one  uint64 // bits of the number 1
	half bool   // computed as float32
}

// The catalogue of the core family: each operation in each shape for each type is a
// kernel. No kernel is named anywhere else.
var (
	operations = []operation{
		{"scale", mul(X, F), Zero},
		{"multiply", mul(X, F), nil},
		{"divide", div(X, F), Zero},
		{"add", add(Y, mul(X, F)), Y},
		{"addMultiply", add(Y, mul(X, F)), nil},
		{"addDivide", add(Y, div(X, F)), Y},
		{"affine", add(mul(X, F), S), S},
		{"affineMultiply", add(mul(X, F), S), nil},
		{"affineMax", relu(add(mul(X, F), S)), relu(S)},
	}
	// streamed are the operations that also have kernels that write past the cache.
	streamed = []string{"scale", "multiply", "divide"}

	shapes = []shape{
		{name: "Planes"},
		{name: "Pixels", pixels: true},
	}
	elems = []elem{
		{name: "F32", typ: "float32", id: "dtype.Float32", size: 4, one: 0x3f800000},
		{name: "F64", typ: "float64", id: "dtype.Float64", size: 8, one: 0x3ff0000000000000},
		{name: "F16", typ: "uint16", id: "dtype.Float16", size: 2, one: 0x3c00, half: true},
		{name: "BF16", typ: "uint16", id: "dtype.BFloat16", size: 2, one: 0x3f80, half: true},
	}
	// fourPlanes never drop: the planes to clear or to leave are not among the four.
	fourPlanes = []fourPlanesRow{
		{name: "multiply"},
		{name: "multiply", stream: true},
		{name: "addMultiply"},
		{name: "divide"},
		{name: "divide", stream: true},
		{name: "addDivide"},
	}
	fourPlanesShape = shape{name: "FourPlanes", fourPlanes: true}
)

// fourPlanesRow is an operation on four planes.
type fourPlanesRow struct {
	name   string
	stream bool
}

// operationOf returns the operation of a name.
func operationOf(name string) operation {
	for _, o := range operations {
		if o.name == name {
			return o
		}
	}
	panic("unknown operation " + name)
}

// kernel is one loop of the catalogue.
type kernel struct {
	family *family
	operation
	shape
	elem
	stream bool // written past the cache
}

// coreKernels returns the catalogue in the order of package kernel's constants.
func coreKernels() []kernel {
	var all []kernel
	add := func(o operation, stream bool, shapes ...shape) {
		for _, s := range shapes {
			for _, e := range elems {
				all = append(all, kernel{core, o, s, e, stream})
			}
		}
	}
	for _, o := range operations {
		add(o, false, shapes...)
	}
	for _, name := range streamed {
		add(operationOf(name), true, shapes...)
	}
	for _, b := range fourPlanes {
		add(operationOf(b.name).undropped(), b.stream, fourPlanesShape)
	}
	return all
}

// constant returns the name that package kernel has for the operation.
func (o operation) constant() string { return capital(o.name) }

// name returns the kernel's name without a tier, such as scalePlanesF32.
func (k kernel) name() string {
	name := k.operation.name
	if k.stream {
		name = "stream" + capital(name)
	}
	return name + k.shape.name + k.elem.name
}

func capital(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// signature returns the kernel's Go signature: count planes of length elements with a
// factor each, or count rows of length channels and as many factors. Operations with
// shifts take as many shifts, and kernels of four planes take where these lie.
func (k kernel) signature() string {
	if k.family != core {
		return fmt.Sprintf("func(%s *%s, count, length int)", k.family.operands, k.typ)
	}
	return fmt.Sprintf("func(dst, src, factors *%s%s, count, length int)", k.typ, map[string]string{"": "", "shifts": ", shifts *" + k.typ, "places": ", places *[14]int"}[k.extra()])
}

// extra returns the name of the argument that only some kernels have, "" if k has none.
func (k kernel) extra() string {
	switch {
	case k.shifts():
		return "shifts"
	case k.fourPlanes:
		return "places"
	}
	return ""
}

// doc returns the doc comment of the kernel on a tier: the loop that it computes and
// what its caller has to know.
func (k kernel) doc(tier string) []string {
	name := k.name() + tier
	if k.fourPlanes {
		return append([]string{name + " computes " + k.formula(choice{}) + " for four planes of length elements, each with its factor f, and clears other planes past the cache. places says where they lie, and whether to walk backward. In dst each begins on a cache line, and length is whole lines. count is 4."}, k.conditions()...)
	}
	if k.family == compact {
		return append(k.compactLoop(name), k.conditions()...)
	}
	factor := "p"
	if k.pixels {
		factor = "i"
	}
	names := map[*expr]string{X: "src[p*length+i]", Y: "dst[p*length+i]", F: "factors[" + factor + "]", S: "shifts[" + factor + "]"}
	if k.family == fused {
		names[Y], names[Z], names[A], names[L] = "dst[p*length+i]", "aux[p*length+i]", "scales["+factor+"]", "*limit"
	}
	dropped := ""
	if k.drops() {
		dropped = fmt.Sprintf(" // %s if %s is 0, whatever src holds", k.dropped.text(names), names[F])
	}
	lines := []string{
		name + " is the loop",
		"",
		"\tfor p := range count {",
		"\t\tfor i := range length {",
		"\t\t\t" + names[Y] + " = " + k.value.text(names) + dropped,
		"\t\t}",
		"\t}",
		"",
	}
	return append(lines, k.conditions()...)
}

// conditions returns what a loop does not say.
func (k kernel) conditions() []string {
	var lines []string
	if k.sums() {
		lines = append(lines, "Every operator rounds: none are fused.")
	}
	if k.family == fused {
		lines = append(lines, k.alias())
	}
	if k.half {
		lines = append(lines, "Each rounding is one to float32 and then one to "+map[string]string{"F16": "float16", "BF16": "bfloat16"}[k.elem.name]+".")
	}
	switch {
	case k.fourPlanes && k.divides():
		lines = append(lines, "No factor may be 0.")
	case k.family == compact && k.gathers():
		lines = append(lines, "dst may be src, or begin before it in the same memory. There are as many planes or channels in dst as factors that are not 0, and no others.")
	case k.family == compact:
		lines = append(lines, "src has as many planes or channels as factors are not 0, and no others. It must not overlap dst.")
	case !k.fourPlanes && !k.sums() && !k.pixels && !k.stream:
		lines = append(lines, "Where dst is src, a plane with factor 1 is not touched.")
	}
	switch {
	case k.fourPlanes && k.stream:
		lines = append(lines, "The results, too, are written past the cache.")
	case k.stream && k.pixels:
		lines = append(lines, "It writes past the cache: dst and the length of a row must be multiples of 64 bytes.")
	case k.stream:
		lines = append(lines, "It writes past the cache: dst must be aligned to its elements, a plane be 64 bytes or longer.")
	}
	if k.fourPlanes || k.stream {
		lines = append(lines, "A fence must follow.")
	}
	return lines
}
