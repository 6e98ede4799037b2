package gorgonia

import (
	"sync"
	"weak"

	"github.com/spatialdropout/spatialdropout"
	"gorgonia.org/tensor"
)

// passes says which pass has made which output. Machines run a node again before they have
// run its gradient, where a graph has several of them or was cloned, since clones share the
// operation. Each backward pass brings the output of its own forward pass.
//
// Outputs are not kept alive: the pass of an output that is gone is dropped.
type passes struct {
	mu       sync.Mutex
	byOutput map[weak.Pointer[tensor.Dense]]spatialdropout.Pass
	sweep    int // as many entries may be there before those of lost outputs are looked for
}

// fewPasses is how many entries are not worth a search for lost outputs.
const fewPasses = 16

// put records the pass that has made an output.
func (p *passes) put(output *tensor.Dense, pass spatialdropout.Pass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byOutput == nil {
		p.byOutput, p.sweep = make(map[weak.Pointer[tensor.Dense]]spatialdropout.Pass), fewPasses
	}
	if len(p.byOutput) >= p.sweep {
		for key := range p.byOutput {
			if key.Value() == nil {
				delete(p.byOutput, key)
			}
		}
		p.sweep = max(2*len(p.byOutput), fewPasses)
	}
	p.byOutput[weak.Make(output)] = pass
}

// of returns the pass that has made an output.
func (p *passes) of(output *tensor.Dense) (spatialdropout.Pass, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pass, ok := p.byOutput[weak.Make(output)]
	return pass, ok
}
