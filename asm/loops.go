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

	// label, jump, jumpIf and ret are control flow. A label is local to the kernel.
	label(name string)
	jump(to string)
	jumpIf(c condition, to string)
	ret()

	// start prepares a loop over planes or rows. c says what occurs in it.
	start(w walk, c choice)
	// startRow sets up the pointers to the factors and the shifts of a row.
	startRow()
	// factorBits loads the bits of the plane's factor, for factorIsOne and factorIsZero.
	factorBits()
	// splat sets all lanes of a register to the plane's factor, and those of others to its scale and
	// shift if the kernel has them, or to what a dropped plane becomes.
	splat(e *expr)
	// choices finds out which lanes of a plane to drop, and which to leave as they are. It may let
	// the loads of a dropped plane go elsewhere, if the plane need not be read.
	choices(c choice)
	// pass moves pointers past a plane. nextFactor moves to the next factor unless splat or pass
	// has.
	pass(m moves)
	nextFactor()

	// turn is the bytes of a turn of the main loop.
	turn() int
	// restart begins to count the elements of a plane or row.
	restart()
	// each applies step to as many blocks as make some bytes.
	each(bytes int, m moves, step func(block))
	// tail applies step to what is left once that is less than twice some bytes, in a vector under a mask. It
	// returns false if the machine has no masks, or more than a vector may be left.
	tail(bytes int, label string, m moves, step func(block)) bool
	// prefetch prefetches lines ahead of the stores to some bytes.
	prefetch(bytes int)

	// take sets the accumulator to x, to z, or to what splat has set for dropped planes. Of F it takes
	// the factors of a block, one for each lane, with scales and shifts. apply applies one stage of
	// the operation to the accumulator, and put stores it. What a choice asks for, each does as early
	// as it can, and finish does what is left of it.
	take(e *expr, b block, c choice)
	apply(s stage, b block, c choice)
	finish(b block, c choice)
	put(b block)
}

// A streamer is a machine with stores that write past the cache.
type streamer interface {
	machine
	// head applies step to the elements before the first cache line that begins in dst.
	head(label string, m moves, step func(block))
	// walkFourPlanes, walkQuarters and walkJoined are loops over four planes of one call,
	// over rows in four quarters side by side, and over short planes joined to one stream.
	// walkStrips is one over fused rows that share what there is for each channel.
	walkFourPlanes(l *loops)
	walkQuarters(l *loops)
	walkJoined(l *loops)
	walkStrips(l *loops)
}

// A condition is what a jump depends on.
type condition struct {
	name     string
	elements int
}

var (
	inPlace      = condition{name: "dst is src"}
	apart        = condition{name: "dst is not src"}
	onAux        = condition{name: "dst is aux"}
	factorIsOne  = condition{name: "the factor is 1"}
	factorIsZero = condition{name: "the factor is 0"}
	another      = condition{name: "another plane or row is left"} // counts one down

	// Of a streamer.
	ragged = condition{name: "rows are not whole cache lines"}
)

// longer and atLeast say that planes are longer than elements, or no shorter.
func longer(elements int) condition  { return condition{"length > n", elements} }
func atLeast(elements int) condition { return condition{"length >= n", elements} }

// fewer says that fewer elements are left. again takes elements off and says that as many are left once
// more. without says that the number left lacks this bit.
func fewer(elements int) condition   { return condition{"left < n", elements} }
func again(elements int) condition   { return condition{"(left -= n) >= n", elements} }
func without(elements int) condition { return condition{"left & n == 0", elements} }

// A walk is a loop over planes or rows.
type walk int

const (
	longWalk  walk = iota // over long planes
	shortWalk             // over short planes
	rowWalk               // over rows
)

