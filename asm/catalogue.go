package main

import (
	"fmt"
	"strings"
)

// shape is how elements and factors belong together.
type shape struct {
	name       string
	pixels     bool
	fourPlanes bool // four planes in one call, which need not be neighbours
}

// elem is a type of data.
type elem struct {
	name string // as in the kernel's name
	typ  string // Go type
	id   string // constant of package kernel
	size int    // bytes
	one  uint64 // bits of the number 1
	half bool   // computed as float32
}

// A row here is a kernel on every tier: nothing else names one.
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
	}
	// streamed are the operations that also have kernels that write past the cache.
	streamed = []string{"scale", "multiply", "divide"}

	shapes = []shape{
		{name: "Planes"},
		{name: "Pixels", pixels: true},
	}
	elems = []elem{
		{name: "F32", typ: "float32", id: "f32", size: 4, one: 0x3f800000},
		{name: "F64", typ: "float64", id: "f64", size: 8, one: 0x3ff0000000000000},
		{name: "F16", typ: "uint16", id: "f16", size: 2, one: 0x3c00, half: true},
		{name: "BF16", typ: "uint16", id: "bf16", size: 2, one: 0x3f80, half: true},
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
	operation
	shape
	elem
	stream bool // written past the cache
}

// kernels returns the catalogue in the order of package kernel's constants.
func kernels() []kernel {
	var all []kernel
	add := func(o operation, stream bool, shapes ...shape) {
		for _, s := range shapes {
			for _, e := range elems {
				all = append(all, kernel{o, s, e, stream})
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

// signature is that of every kernel: count planes of length elements with a
// factor each, or count rows of length channels and as many factors. Affine
// kernels take as many shifts, kernels of four planes what says where these lie.
func (k kernel) signature() string {
	return fmt.Sprintf("func(dst, src, factors *%s%s, count, length int)", k.typ, map[string]string{"": "", "shifts": ", shifts *" + k.typ, "places": ", places *[13]int"}[k.extra()])
}

// extra names the argument that only some kernels have.
func (k kernel) extra() string {
	switch {
	case k.shifts():
		return "shifts"
	case k.fourPlanes:
		return "places"
	}
	return ""
}

// doc returns the doc comment of the kernel on a tier: the loop that it stands
// for and its exact semantics.
func (k kernel) doc(tier string) []string {
	name := k.name() + tier
	verb, result := "multiplies", "product"
	if k.divides() {
		verb, result = "divides", "quotient"
	}
	if k.fourPlanes {
		lines := []string{name + " " + verb + " four planes of length elements, one factor each, and clears others past the cache, as places say. In dst all begin on a cache line, and length is whole lines. count is 4. A fence must follow."}
		if k.readsDst() {
			lines = append(lines, "The "+result+"s are added to dst, rounded separately.")
		}
		if k.divides() {
			lines = append(lines, "No factor may be 0.")
		}
		if k.stream {
			lines = append(lines, "The "+result+"s, too, are written past the cache.")
		}
		return lines
	}
	factor := "p"
	if k.pixels {
		factor = "i"
	}
	names := map[*expr]string{X: "src[p*length+i]", Y: "dst[p*length+i]", F: "factors[" + factor + "]", S: "shifts[" + factor + "]"}
	lines := []string{
		name + " is the loop",
		"",
		"\tfor p := range count {",
		"\t\tfor i := range length {",
		"\t\t\t" + names[Y] + " = " + k.value.text(names),
		"\t\t}",
		"\t}",
		"",
	}
	switch {
	case k.readsDst() && k.drops():
		lines = append(lines, "where a factor 0 leaves dst as it is, and "+result+" and sum are rounded separately.")
	case k.shifts() && k.drops():
		lines = append(lines, "where a factor 0 gives the shift whatever src holds, and product and sum are rounded separately.")
	case k.readsDst(), k.shifts():
		lines = append(lines, "where product and sum are rounded separately.")
	case k.drops():
		lines = append(lines, "where a factor 0 gives +0 whatever src holds.")
	default:
		lines = append(lines, "with the IEEE product also where a factor is 0.")
	}
	if k.half {
		lines = append(lines, "Each rounding is one of float32 and then one to "+map[string]string{"F16": "float16", "BF16": "bfloat16"}[k.elem.name]+".")
	}
	if !k.readsDst() && !k.shifts() && !k.pixels && !k.stream {
		lines = append(lines, "Where dst is src, a plane with factor 1 is not changed.")
	}
	if k.stream && k.pixels {
		lines = append(lines, "Writes past the cache: dst and the length of a row must be multiples of 64 bytes. A fence must follow.")
	} else if k.stream {
		lines = append(lines, "Writes past the cache: dst must be aligned to its elements, a plane be 64 bytes or longer. A fence must follow.")
	}
	return lines
}
