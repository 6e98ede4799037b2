package main

import (
	"github.com/spatialdropout/spatialdropout/layout"
)

// Bandwidth is the best throughput that a machine showed in a run, and what
// showed it.
type Bandwidth struct {
	GBs float64 `json:"gb_per_s"`
	By  string  `json:"by"`
}

// offer makes b the better of b and another figure.
func (b *Bandwidth) offer(gbs float64, by string) {
	if gbs > b.GBs {
		*b = Bandwidth{gbs, by}
	}
}

// Bandwidths are what memory allows at one size of a tensor. Each element counts
// once, whether it is read, written or both.
type Bandwidths struct {
	Case   string    `json:"case"`
	Bytes  int       `json:"bytes"`
	Copy   Bandwidth `json:"copy"`         // read here, write there
	Fill   Bandwidth `json:"fill"`         // write
	Update Bandwidth `json:"update"`       // read and write back
	Add    Bandwidth `json:"add,omitzero"` // read both, write one back
}

// work is what a call has to do at least.
type work struct {
	order        layout.Order
	dropped      float64 // share of the elements
	inPlace, add bool
}

// op names the function that does the work.
func (w work) op() string {
	if w.add {
		return "AddTo"
	}
	return "Apply"
}

// of returns the bandwidth that a kept element is subject to.
func (b *Bandwidths) of(w work) *Bandwidth {
	switch {
	case w.add:
		return &b.Add
	case w.inPlace:
		return &b.Update
	}
	return &b.Copy
}

// limit returns the throughput of the work where memory is all that takes time.
func (b Bandwidths) limit(w work) float64 {
	kept := b.of(w).GBs
	switch {
	case w.order == layout.NHWC: // on a cache line are channels of both kinds
		return kept
	case w.add: // a dropped plane stays as it is
		return kept / (1 - w.dropped)
	}
	// A dropped plane need not be read, but may be if that is no slower.
	return 1 / ((1-w.dropped)/kept + w.dropped/max(kept, b.Fill.GBs))
}
