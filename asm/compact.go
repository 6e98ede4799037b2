package main

import (
	"fmt"
	"slices"
)

// A compactor is a machine with what the loops of compaction need besides. Packed is what
// has kept planes or channels alone: dst where they are gathered, src where they are
// scattered.
//
// Which are kept is found without a branch on each factor, which would be mispredicted: of
// planes as the bits of a word, of the channels of a pixel as lanes.
type compactor interface {
	machine

	// startGroups prepares a loop over groups of planes. takeGroup leaves a bit for each plane
	// of the next group whose factor is not 0, or after turnGroup whose factor is 0.
	startGroups(short bool)
	takeGroup(label string)
	turnGroup()
	// toPlane goes to the plane of the lowest bit, and takes its factor.
	toPlane()
	// endGroups ends the loop.
	endGroups()

	// startLanes sets up what all rows need. countLanes counts what takeLanes has found, of each
	// step of a row, and endLanes finds out from it where packed ends.
	startLanes()
	countLanes()
	endLanes()
	// startSteps begins with the channels of a row, and jumps if they are no whole step.
	startSteps(to string)
	// takeLanes takes the factors of as many channels, or of those that are left if tail,
	// and finds out which are kept.
	takeLanes(tail bool)

	// compress leaves the products of the kept channels side by side. putPacked stores them,
	// a whole vector or no more than there are, and moves on.
	compress(tail bool)
	putPacked(whole bool)
	// takePacked takes the elements of the kept channels, a whole vector or no more than there
	// are. expand puts each at its channel, and stores what becomes of it.
	takePacked(whole bool)
	expand(tail bool)
}

// Conditions of a compactor.
var (
	noPlane      = condition{name: "no bit is left"}
	anotherPlane = condition{name: "another bit is left"}      // takes one away
	anotherGroup = condition{name: "another group is left"}    // moves to it
	anotherStep  = condition{name: "another step is whole"}    // moves to it
	wholeRow     = condition{name: "nothing of a row is left"} // after its steps
	near         = condition{name: "packed has less than a vector from here"}
	last         = condition{name: "packed has less than a vector after what is kept of this row"}
)

// compaction writes the loop of a kernel that compacts.
func (l *loops) compaction() {
	switch {
	case l.pixels:
		l.compactRows()
	default:
		if l.stream {
			l.jumpIf(atLeast(streamedBytes/l.size), "long")
			l.machine.(streamer).walkJoined(l)
			l.label("long")
		}
		l.compactPlanes("long")
	}
}

// compactPlanes walks planes in groups, of each group those that are kept, then the others if
// they are cleared.
func (l *loops) compactPlanes(name string) {
	c := l.machine.(compactor)
	c.startGroups(l.cached)
	l.label(name + "Group")
	c.takeGroup(name + "Bit")
	walk := func(label string, m moves, formula string, step func(block)) {
		l.jumpIf(noPlane, label+"None")
		l.label(label)
		c.toPlane()
		l.sweep(label, m, true, formula, step)
		l.jumpIf(anotherPlane, label)
		l.label(label + "None")
	}
	walk(name+"Kept", moves{toDst, toSrc}, l.formula(choice{}), l.element(choice{}))
	if l.dropped == Zero {
		c.turnGroup()
		l.splat(l.dropped)
		walk(name+"Dropped", moves{toDst}, "y = "+l.dropped.text(nil), func(b block) {
			b.cached = b.cached || l.cached
			l.take(l.dropped, b, choice{})
			l.put(b)
		})
	}
	l.jumpIf(anotherGroup, name+"Group")
	c.endGroups()
	l.ret()
}

// compactRows walks rows, whose kept channels lie side by side in packed. A store of a whole vector there
// reaches into what is stored next, and a load into what is loaded next, up to where packed ends. In
// place that has been read before: what is stored lies before what is read.
func (l *loops) compactRows() {
	c := l.machine.(compactor)
	before, packed, after, placed := c.takeLanes, c.takePacked, c.expand, "taken"
	if l.gathers() {
		before = func(tail bool) {
			c.takeLanes(tail)
			c.compress(tail)
		}
		packed, after, placed = c.putPacked, func(bool) {}, "placed"
	}

	steps := func(label, rest, end string, step func(tail bool)) {
		l.label(label)
		step(false)
		l.jumpIf(anotherStep, label)
		l.label(rest)
		if !l.stream { // whose rows are whole cache lines
			l.jumpIf(wholeRow, end)
			step(true)
		}
		l.label(end)
	}

	c.startLanes()
	c.startSteps("countRest")
	steps("count", "countRest", "counted", func(tail bool) {
		c.takeLanes(tail)
		c.countLanes()
	})
	c.endLanes()

	l.label("row")
	c.startSteps("rest")
	l.jumpIf(last, "last")
	l.comment(l.formula(choice{drop: !l.gathers()}))
	steps("vector", "rest", "next", func(tail bool) {
		before(tail)
		packed(!tail)
		after(tail)
	})
	l.jumpIf(another, "row")
	l.ret()

	l.label("last")
	before(false)
	l.jumpIf(near, "near")
	packed(true)
	l.label(placed)
	after(false)
	l.jumpIf(anotherStep, "last")
	l.jump("rest")
	l.label("near")
	packed(false)
	l.jump(placed)
}

// order returns for each lane the one that it comes from where packed elements are compressed, or expanded. A bit of
// kept stands for each lane.
func (k kernel) order(kept, lanes int) []int {
	from := make([]int, lanes)
	n := 0
	for i := range lanes {
		switch {
		case kept>>i&1 == 0:
			continue
		case k.gathers():
			from[n] = i
		default:
			from[i] = n
		}
		n++
	}
	return from
}

// A ladder takes fewer elements than a step in parts, without masks: of a number of them the part that the
// lowest bit stands for, and so on, or from the highest one down.
type ladder struct{ made int } // to name labels

// climb does each part if unless does not jump.
func (d *ladder) climb(parts []int, unless func(part int, to string), label func(string), do func(part int)) {
	d.made++
	for _, elements := range parts {
		skip := fmt.Sprintf("part%dBelow%d", d.made, 2*elements)
		unless(elements, skip)
		do(elements)
		label(skip)
	}
}

// partsUp returns the powers of two below a number of lanes.
func partsUp(lanes int) (parts []int) {
	for part := 1; part < lanes; part *= 2 {
		parts = append(parts, part)
	}
	return parts
}

// partsDown is partsUp from the greatest part on.
func partsDown(lanes int) []int {
	parts := partsUp(lanes)
	slices.Reverse(parts)
	return parts
}
