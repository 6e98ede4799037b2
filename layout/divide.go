package layout

// Divides reports whether n slices of equal length, one after the other, can be the buffer of
// the tensor and hold whole feature maps. Each holds the same number of samples, or of channels
// of one sample if the channels come before the spatial axes. In a blocked order these are
// whole groups of channels. If the channels lie around the samples, each slice holds the same
// number of channels, or of samples of one channel. One slice is the buffer itself. A view with
// gaps cannot be divided, because gaps belong to no slice. Any number of slices is a tensor
// without elements.
func (g *Geometry) Divides(n int) bool {
	switch {
	case n < 1 || g.length == 0:
		return n >= 0 && g.length == 0
	case g.length != g.samples*g.PaddedChannels()*g.positions:
		return n == 1
	}
	var sizes [levels]int
	g.sizes(&sizes)
	for nest := g.nest; nest != 0 && n > 1; nest >>= levelBits {
		level := nest & levelMask
		if level != sampleLevel && level != channelLevel {
			break
		}
		size := sizes[level]
		if n%size != 0 {
			return size%n == 0
		}
		n /= size
	}
	return n == 1
}
