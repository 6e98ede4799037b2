package main

import (
	"github.com/spatialdropout/spatialdropout/layout"
)

// Bandwidth is the best throughput of a run, and the contender that reached it.
type Bandwidth struct {
	GBs float64 `json:"gb_per_s"`
	By  string  `json:"by"`
}

// offer replaces b if gbs is better.
func (b *Bandwidth) offer(gbs float64, by string) {
	if gbs > b.GBs {
		*b = Bandwidth{gbs, by}
	}
}

// Bandwidths are what memory allows for one size of a tensor. Each element counts once,
// whether it is read, written or both.
type Bandwidths struct {
	Case   string    `json:"case"`
	Bytes  int       `json:"bytes"`
	Copy   Bandwidth `json:"copy"`         // read one, write another
	Fill   Bandwidth `json:"fill"`         // write
	Update Bandwidth `json:"update"`       // read and write back
	Add    Bandwidth `json:"add,omitzero"` // read both, write one back
}

// work is the least that a call must do.
type work struct {
	order        layout.Order
	dropped      float64 // share of the elements
	inPlace, add bool
}

// op returns the name of the function that does the work.
func (w work) op() string {
	if w.add {
		return "AddTo"
	}
	return "Apply"
}

// of returns the bandwidth that bounds kept elements.
func (b *Bandwidths) of(w work) *Bandwidth {
	switch {
	case w.add:
		return &b.Add
	case w.inPlace:
		return &b.Update
	}
	return &b.Copy
}

// limit returns the throughput of the work if only memory takes time.
func (b Bandwidths) limit(w work) float64 {
	kept := b.of(w).GBs
	switch {
	case w.order == layout.NHWC: // a cache line holds kept and dropped channels
		return kept
	case w.add: // dropped planes are not touched
		return kept / (1 - w.dropped)
	}
	// A dropped plane need not be read, but is if that is faster.
	return 1 / ((1-w.dropped)/kept + w.dropped/max(kept, b.Fill.GBs))
}
