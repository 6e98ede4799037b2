package layout

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
