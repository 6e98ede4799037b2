package layout

// Packed returns the geometry of a dense tensor with so many of the channels, whose axes are in the order of g
// and otherwise as long. It returns false if channels is negative or more than g has, and if the channels of g
// are in groups, more than one of them. It does not allocate.
func (g *Geometry) Packed(channels int) (Geometry, bool) {
	if channels < 0 || channels > g.channels || g.group() > 0 && g.channels > 1<<g.group() {
		return Geometry{}, false
	}
	d := scalar()
	d.counts = counts{samples: g.samples, positions: g.positions}
	d.form = form{channels, g.axes & spatial}
	d.dims = g.dims
	var sizes [levels]int
	g.sizes(&sizes)
	// From the innermost axis outwards: the nest holds the outermost in its lowest bits.
	stride := 1 // which overflows no int, as the sizes of g do not
	for i := levels - 1; i >= 0; i-- {
		level := g.nest >> (levelBits * i) & levelMask
		if level == 0 {
			continue
		}
		size := sizes[level]
		if level == groupLevel || level == channelLevel {
			level, size = channelLevel, channels
		}
		d.levels[level] = axis{size, stride}
		stride *= max(size, 1)
	}
	d.finish() // dense axes nest, in no more loops than those of g
	return d.Geometry, true
}
