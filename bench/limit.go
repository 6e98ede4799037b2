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
	Copy   Bandwidth `json:"copy"`   // read here, write there
	Fill   Bandwidth `json:"fill"`   // write
	Update Bandwidth `json:"update"` // read and write back
}

// work is what a call has to do at least.
type work struct {
	order   layout.Order
	dropped float64 // share of the elements
	inPlace bool
}

// limit returns the throughput of the work where memory is all that takes time.
func (b Bandwidths) limit(w work) float64 {
	kept := b.Copy.GBs
	if w.inPlace {
		kept = b.Update.GBs
	}
	dropped := kept // on a cache line of channels-last data are channels of both kinds
	if w.order != layout.NHWC {
		// A dropped plane need not be read, but may be if that is no slower.
		dropped = max(kept, b.Fill.GBs)
	}
	return 1 / ((1-w.dropped)/kept + w.dropped/dropped)
}
