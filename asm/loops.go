package main

import (
	"fmt"
	"slices"
)

// A machine writes the instructions of one kernel on one tier. The loops below are
// written once, over these primitives. They know nothing of registers, of the width of
// a vector, or of how halves are computed.
//
// A machine moves its pointers as it loads and stores, or afterwards, in each and in
// nextFactor.
type machine interface {
	// begin loads the arguments and sets up what all elements need.
	begin()
	// comment writes a comment.
	comment(text string)

	// label, jump and ret are control flow. A label is local to the kernel.
	label(name string)
	jump(to string)
	ret()
	// jumpIfLonger jumps if planes are longer than elements.
	jumpIfLonger(elements int, to string)
	// jumpIfInPlace and jumpIfApart jump if dst is src, and if it is not.
	jumpIfInPlace(to string)
	jumpIfApart(to string)
	// repeat counts one plane or row down and jumps if any is left.
	repeat(from string)

	// startLong prepares a loop over long planes, in which jumpIfOne occurs if unchanged.
	startLong(unchanged bool)
	// factorBits loads the bits of the plane's factor, for jumpIfOne and jumpIfZero.
	factorBits()
	jumpIfOne(to string)
	jumpIfZero(to string)
	// takeFactor sets all lanes of a register to the plane's factor, and of another one to
	// its shift if the kernel has shifts.
	takeFactor()
	// passFactor moves to the next factor if takeFactor would have.
	passFactor()
	// nextFactor moves to the next factor unless takeFactor or passFactor has.
	nextFactor()
	// pass moves a pointer to the next plane.
	pass(p pointer)
	// takeFill takes what a dropped plane is set to, and putFill stores it to a block.
	takeFill()
	putFill(b block)
	// jumpIfAux jumps if dst is aux, and copyAux copies a block from there.
	jumpIfAux(to string)
	copyAux(b block)

	// startShort prepares a loop over short planes. unread says that a dropped plane need
	// not be read.
	startShort(c choice, unread bool)
	// choices finds out which lanes of a plane to drop, and which to leave as they are.
	choices(c choice)
	// redirect may let the loads of a dropped plane go elsewhere, if unread.
	redirect(unread bool)

	// rowTail sets up what the end of every row needs.
	rowTail()
	// startRow sets up the pointers to the factors and the shifts of a row.
	startRow()
	// takeFactors takes the factors of a block, one for each lane, and its shifts.
	takeFactors(b block)

	// turn and width are the bytes of a turn of the main loop, and of a vector.
	turn() int
	width() int
	// restart begins to count the elements of a plane or row. jumpIfLess jumps if fewer are
	// left. again takes elements off and jumps if as many are left once more. jumpUnless
	// jumps unless the number left has this bit.
	restart()
	jumpIfLess(elements int, to string)
	again(elements int, from string)
	jumpUnless(elements int, to string)
	// each applies step to as many blocks as make some bytes.
	each(bytes int, m moves, step func(block))
	// prefetch prefetches lines ahead of the stores to some bytes.
	prefetch(bytes int)
	// maskedTail applies step to what is left, in a vector under a mask. It returns false
	// if the machine has no masks.
	maskedTail(label string, m moves, step func(block)) bool

	// takeX sets the accumulator to x, apply applies one stage of the operation to it, and
	// put stores it. What a choice asks for, each does as early as it can, and finish does
	// what is left of it.
	takeX(b block, c choice)
	apply(s stage, b block, c choice)
	finish(b block, c choice)
	put(b block)
}

// A streamer is a machine with stores that write past the cache.
type streamer interface {
	machine
	// jumpUnlessLines jumps unless rows are whole cache lines.
	jumpUnlessLines(to string)
	// jumpIfRowByRow jumps if rows in the cache are better walked one after the other.
	jumpIfRowByRow(to string)
	// jumpIfLong jumps if planes are long enough to be streamed one by one.
	jumpIfLong(to string)
	// head applies step to the elements before the first cache line that begins in dst.
	head(label string, m moves, step func(block))
	// walkFourPlanes, walkQuarters and walkJoined are loops over four planes of one call,
	// over rows in four quarters side by side, and over short planes joined to one stream.
	// walkStrips is one over strips of several rows, which share what there is for each channel.
	walkFourPlanes(l *loops)
	walkQuarters(l *loops)
	walkJoined(l *loops)
	walkStrips(l *loops)
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
	toAux
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
	cached bool // what follows is not streamed although the kernel streams
}

