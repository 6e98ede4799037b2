package layout

// SamplesFirst reports whether the elements of a sample lie together, before those of the next: whether
// no other axis is around the samples. It is so with a single sample.
func (g *Geometry) SamplesFirst() bool {
	return g.samples <= 1 || g.nest == 0 || g.nest&levelMask == sampleLevel
}

// ChannelsInside reports whether the channels of a sample, or of a part of it, lie inside the samples:
// whether no axis of channels is around that of samples.
func (g *Geometry) ChannelsInside() bool {
	for nest := g.nest; nest != 0 && g.samples > 1; nest >>= levelBits {
		switch nest & levelMask {
		case sampleLevel:
			return true
		case channelLevel, groupLevel:
			return false
		}
	}
	return true
}

// Packed returns the geometry of a dense tensor with so many of the channels, whose axes are in the order of g
// and otherwise as long. It returns false if channels is negative or more than g has, and if the channels of g
// are in groups, more than one of them. It does not allocate.
func (g *Geometry) Packed(channels int) (Geometry, bool) {
	if channels < 0 || channels > g.channels || g.block > 0 && g.padded > int(g.block) {
		return Geometry{}, false
	}
	p := *g
	p.nest, p.length, p.shape, p.block = 0, 0, 0, 0
	p.channels, p.padded, p.channelStride = channels, channels, 0
	// From the innermost axis outwards: the nest holds the outermost in its lowest bits.
	count := 0
	for nest := g.nest; nest != 0; nest >>= levelBits {
		count++
	}
	stride := 1 // which overflows no int, as the sizes of g do not
	for i := count - 1; i >= 0; i-- {
		switch level := g.nest >> (levelBits * i) & levelMask; {
		case level == sampleLevel:
			p.sampleStride = stride
			stride *= max(p.samples, 1)
		case level == groupLevel, level == channelLevel:
			p.channelStride = stride
			stride *= max(channels, 1)
		default:
			a := &p.spatial[level-spatialLevel]
			a.stride = stride
			stride *= max(a.size, 1)
		}
	}
	p.finish() // dense axes nest, in no more loops than those of g
	return p, true
}

// SharedLoops returns the loops of [Geometry.Loops] for samples that have one list of factors
// together: Σ index·Factor is c. Axes without a gap between them are one loop.
//
// SharedLoops does not allocate unless the slice outlives the caller.
func (g *Geometry) SharedLoops() []Loop {
	var room [MaxLoops]Loop
	return room[:g.listShared(&room)]
}

// listShared sets the loops and returns their number.
func (g *Geometry) listShared(loops *[MaxLoops]Loop) int {
	if g.nest == 0 {
		return g.list(loops)
	}
	n := 0
	for nest := g.nest; nest != 0; nest >>= levelBits {
		level := uint8(nest & levelMask)
		l := g.loop(level)
		if level == sampleLevel {
			l.Factor = 0
		}
		if n > 0 {
			if around := &loops[n-1]; around.Dst == l.Size*l.Dst && around.Factor == l.Size*l.Factor {
				l.Size *= around.Size
				n--
			}
		}
		loops[n] = l
		n++
	}
	return n
}

// SampleOffset returns where sample n begins in the buffer.
func (g *Geometry) SampleOffset(n int) int { return n * g.sampleStride }
