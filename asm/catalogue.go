package main

import "fmt"

// op is an operation of a kernel. Y stands for dst, X for src, F for the factor
// and S for the shift.
type op struct {
	name   string // as in the kernel's name
	op     string // constant of package kernel
	divide bool   // X / F instead of X·F
	add    bool   // Y + X·F instead of X·F
	affine bool   // X·F + S instead of X·F
	choose bool   // F = 0 drops the element: +0, or Y as it was, or S
	stream bool   // written past the cache
}

// shape is how elements and factors belong together.
type shape struct {
	name   string
	pixels bool
	braid  bool // four planes at once, which need not be neighbours
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
	ops = []op{
		{name: "scale", op: "Scale", choose: true},
		{name: "multiply", op: "Multiply"},
		{name: "divide", op: "Divide", divide: true, choose: true},
		{name: "add", op: "Add", add: true, choose: true},
		{name: "addMultiply", op: "AddMultiply", add: true},
		{name: "addDivide", op: "AddDivide", divide: true, add: true, choose: true},
		{name: "affine", op: "Affine", affine: true, choose: true},
		{name: "affineMultiply", op: "AffineMultiply", affine: true},
		{name: "streamScale", op: "Scale", choose: true, stream: true},
		{name: "streamMultiply", op: "Multiply", stream: true},
		{name: "streamDivide", op: "Divide", divide: true, choose: true, stream: true},
	}
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
	// braids choose nothing: the planes to clear or to leave are not among the four.
	braids = []op{
		{name: "multiply", op: "Multiply"},
		{name: "streamMultiply", op: "Multiply", stream: true},
		{name: "addMultiply", op: "AddMultiply", add: true},
		{name: "divide", op: "Divide", divide: true},
		{name: "streamDivide", op: "Divide", divide: true, stream: true},
		{name: "addDivide", op: "AddDivide", divide: true, add: true},
	}
	braidShape = shape{name: "Braid", braid: true}
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
	for _, o := range braids {
		for _, e := range elems {
			all = append(all, kernel{o, braidShape, e})
		}
	}
	return all
}

// name returns the kernel's name without a tier, such as scalePlanesF32.
func (k kernel) name() string { return k.op.name + k.shape.name + k.elem.name }

// signature is that of every kernel: count planes of length elements with a
// factor each, or count rows of length channels and as many factors. Affine
// kernels take as many shifts, braids what says where their planes lie.
func (k kernel) signature() string {
	return fmt.Sprintf("func(dst, src, factors *%s%s, count, length int)", k.typ, map[string]string{"": "", "shifts": ", shifts *" + k.typ, "places": ", places *[13]int"}[k.extra()])
}

// extra names the argument that only some kernels have.
func (k kernel) extra() string {
	switch {
	case k.affine:
		return "shifts"
	case k.braid:
		return "places"
	}
	return ""
}

// doc returns the doc comment of the kernel on a tier: the loop that it stands
// for and its exact semantics.
func (k kernel) doc(tier string) []string {
	name := k.name() + tier
	verb, result, sign := "multiplies", "product", "*"
	if k.divide {
		verb, result, sign = "divides", "quotient", "/"
	}
	if k.braid {
		lines := []string{name + " " + verb + " four planes of length elements, one factor each, and clears others past the cache, as places say: see braid. In dst all begin on a cache line, and length is whole lines. count is 4. A fence must follow."}
		if k.add {
			lines = append(lines, "The "+result+"s are added to dst, rounded separately.")
		}
		if k.divide {
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
	element, value := "dst[p*length+i]", "src[p*length+i] "+sign+" factors["+factor+"]"
	switch {
	case k.add:
		value = element + " + " + value
	case k.affine:
		value += " + shifts[" + factor + "]"
	}
	lines := []string{
		name + " is the loop",
		"",
		"\tfor p := range count {",
		"\t\tfor i := range length {",
		"\t\t\t" + element + " = " + value,
		"\t\t}",
		"\t}",
		"",
	}
	switch {
	case k.add && k.choose:
		lines = append(lines, "where a factor 0 leaves dst as it is, and "+result+" and sum are rounded separately.")
	case k.affine && k.choose:
		lines = append(lines, "where a factor 0 gives the shift whatever src holds, and product and sum are rounded separately.")
	case k.add, k.affine:
		lines = append(lines, "where product and sum are rounded separately.")
	case k.choose:
		lines = append(lines, "where a factor 0 gives +0 whatever src holds.")
	default:
		lines = append(lines, "with the IEEE product also where a factor is 0.")
	}
	if k.half {
		lines = append(lines, "Each rounding is one of float32 and then one to "+map[string]string{"F16": "float16", "BF16": "bfloat16"}[k.elem.name]+".")
	}
	if !k.add && !k.affine && !k.pixels && !k.stream {
		lines = append(lines, "Where dst is src, a plane with factor 1 is not changed.")
	}
	if k.stream && k.pixels {
		lines = append(lines, "Writes past the cache: dst and the length of a row must be multiples of 64 bytes. A fence must follow.")
	} else if k.stream {
		lines = append(lines, "Writes past the cache: dst must be aligned to its elements, a plane be 64 bytes or longer. A fence must follow.")
	}
	return lines
}
