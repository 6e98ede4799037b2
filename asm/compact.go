package main

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
	// jumpIfNone jumps if no bit is left. toPlane goes to the plane of the lowest bit, and
	// takes its factor. afterPlane takes that bit away and jumps if another is left.
	jumpIfNone(to string)
	toPlane()
	afterPlane(from string)
	// nextGroup moves to the next group and jumps if there is one. endGroups ends the loop.
	nextGroup(from string)
	endGroups()

	// startLanes sets up what all rows need, and finds out where packed ends.
	startLanes()
	// startSteps begins with the channels of a row, and jumps if they are no whole step. againSteps
	// moves to the next step and jumps if it is a whole one.
	startSteps(to string)
	againSteps(from string)
	// takeLanes takes the factors of as many channels, or of those that are left if tail,
	// and finds out which are kept.
	takeLanes(tail bool)
	// jumpIfNear jumps if from here packed has less than a whole vector, and jumpIfLast if it has less
	// than one after what is kept of this row.
	jumpIfNear(to string)
	jumpIfLast(to string)
	// jumpIfWhole jumps if nothing of a row is left.
	jumpIfWhole(to string)

	// compress leaves the products of the kept channels side by side. putPacked stores them,
	// a whole vector or no more than there are, and moves on.
	compress(tail bool)
	putPacked(whole bool)
	// takePacked takes the elements of the kept channels, a whole vector or no more than there
	// are. expand puts each at its channel, and stores what becomes of it.
	takePacked(whole bool)
	expand(tail bool)
}

// compaction writes the loop of a kernel that compacts.
func (l *loops) compaction() {
	switch {
	case l.pixels && l.gathers():
		l.gatherRows()
	case l.pixels:
		l.scatterRows()
	default:
		if l.stream {
			l.jumpIf(atLeast(streamedBytes/l.size), "long")
			l.cached = true
			l.compactPlanes("short")
			l.cached = false
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
		c.jumpIfNone(label + "None")
		l.label(label)
		c.toPlane()
		l.sweep(label, m, true, formula, step)
		c.afterPlane(label)
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
	c.nextGroup(name + "Group")
	c.endGroups()
	l.ret()
}

// gatherRows walks rows, of which the products of the kept channels are stored side by side. A
// store of a whole vector reaches into what is stored next, up to where dst ends. In place
// that has been read before: what is stored lies before what is read.
func (l *loops) gatherRows() {
	c := l.machine.(compactor)
	c.startLanes()
	l.label("row")
	c.startSteps("rest")
	c.jumpIfLast("last")
	l.comment(l.formula(choice{}))
	l.label("vector")
	c.takeLanes(false)
	c.compress(false)
	c.putPacked(true)
	c.againSteps("vector")
	l.label("rest")
	c.jumpIfWhole("next")
	c.takeLanes(true)
	c.compress(true)
	c.putPacked(false)
	l.label("next")
	l.jumpIf(another, "row")
	l.ret()

	l.label("last")
	c.takeLanes(false)
	c.compress(false)
	c.jumpIfNear("near")
	c.putPacked(true)
	l.label("placed")
	c.againSteps("last")
	l.jump("rest")
	l.label("near")
	c.putPacked(false)
	l.jump("placed")
}

// scatterRows walks rows, whose kept channels lie side by side in src. A load of a whole
// vector reaches into what is loaded next, up to where src ends.
func (l *loops) scatterRows() {
	c := l.machine.(compactor)
	c.startLanes()
	l.label("row")
	c.startSteps("rest")
	c.jumpIfLast("last")
	l.comment(l.formula(choice{drop: true}))
	l.label("vector")
	c.takeLanes(false)
	c.takePacked(true)
	c.expand(false)
	c.againSteps("vector")
	l.label("rest")
	c.jumpIfWhole("next")
	c.takeLanes(true)
	c.takePacked(false)
	c.expand(true)
	l.label("next")
	l.jumpIf(another, "row")
	l.ret()

	l.label("last")
	c.takeLanes(false)
	c.jumpIfNear("near")
	c.takePacked(true)
	l.label("taken")
	c.expand(false)
	c.againSteps("last")
	l.jump("rest")
	l.label("near")
	c.takePacked(false)
	l.jump("taken")
}
