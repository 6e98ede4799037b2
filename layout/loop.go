package layout

// Loop is one level of a nest of loops that visits the elements of two buffers,
// dst and src, and the channel factor of each element. A loop takes Size steps.
// Each step moves Dst elements further in dst, Src elements further in src, and
// Factor entries further in the list of factors. Along a spatial axis Factor is
// 0: the channel does not change.
type Loop struct {
	Size, Dst, Src, Factor int
}

// MaxLoops is the greatest depth of a nest. N, C, D, H and W with gaps between
// them are five loops. A blocked order splits C in two.
const MaxLoops = 6

// nest collects the loops of a tensor: N, up to three for C, and the spatial ones.
type nest struct {
	loops [4 + maxSpatial]Loop
	n     int
}

// add adds a loop, unless it is one of a single step, outside those that are
// shorter in dst.
func (n *nest) add(size, dst, src, factor int) {
	if size == 1 {
		return
	}
	i := n.n
	for ; i > 0 && n.loops[i-1].Dst < dst; i-- {
		n.loops[i] = n.loops[i-1]
	}
	n.loops[i] = Loop{Size: size, Dst: dst, Src: src, Factor: factor}
	n.n++
}

// merged returns the loops, outermost first, with those made one between which
// there is no gap. If there are none it returns one of a single step.
func (n *nest) merged() []Loop {
	if n.n == 0 {
		n.loops[0] = Loop{Size: 1, Dst: 1, Src: 1}
		return n.loops[:1]
	}
	merged := n.loops[:1]
	for _, l := range n.loops[1:n.n] {
		outer := &merged[len(merged)-1]
		if outer.Dst == l.Size*l.Dst && outer.Src == l.Size*l.Src && outer.Factor == l.Size*l.Factor {
			*outer = Loop{Size: outer.Size * l.Size, Dst: l.Dst, Src: l.Src, Factor: l.Factor}
			continue
		}
		merged = append(merged, l)
	}
	return merged
}
