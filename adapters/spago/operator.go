package spago

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// function is dropout of all matrices of a call. Each of its results has an operator of its own, an
// output, which hands on its gradient: function waits until it has them all, and computes all
// gradients at once.
type function struct {
	pass     spatialdropout.Pass
	geometry layout.Geometry
	xs       []mat.Tensor
}

// Forward returns what has been computed already.
func (f *function) Forward() (mat.Tensor, error) {
	return &bundle{Matrix: mat.NewDense[float32](mat.WithShape(0, 0)), grads: make([]mat.Matrix, len(f.xs))}, nil
}

func (f *function) Operands() []mat.Tensor { return f.xs }

// Backward gives each matrix its gradient. It has the shape of the matrix: that of a sum is flat,
// whatever was summed.
func (f *function) Backward(gy mat.Tensor) error {
	dys := gy.(*bundle).take()
	dxs, from := blank(f.xs[0], len(dys)), make([]mat.Tensor, len(dys))
	var none mat.Tensor
	for i, dy := range dys {
		from[i] = dy
		if dy != nil {
			continue
		}
		if none == nil {
			none = blank(f.xs[0], 1)[0] // zeros, and read as often as needed
		}
		from[i] = none
	}
	if err := f.pass.Backward(tensor(f.xs[0], dxs, f.geometry), tensor(f.xs[0], from, f.geometry)); err != nil {
		return err
	}
	f.handOn(dys, dxs)
	return nil
}

// handOn gives each matrix its gradient, where there is one. spago copies it, to memory that the
// operating system has yet to give: several goroutines do that for many.
func (f *function) handOn(dys []mat.Matrix, dxs []mat.Tensor) {
	some := func(from, to int) {
		for i, x := range f.xs[from:to] {
			if dys[from+i] != nil && x.RequiresGrad() {
				x.AccGrad(dxs[from+i])
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), f.geometry.Len()/shared)
	if workers <= 1 || !distinct(f.xs) {
		some(0, len(f.xs))
		return
	}
	var wg sync.WaitGroup
	for k := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			some(k*len(f.xs)/workers, (k+1)*len(f.xs)/workers)
		}()
	}
	wg.Wait()
}

// shared is the number of elements for which it pays to start a goroutine.
const shared = 1 << 18

// distinct reports whether no two of the nodes are one. The sum of three gradients depends on their
// order.
func distinct(xs []mat.Tensor) bool {
	seen := make(map[mat.Tensor]bool, len(xs))
	for _, x := range xs {
		if !reflect.TypeOf(x).Comparable() || seen[x] {
			return false
		}
		seen[x] = true
	}
	return true
}

// output is one of the results of a function.
type output struct {
	all   *ag.Operator
	index int
	y     mat.Tensor
}

func (o *output) Forward() (mat.Tensor, error) { return o.y, nil }

func (o *output) Operands() []mat.Tensor { return []mat.Tensor{o.all} }

func (o *output) Backward(gy mat.Tensor) error {
	dy, ok := gy.(mat.Matrix)
	if !ok || gy.Size() != o.y.Size() {
		return &InputError{Index: o.index, Given: fmt.Sprintf("a gradient of %v", gy.Shape()), Want: fmt.Sprintf("one of %v", o.y.Shape())}
	}
	o.all.AccGrad(&part{Matrix: dy, index: o.index})
	return nil
}

// part is the gradient of one result, on its way to the function.
type part struct {
	mat.Matrix
	index int
}

// bundle is the value of a function: no numbers, but the gradients of its results.
type bundle struct {
	mat.Matrix // for what the graph asks of any value

	mu    sync.Mutex
	grads []mat.Matrix
	any   bool
}

func (b *bundle) Value() mat.Tensor { return b }

// Grad returns b itself if it has a gradient.
func (b *bundle) Grad() mat.Tensor {
	if b.HasGrad() {
		return b
	}
	return nil
}

func (b *bundle) HasGrad() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.any
}

// AccGrad adds the gradient of one result.
func (b *bundle) AccGrad(grad mat.Tensor) {
	p := grad.(*part)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.any = true
	b.grads[p.index] = p.Matrix
}

func (b *bundle) ZeroGrad() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.any = false
	clear(b.grads)
}

// take returns the gradients of all results, nil where there is none, and forgets them: a later
// backward pass brings its own.
func (b *bundle) take() []mat.Matrix {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.grads
	b.grads, b.any = make([]mat.Matrix, len(all)), false
	return all
}
