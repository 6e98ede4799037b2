package main

import "fmt"

// op is an operation of a kernel. Y stands for dst, X for src, F for the factor.
type op struct {
	name   string // as in the kernel's name
	op     string // constant of package kernel
	add    bool   // Y + X·F instead of X·F
	choose bool   // F = 0 drops the element: +0, or Y as it was
	stream bool   // written past the cache
}

// shape is how elements and factors belong together.
type shape struct {
	name   string
	pixels bool
}

// elem is a type of data.
type elem struct {
	name string // as in the kernel's name
	typ  string // Go type
	id   string // constant of package kernel
	size int    // bytes
	one  uint64 // bits of the number 1
}

// A row here is a kernel on every tier: nothing else names one.
var (
	ops = []op{
		{name: "scale", op: "Scale", choose: true},
		{name: "multiply", op: "Multiply"},
		{name: "add", op: "Add", add: true, choose: true},
		{name: "addMultiply", op: "AddMultiply", add: true},
		{name: "streamScale", op: "Scale", choose: true, stream: true},
		{name: "streamMultiply", op: "Multiply", stream: true},
	}
	shapes = []shape{
		{name: "Planes"},
		{name: "Pixels", pixels: true},
	}
	elems = []elem{
		{name: "F32", typ: "float32", id: "f32", size: 4, one: 0x3f800000},
		{name: "F64", typ: "float64", id: "f64", size: 8, one: 0x3ff0000000000000},
	}
)

// kernel is one loop of the catalogue.
type kernel struct {
	op
	shape
	elem
}

// kernels returns the catalogue in the order of package kernel's constants.
func kernels() []kernel {
	var all []kernel
	for _, o := range ops {
		for _, s := range shapes {
			for _, e := range elems {
				all = append(all, kernel{o, s, e})
			}
		}
	}
	return all
}

// name returns the kernel's name without a tier, such as scalePlanesF32.
func (k kernel) name() string { return k.op.name + k.shape.name + k.elem.name }

// signature is that of every kernel: count planes of length elements with a
// factor each, or count rows of length channels and as many factors.
func (k kernel) signature() string {
	return fmt.Sprintf("func(dst, src, factors *%s, count, length int)", k.typ)
}

// doc returns the doc comment of the kernel on a tier: the loop that it stands
// for and its exact semantics.
func (k kernel) doc(tier string) []string {
	factor := "factors[p]"
	lines := []string{
		k.name() + tier + " is the loop",
		"",
		"\tfor p := range count {",
		"\t\tfor i := range length {",
	}
	if k.pixels {
		factor = "factors[i]"
	}
	assign := "="
	if k.add {
		assign = "+="
	}
	lines = append(lines,
		fmt.Sprintf("\t\t\tdst[p*length+i] %s src[p*length+i] * %s", assign, factor),
		"\t\t}",
		"\t}",
		"")
	switch {
	case k.add && k.choose:
		lines = append(lines, "where a factor 0 leaves dst as it is, and product and sum are rounded separately.")
	case k.add:
		lines = append(lines, "where product and sum are rounded separately.")
	case k.choose:
		lines = append(lines, "where a factor 0 gives +0 whatever src holds.")
	default:
		lines = append(lines, "with the IEEE product also where a factor is 0.")
	}
	if !k.add && !k.pixels && !k.stream {
		lines = append(lines, "Where dst is src, a plane with factor 1 is not changed.")
	}
	if k.stream && k.pixels {
		lines = append(lines, "Writes past the cache: dst and the length of a row must be multiples of 64 bytes. A fence must follow.")
	} else if k.stream {
		lines = append(lines, "Writes past the cache: dst must be aligned to its elements, a plane be 64 bytes or longer. A fence must follow.")
	}
	return lines
}
