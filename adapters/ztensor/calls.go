package ztensor

import (
	"runtime"
	"sync"
	"weak"

	"github.com/zerfoo/ztensor/tensor"
)

// calls are forward passes by their inputs. A graph gives Backward the inputs and nothing else
// that tells one pass from another. Inputs are not kept alive.
type calls[T Float] struct {
	mu sync.Mutex // the garbage collector takes entries away
	of map[weak.Pointer[tensor.TensorNumeric[T]]]*passes[T]
}

// passes are those on one input, the last one behind the others.
type passes[T Float] struct {
	stack []*Call[T]
	used  bool // whether the only one that is left has had its gradient
}

// push adds a pass on x.
func (c *calls[T]) push(x *tensor.TensorNumeric[T], call *Call[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := weak.Make(x)
	p := c.of[key]
	if p == nil {
		if c.of == nil {
			c.of = map[weak.Pointer[tensor.TensorNumeric[T]]]*passes[T]{}
		}
		p = &passes[T]{}
		c.of[key] = p
		runtime.AddCleanup(x, c.forget, key)
	}
	if p.used {
		p.stack, p.used = p.stack[:0], false
	}
	if n := len(p.stack); n > 0 && p.stack[n-1].pass == call.pass {
		p.stack = p.stack[:n-1] // evaluation after evaluation: one gradient is that of the other
	}
	p.stack = append(p.stack, call)
}

// last returns the last pass on x that has had no gradient, and what to call when it has had it.
// It returns nil if there was none.
func (c *calls[T]) last(x *tensor.TensorNumeric[T]) (call *Call[T], taken func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.of[weak.Make(x)]
	if p == nil || len(p.stack) == 0 {
		return nil, nil
	}
	n := len(p.stack) - 1
	call = p.stack[n]
	return call, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case len(p.stack) != n+1 || p.stack[n] != call: // another goroutine was faster
		case n == 0:
			p.used = true
		default:
			p.stack = p.stack[:n]
		}
	}
}

// forget drops the passes on a tensor that is no more.
func (c *calls[T]) forget(key weak.Pointer[tensor.TensorNumeric[T]]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, key)
}

// reset drops all passes. Tensors stay known: each has its cleanup.
func (c *calls[T]) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.of {
		*p = passes[T]{}
	}
}
