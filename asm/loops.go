package main

import "fmt"

// Every kernel is one of these loops, written once, over the primitives of a
// machine. The operation comes in as an expression: see element.

// A machine writes the instructions of one kernel on one tier. The loops know
// nothing of registers, of how wide a vector is, or of how halves are computed.
//
// A machine moves its pointers either as it loads and stores, or afterwards, in
// each, nextFactor and startRow.
type machine interface {
	// begin loads the arguments and sets up what all elements need.
	begin()

	comment(text string)

	// Control flow. A label is local to the kernel.
	label(name string)
	jump(to string)
	ret()
	jumpIfLonger(elements int, to string) // than that is a plane
	jumpIfInPlace(to string)
	jumpIfApart(to string)
	repeat(from string) // counts one plane or row down, and goes back if any is left

	// Planes: what their factor says, and where the next one is.
	startLong(unchanged bool) // unchanged: jumpIfOne follows
	factorBits()
	jumpIfOne(to string)
	jumpIfZero(to string)
	takeFactor() // and its shift, for all lanes
	passFactor() // where takeFactor would have moved on
	nextFactor() // where takeFactor has not moved on
	pass(p pointer)
	takeFill() // what a dropped plane is set to
	putFill(b block)

	// Planes without a branch.
	startShort(c choice, unread bool)
	choices(c choice)     // finds the lanes to drop and to leave as they are
	redirect(unread bool) // unread: a dropped plane may be read from anywhere

	// Rows.
	rowTail() // what the end of every row needs
	startRow()
	takeFactors(b block) // and shifts, one for each lane

	// Sweeps over the elements of a plane or a row. restart comes first.
	turn() int  // bytes of a turn of the main loop
	width() int // bytes of a vector
	restart()
	jumpIfLess(elements int, to string)    // than that are left
	again(elements int, from string)       // takes them off, and goes back if as many are left
	jumpUnless(elements int, to string)    // the number left has this bit
	each(b int, m moves, step func(block)) // takes b bytes
	prefetch(b int)
	maskedTail(label string, m moves, step func(block)) bool // takes what is left under a mask, if it can

	// Elements. The result goes through an accumulator.
	takeX(b block, c choice)
	apply(s stage, b block, c choice) // c where s is the last stage that the choice covers
	finish(b block, c choice)         // chooses, unless apply has done so
	put(b block)
}

// A streamer is a machine with stores that write past the cache.
type streamer interface {
	machine
	jumpUnlessLines(to string) // a row is whole cache lines
	jumpIfLong(to string)      // a plane is long enough to be streamed by itself
	head(label string, m moves, step func(block))
	walkFourPlanes(l *loops)
	walkQuarters(l *loops)
	walkJoined(l *loops)
}

// A block is what a step works on: a vector or a part of one, or as many vectors
// as the machine takes in one step.
type block struct {
	bytes  int
	vector int  // its place in the turn
	at     int  // bytes from the pointers
	tail   bool // only the lanes of the mask at the end of a row
	cached bool // not streamed although the kernel streams
}

// A choice says what a step may have to leave out.
type choice struct {
	row  bool // each lane has a factor of its own
	drop bool // a factor may be 0, and that drops the element
	keep bool // a factor may be 1, and dst is src: then dst stays as it is
}

// A pointer is one of those that move along a plane or a row.
type pointer int

const (
	toDst pointer = iota
	toSrc
	toFactors
	toShifts
)

// moves are the pointers that a sweep moves.
type moves []pointer

// lineBytes is a cache line.
const lineBytes = 64

// unroll is how many vectors a turn of the main loop takes: two cache lines on
// AVX2, four on AVX-512. Halves on arm64 have work enough in half as many.
const unroll = 4

// shortBytes is the longest plane that is done without a branch on its factor:
// what the L1 cache delivers in the time of a mispredicted branch, by estimate.
const shortBytes = 1 << 10

// shortDivided is that plane where it is divided, which takes several times as
// long: where half of the planes are dropped, those of 200 bytes of float16 are 1.5
// to 1.7 times as fast with a branch, of 400 bytes of float32 1.4 to 1.5 times, of
// 196 bytes 1.0 to 1.1 times, and those of 64 bytes less than half as fast (in the
// L2 cache, Zen 4).
const shortDivided = 1 << 7

// short returns the length of the longest plane that is done so.
func (k kernel) short() int {
	if k.divides() {
		return shortDivided / k.size
	}
	return shortBytes / k.size
}

// loops writes one kernel.
type loops struct {
	machine
	kernel
}