// A block is what a step works on: a vector or a part of one, or as many vectors
// as the machine takes in one step.
type block struct {
	bytes  int
	vector int  // its place in the turn
	at     int  // bytes from the pointers
	tail   bool // only the lanes of the mask at the end of a row
	cached bool // not streamed although the kernel streams

	// Vectors, or rows with a vector each, that are computed side by side, and the number of one of them.
	vectors, rows, beside int
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
// AVX2, four on AVX-512. Halves on arm64 have work enough in half as many. Two on AVX-512 are 0.95 to 1.03 times as
// fast in most rows, 0.81 times in place at 0.8 MB with a factor of 1, and a program with the kernels of float32 is
// 5 KB smaller (12 KB to 13 MB, Zen 5).
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
			l.jumpIf(ragged, "row")
			s.walkQuarters(l)
			l.ret()
		}
		if s != nil && l.family == fused {
			s.walkStrips(l)
		}
		l.rows()
	case l.family == fused:
		// Short planes are not streamed: those of 14×14 float32 would be 0.6 times as fast (26 MB, Zen 5).
		l.jumpIf(longer(l.short()), "long")
		l.cached = true
		l.shortPlanes("short", false)
		l.cached = false
		l.label("long")
		l.longPlanes()
	case l.stream:
		l.jumpIf(atLeast(joinedBytes/l.size), "long")
		s.walkJoined(l)
		l.label("long")
		l.longPlanes()
	case !l.drops() && l.sums():
		l.longPlanes()
	default:
		l.jumpIf(longer(l.short()), "long")
		if l.sums() {
			l.shortPlanes("short", false)
		} else {
			l.jumpIf(inPlace, "inPlace")
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
			l.take(F, b, c)
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
	l.take(X, b, first)
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
	c := choice{row: true, drop: l.drops()}
	l.label("row")
	l.start(rowWalk, c)
	l.label("next")
	l.startRow()
	l.sweep("row", m, true, l.formula(c), l.element(c))
	l.jumpIf(another, "next")
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
func (l *loops) longPlanes() {
	unchanged := !l.sums() && !l.stream // a factor of 1 leaves elements as they are
	l.start(longWalk, choice{keep: unchanged})
	l.label("plane")
	if l.drops() || unchanged {
		l.factorBits()
	}
	if unchanged {
		l.jumpIf(apart, "changed")
		l.jumpIf(factorIsOne, "skip")
		l.label("changed")
	}
	if l.drops() {
		l.jumpIf(factorIsZero, "dropped")
	}
	l.splat(F)
	l.sweep("kept", l.elements(), true, l.formula(choice{}), l.element(choice{}))
	l.label("next")
	l.nextFactor()
	l.jumpIf(another, "plane")
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
		l.jumpIf(onAux, "skip")
		l.pass(moves{toFactors, toSrc})
		l.set("copy", moves{toDst, toAux}, Z)
		l.jump("next")
	default:
		l.splat(l.dropped)
		l.pass(l.elements()[1:])
		l.set("fill", moves{toDst}, l.dropped)
		l.jump("next")
	}
	copies := l.drops() && l.dropped == Z
	if unchanged || copies {
		l.label("skip")
	}
	if unchanged || copies || l.drops() && l.dropped == Y {
		l.pass(append(moves{toFactors}, l.elements()...))
		l.jump("next")
	}
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. In place a plane with factor
// 1 stays as it is.
func (l *loops) shortPlanes(label string, inPlace bool) {
	c := choice{drop: l.drops(), keep: inPlace}
	l.start(shortWalk, c)
	l.label(label)
	l.splat(F)
	l.choices(c)
	l.nextFactor()
	l.sweep(label, l.elements(), !inPlace, l.formula(c), l.element(c))
	l.jumpIf(another, label)
	l.ret()
}

// unread reports whether a dropped plane need not be read in a loop over short ones.
func (k kernel) unread(c choice) bool { return c.drop && !c.keep && k.dropped == Zero && !k.readsAux() }

// set sets the elements of a plane to z, or to what a dropped one becomes.
func (l *loops) set(label string, m moves, to *expr) {
	l.sweep(label, m, true, "y = "+to.text(nil), func(b block) {
		b.cached = b.cached || l.cached
		l.take(to, b, choice{})
		l.put(b)
	})
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
	turn := l.turn()
	l.restart()
	if l.stream && !l.cached && !l.pixels {
		l.machine.(streamer).head(label, m, step)
	}
	l.jumpIf(fewer(turn/l.size), label+"Rest")
	l.comment(formula)
	l.label(label + "Turn")
	l.fetch(turn, m, apart)
	l.each(turn, m, step)
	l.jumpIf(again(turn/l.size), label+"Turn")

	l.label(label + "Rest")
	l.rest(label, turn/2, m, apart, step)
}

// rest is sweep for what is left, less than twice so many bytes. It is the same for every plane or row, and so
// is which of these branches are taken.
func (l *loops) rest(label string, bytes int, m moves, apart bool, step func(block)) {
	for ; bytes >= l.size; bytes /= 2 {
		if l.pixels && l.tail(bytes, label, m, step) {
			return
		}
		skip := fmt.Sprintf("%sBelow%d", label, bytes)
		l.jumpIf(without(bytes/l.size), skip)
		l.fetch(bytes, m, apart)
		l.each(bytes, m, step)
		l.label(skip)
	}
}

// fetch prefetches lines for a part of a sweep.
func (l *loops) fetch(bytes int, m moves, apart bool) {
	streamed := l.stream && !l.cached // of these only what is read is prefetched, where that is worth it
	if apart && bytes >= lineBytes && !l.readsDst() && (!streamed || l.family == compact || l.family == fused && !l.pixels && slices.Contains(m, toSrc)) {
		l.prefetch(bytes)
	}
}
