package main

import "fmt"

// An expr is a value that a kernel computes for each element. It is a leaf or an
// operator on two expressions. Every operator rounds its result to the type of the
// elements.
type expr struct {
	leaf string // the operand, for a leaf
	op   operator
	a, b *expr
	of   *expr // what decides, of gate and slope
}

// An operator combines two expressions, or three.
type operator string

const (
	product  operator = "*"
	quotient operator = "/"
	sum      operator = "+"
	maximum  operator = "max" // a NaN stays a NaN, and −0 gives +0

	// Operators of fused kernels, the last two with what decides as another operand.
	clipping operator = "clip"  // t, at least +0 and at most l; a NaN stays a NaN
	leaking  operator = "leaky" // t where t > 0, and l * t elsewhere
	gating   operator = "gate"  // +0 where t <= 0 or l limits t, and g elsewhere
	sloping  operator = "slope" // g where t > 0, and l * g elsewhere
)

// Leaves.
var (
	X    = &expr{leaf: "x"} // the element of src
	Y    = &expr{leaf: "y"} // the element of dst before the kernel
	F    = &expr{leaf: "f"} // the factor
	S    = &expr{leaf: "s"} // the shift
	Zero = &expr{leaf: "0"} // +0

	Z    = &expr{leaf: "z"} // the element of aux
	A    = &expr{leaf: "a"} // the scale
	L    = &expr{leaf: "l"} // the limit: one number for all
	Inf  = &expr{leaf: "+Inf"}
	None = &expr{leaf: "none"} // no element at all
)

func mul(a, b *expr) *expr   { return &expr{op: product, a: a, b: b} }
func div(a, b *expr) *expr   { return &expr{op: quotient, a: a, b: b} }
func add(a, b *expr) *expr   { return &expr{op: sum, a: a, b: b} }
func relu(a *expr) *expr     { return &expr{op: maximum, a: a, b: Zero} }
func (e *expr) isLeaf() bool { return e.op == "" }

// has reports whether e contains a leaf.
func (e *expr) has(leaf *expr) bool {
	return e == leaf || e != nil && !e.isLeaf() && (e.a.has(leaf) || e.b.has(leaf) || e.of.has(leaf))
}

// applies reports whether e contains an operator.
func (e *expr) applies(op operator) bool {
	return e != nil && !e.isLeaf() && (e.op == op || e.a.applies(op) || e.b.applies(op) || e.of.applies(op))
}

// text prints e in Go with these names for its leaves.
func (e *expr) text(names map[*expr]string) string {
	switch {
	case e.isLeaf() && names[e] != "":
		return names[e]
	case e.isLeaf():
		return e.leaf
	case e.of != nil:
		return fmt.Sprintf("%s(%s, %s, %s)", e.op, e.a.text(names), e.of.text(names), e.b.text(names))
	case e.op != product && e.op != quotient && e.op != sum:
		return fmt.Sprintf("%s(%s, %s)", e.op, e.a.text(names), e.b.text(names))
	}
	a := e.a.text(names)
	if e.op != sum && !e.a.isLeaf() && e.a.op == sum {
		a = "(" + a + ")"
	}
	return a + " " + string(e.op) + " " + e.b.text(names)
}

// A stage of a chain applies an operator to what the chain has computed so
// far and a leaf. In a gate another expression decides.
type stage struct {
	operator
	leaf *expr
	of   *expr
}

// chain returns the operators of e in the order in which they apply, starting from
// X. Every operator must have a leaf on one side.
func (e *expr) chain() []stage { return e.chainFrom(X) }

// chainFrom is chain, starting from another leaf.
func (e *expr) chainFrom(start *expr) []stage {
	switch {
	case e == start:
		return nil
	case e.isLeaf():
		panic("an expression does not start from " + start.leaf + ": " + e.text(nil))
	case e.b.isLeaf():
		return append(e.a.chainFrom(start), stage{e.op, e.b, e.of})
	case e.a.isLeaf() && e.op != quotient:
		return append(e.b.chainFrom(start), stage{e.op, e.a, e.of})
	}
	panic("an expression is no chain: " + e.text(nil))
}

// An operation says what a kernel makes of an element.
type operation struct {
	name    string // as kernels are called
	value   *expr
	dropped *expr // what a factor of 0 gives instead, nil if it gives value like any other
}

// What the loops need to know of an operation follows from its expressions.

// formula states what a step makes of an element.
func (o operation) formula(c choice) string {
	text := "y = " + o.value.text(nil)
	if c.drop {
		text += "; where f = 0: y = " + o.dropped.text(nil)
	}
	if c.keep {
		text += "; where f = 1: y stays"
	}
	return text
}

// drops reports whether a factor of 0 drops the element.
func (o operation) drops() bool { return o.dropped != nil }

// readsDst reports whether the result depends on dst.
func (o operation) readsDst() bool { return o.value.has(Y) }

// readsAux reports whether the result depends on aux.
func (o operation) readsAux() bool { return o.value.has(Z) }

// shifts reports whether the operation takes shifts.
func (o operation) shifts() bool { return o.value.has(S) }

// divides reports whether the factor is a divisor.
func (o operation) divides() bool { return o.value.applies(quotient) }

// scaling returns the operator that takes the factor.
func (o operation) scaling() operator {
	if o.divides() {
		return quotient
	}
	return product
}

// sums reports whether anything follows the product or the quotient. If nothing
// does, a factor of 1 leaves an element as it is.
func (o operation) sums() bool { return len(o.value.chain()) > 1 }

// rectifies reports whether what is negative becomes 0 in the end.
func (o operation) rectifies() bool { return o.value.op == maximum }

// clearsX reports whether an element of 0 gives what a dropped one becomes: then x can
// be cleared before the product, and nothing need be chosen after. The zero that the
// product then is may have either sign, which only a sum of two zeros shows. That one
// must become +0, too.
func (o operation) clearsX() bool {
	return o.drops() && o.rectifies() && o.value.a.op == sum && o.dropped.op == maximum && o.dropped.a == o.value.a.b
}

// undropped returns the operation that treats a factor of 0 like any other.
func (o operation) undropped() operation {
	o.dropped = nil
	return o
}