// emit writes the loop that fits the kernel's shape.
func (l *loops) emit() {
	l.begin()
	s, _ := l.machine.(streamer)
	switch {
	case l.fourPlanes:
		s.walkFourPlanes(l)
	case l.pixels && l.stream:
		s.walkQuarters(l)
	case l.pixels:
		if s != nil && !l.sums() {
			s.jumpUnlessLines("row")
			s.walkQuarters(l)
			l.ret()
		}
		l.rows()
	case l.stream:
		s.jumpIfLong("long")
		s.walkJoined(l)
		l.label("long")
		l.longPlanes()
	case !l.drops() && l.sums():
		l.longPlanes()
	default:
		l.jumpIfLonger(l.short(), "long")
		if l.sums() {
			l.shortPlanes("short", false)
		} else {
			l.jumpIfInPlace("inPlace")
			l.shortPlanes("apart", false)
			l.label("inPlace")
			l.shortPlanes("short", true)
		}
		l.label("long")
		l.longPlanes()
	}
	l.ret()
}

// element returns the step that computes the operation.
func (l *loops) element(c choice) func(block) {
	return func(b block) {
		if c.row {
			l.takeFactors(b)
		}
		l.compute(b, c)
		l.put(b)
	}
}

// compute leaves the operation on the elements of a block in the accumulator. What
// the factors are has been taken before.
func (l *loops) compute(b block, c choice) {
	l.takeX(b, c)
	stages := l.value.chain()
	for i, s := range stages {
		if i < len(stages)-1 {
			l.apply(s, b, choice{row: c.row})
		} else {
			l.apply(s, b, c)
		}
	}
	l.finish(b, c)
}

// rows walks count rows of length channels, the factors beside them.
func (l *loops) rows() {
	m := moves{toDst, toSrc, toFactors}
	if l.shifts() {
		m = append(m, toShifts)
	}
	l.label("row")
	l.rowTail()
	l.label("next")
	l.startRow()
	c := choice{row: true, drop: l.drops()}
	l.sweep("row", m, true, l.formula(c), l.element(c))
	l.repeat("next")
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
func (l *loops) longPlanes() {
	unchanged := !l.sums() && !l.stream // a factor of 1 leaves elements as they are
	l.startLong(unchanged)
	l.label("plane")
	if l.drops() || unchanged {
		l.factorBits()
	}
	if unchanged {
		l.jumpIfApart("changed")
		l.jumpIfOne("skip")
		l.label("changed")
	}
	if l.drops() {
		l.jumpIfZero("dropped")
	}
	l.takeFactor()
	l.sweep("kept", moves{toDst, toSrc}, true, l.formula(choice{}), l.element(choice{}))
	l.label("next")
	l.nextFactor()
	l.repeat("plane")
	if !l.drops() && !unchanged {
		return
	}
	l.ret()

	if l.drops() {
		l.label("dropped")
	}
	if l.drops() && l.dropped != Y {
		l.takeFill()
		l.pass(toSrc)
		l.sweep("fill", moves{toDst}, true, "y = "+l.dropped.text(nil), l.putFill)
		l.jump("next")
	}
	if unchanged {
		l.label("skip")
	}
	if unchanged || l.drops() && l.dropped == Y {
		l.passFactor()
		l.pass(toDst)
		l.pass(toSrc)
		l.jump("next")
	}
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. In place a plane with factor
// 1 stays as it is.
func (l *loops) shortPlanes(label string, inPlace bool) {
	c := choice{drop: l.drops(), keep: inPlace}
	unread := l.drops() && l.dropped == Zero && !inPlace
	l.startShort(c, unread)
	l.label(label)
	l.takeFactor()
	l.choices(c)
	l.redirect(unread)
	l.nextFactor()
	l.sweep(label, moves{toDst, toSrc}, !inPlace, l.formula(c), l.element(c))
	l.repeat(label)
	l.ret()
}

// sweep takes the elements of a plane or a row: in turns, then half a turn, and so
// on down to a single element, as the bits of what is left say. formula states what step
// does. apart says that dst may be elsewhere than src: then the lines to store to are
// prefetched.
//
// In place no element may be done twice, so that the rest is never an overlapping
// vector. It is a ladder of halves, or in the rows of AVX-512 a vector under a mask.
// Not in its planes: of a store under a mask nothing can be forwarded to a load that
// overlaps the vector's place, which made planes of 7×7 in place half as fast and
// those out of place no faster.
func (l *loops) sweep(label string, m moves, apart bool, formula string, step func(block)) {
	fetch := func(bytes int) {
		if apart && bytes >= lineBytes && !l.readsDst() && !l.stream {
			l.prefetch(bytes)
		}
	}
	turn := l.turn()
	l.restart()
	if l.stream {
		l.machine.(streamer).head(label, m, step)
	}
	l.jumpIfLess(turn/l.size, label+"Rest")
	l.comment(formula)
	l.label(label + "Turn")
	fetch(turn)
	l.each(turn, m, step)
	l.again(turn/l.size, label+"Turn")

	// What is left, and so which of these branches are taken, is the same for every
	// plane or row.
	l.label(label + "Rest")
	for bytes := turn / 2; bytes >= l.size; bytes /= 2 {
		if bytes < l.width() && l.pixels && l.maskedTail(label, m, step) {
			return
		}
		skip := fmt.Sprintf("%sBelow%d", label, bytes)
		l.jumpUnless(bytes/l.size, skip)
		fetch(bytes)
		l.each(bytes, m, step)
		l.label(skip)
	}
}
