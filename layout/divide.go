package layout

// Divides reports whether the buffer of the tensor falls into n slices of equal length that
// hold whole feature maps: as many samples each, or as many channels of one sample where those
// come before the spatial axes, whole groups of them in a blocked order. Where the channels are
// around the samples, these are channels, or samples of one channel. One slice is the buffer
// itself. Gaps belong to no slice: a view that has any cannot be divided. Without elements any
// number of slices will do.
func (g *Geometry) Divides(n int) bool {
	switch {
	case n < 1 || g.length == 0:
		return n >= 0 && g.length == 0
	case g.length != g.samples*g.padded*g.positions:
		return n == 1
	}
	for nest := g.nest; nest != 0 && n > 1; nest >>= levelBits {
		level := uint8(nest & (seamless - 1))
		if level != sampleLevel && level != channelLevel {
			break
		}
		size := g.loop(level).Size
		if n%size != 0 {
			return size%n == 0
		}
		n /= size
	}
	return n == 1
}