// emit writes the loop that fits the kernel's shape.
func (l *loops) emit() {
	l.begin()
	s, _ := l.machine.(streamer)
	switch {
	case l.family == compact:
		l.compaction()
		return
	case l.fourPlanes:
		s.walkFourPlanes(l)
	case l.pixels && l.stream && l.family == core:
		s.walkQuarters(l)
	case l.pixels:
		if s != nil && !l.sums() {
			s.jumpUnlessLines("row")
			s.jumpIfRowByRow("row")
			s.walkQuarters(l)
			l.ret()
		}
		if s != nil && l.family == fused {
			s.walkStrips(l)
		}
		l.rows()
	case l.family == fused:
		// Short planes are not streamed: those of 14×14 float32 would be 0.6 times as fast (26 MB, Zen 5).
		l.jumpIfLonger(l.short(), "long")
		l.cached = true
		l.shortPlanes("short", false)
		l.cached = false
		l.label("long")
		l.longPlanes()
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
		b.cached = b.cached || l.cached
		l.compute(b, c)
		l.put(b)
	}
}

// compute leaves the operation on the elements of a block in the accumulator. What
// the factors are has been taken before.
func (l *loops) compute(b block, c choice) {
	first, last := choice{row: c.row, keep: c.keep}, c
	if l.clearsX() {
		first.drop, last.drop = c.drop, false
	}
	l.takeX(b, first)
	stages := l.value.chain()
	for i, s := range stages {
		if i < len(stages)-1 {
			l.apply(s, b, choice{row: c.row})
		} else {
			l.apply(s, b, last)
		}
	}
	l.finish(b, last)
}

// elements returns the pointers that move along the elements.
func (l *loops) elements() moves {
	m := moves{toDst, toSrc}
	if l.readsAux() {
		m = append(m, toAux)
	}
	return m
}

// rows walks count rows of length channels, the factors beside them.
func (l *loops) rows() {
	m := append(l.elements(), toFactors)
	if l.shifts() && l.family == core { // in other families one index serves all factors
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
	l.sweep("kept", l.elements(), true, l.formula(choice{}), l.element(choice{}))
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
	switch {
	case !l.drops() || l.dropped == Y:
	case l.dropped == Z:
		l.jumpIfAux("skip")
		l.passFactor()
		l.pass(toSrc)
		l.sweep("copy", moves{toDst, toAux}, true, "y = z", l.copyAux)
		l.jump("next")
	default:
		l.takeFill()
		l.pass(toSrc)
		if l.readsAux() {
			l.pass(toAux)
		}
		l.sweep("fill", moves{toDst}, true, "y = "+l.dropped.text(nil), l.putFill)
		l.jump("next")
	}
	copies := l.drops() && l.dropped == Z
	if unchanged || copies {
		l.label("skip")
	}
	if unchanged || copies || l.drops() && l.dropped == Y {
		l.passFactor()
		for _, p := range l.elements() {
			l.pass(p)
		}
		l.jump("next")
	}
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. In place a plane with factor
// 1 stays as it is.
func (l *loops) shortPlanes(label string, inPlace bool) {
	c := choice{drop: l.drops(), keep: inPlace}
	unread := l.drops() && l.dropped == Zero && !inPlace && !l.readsAux()
	l.startShort(c, unread)
	l.label(label)
	l.takeFactor()
	l.choices(c)
	l.redirect(unread)
	l.nextFactor()
	l.sweep(label, l.elements(), !inPlace, l.formula(c), l.element(c))
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
		streamed := l.stream && !l.cached // of these only what is read is prefetched, where that is worth it
		if apart && bytes >= lineBytes && !l.readsDst() && (!streamed || l.family == compact || l.family == fused && !l.pixels && slices.Contains(m, toSrc)) {
			l.prefetch(bytes)
		}
	}
	turn := l.turn()
	l.restart()
	if l.stream && !l.cached && !l.pixels {
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
