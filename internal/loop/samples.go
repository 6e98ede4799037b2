package loop

import "github.com/spatialdropout/spatialdropout/layout"

// ofSamples reports whether the outermost axis of a loop of g is that of the samples. The entries of its factors are those of
// the whole tensor then. g has two samples or more.
func ofSamples(l *layout.Loop, g *layout.Geometry) bool {
	return l.Factor > 0 && l.Size*l.Factor == g.Samples()*g.PaddedChannels()
}

// SamplesFirst reports whether the elements of a sample lie together, before those of the next: whether
// no other axis is around the samples. It is so with a single sample.
func SamplesFirst(g *layout.Geometry) bool {
	return g.Samples() <= 1 || g.Len() == 0 || ofSamples(&g.Loops()[0], g)
}

// ChannelsInside reports whether the channels of a sample, or of a part of it, lie inside the samples:
// whether no axis of channels is around that of samples.
func ChannelsInside(g *layout.Geometry) bool {
	if g.Samples() <= 1 {
		return true
	}
	for _, l := range g.Loops() {
		if l.Factor > 0 {
			return ofSamples(&l, g)
		}
	}
	return true
}

// SampleOffset returns where sample n of g begins in the buffer.
func SampleOffset(g *layout.Geometry, n int) int {
	for _, l := range g.Loops() {
		if n > 0 && ofSamples(&l, g) {
			return n * g.PaddedChannels() / l.Factor * l.Dst
		}
	}
	return 0
}

// PerChannel makes the loops of g, whose samples lie inside the channels, those of samples that have one list of factors
// together: Σ index·Factor is c. Axes without a gap between them are one loop. It returns the loops that are left of those
// that it was given.
func PerChannel(loops []layout.Loop, g *layout.Geometry) []layout.Loop {
	n := 0
	for _, l := range loops {
		if g.Samples() > 1 && ofSamples(&l, g) {
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
	return loops[:n]
}
