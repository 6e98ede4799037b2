package spatialdropout

import (
	"fmt"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Layer is dropout of data of one type, with a memory: Forward keeps its pass, and Backward
// uses it. A Layer starts in training and serves one goroutine at a time. [NewLayer] and
// [LayerOf] make one: the zero Layer is a [*UseError], which methods without an error panic
// with.
//
// A Layer that runs several times before its backward passes, as one with shared weights
// does, forgets all passes but the last. [Layer.Pass] returns each of them after its
// Forward.
//
// A fused call is one of [Layer.Dropout]: [Dropout.Fuse] in training, [Dropout.FuseEvaluation] otherwise.
type Layer[T kernel.Float | kernel.Half] struct {
	kind       *kernel.Kind
	drop       *Dropout
	mask       *mask.Mask // of the last Forward
	spare      *mask.Mask // for the next one
	pass       Pass
	state      passState
	evaluation bool
}

// passState says what has become of a layer's pass.
type passState uint8

const (
	noPass passState = iota
	fresh
	used
)

// NewLayer returns a layer in training. Its errors are those of [New]. Layers of one
// network need seeds of their own: with the same seed they drop the same channels. Without
// one each has a random seed, and for runs that can be repeated [mask.Child] makes one of a
// common seed.
func NewLayer[T kernel.Float](rate float64, opts ...Option) (*Layer[T], error) {
	d, err := New(rate, opts...)
	if err != nil {
		return nil, err
	}
	return LayerOf[T](kernel.Of[T](nil).Kind(), d)
}

// LayerOf returns a layer in training that draws with d: a new Dropout, one of [Restore], which
// goes on where its state was taken, or one that others use, too. The kind is that of the data,
// see [As]. LayerOf returns a [*kernel.ArgumentError] if the elements of the kind have another size, or
// kind is nil or zero, and a [*UseError] if d is nil or zero.
func LayerOf[T kernel.Float | kernel.Half](kind *kernel.Kind, d *Dropout) (*Layer[T], error) {
	if err := fits[T](kind); err != nil {
		return nil, err
	}
	if err := d.zero(); err != nil {
		return nil, err
	}
	return &Layer[T]{kind: kind, drop: d, mask: new(mask.Mask), spare: new(mask.Mask)}, nil
}

// fits returns an error unless a T holds an element of the kind.
func fits[T kernel.Float | kernel.Half](kind *kernel.Kind) error {
	var x T
	if kind.String() == (*kernel.Kind)(nil).String() { // nil, or zero
		return &kernel.ArgumentError{Argument: "kind", Given: "no kind", Want: "one such as kernel.F32"}
	}
	if size := int(unsafe.Sizeof(x)); size != kind.Size() {
		return &kernel.ArgumentError{Argument: "kind", Given: fmt.Sprintf("elements of %d bytes for a layer of %s", size, kind.String()), Want: fmt.Sprintf("elements of %d bytes", kind.Size())}
	}
	return nil
}

// zero returns an error if l is none that a function has made.
func (l *Layer[T]) zero() error {
	if l == nil || l.drop == nil {
		return &UseError{"no Layer, or a zero one", "one of NewLayer"}
	}
	return nil
}

// must panics if l is none that a function has made.
func (l *Layer[T]) must() {
	if err := l.zero(); err != nil {
		panic(err)
	}
}

// SetTraining switches between training and evaluation, from the next Forward on.
func (l *Layer[T]) SetTraining(training bool) {
	l.must()
	l.evaluation = !training
}

// Training reports whether the layer is in training.
func (l *Layer[T]) Training() bool {
	l.must()
	return !l.evaluation
}

// Dropout returns what the layer draws with.
func (l *Layer[T]) Dropout() *Dropout {
	l.must()
	return l.drop
}

// Pass returns the pass of the last Forward: a value that stays right whatever the layer
// does later. It returns the zero Pass before the first Forward.
func (l *Layer[T]) Pass() Pass {
	l.must()
	p := l.pass
	if p.mask != nil {
		if l.drop.gen.once {
			// It cannot be drawn again: the layer lets go of it.
			l.mask = new(mask.Mask)
		} else {
			p.mask = nil
		}
	}
	return p
}

// Forward writes src with dropout to dst, which may be src: with a new mask in training, as
// [Dropout.Evaluate] does in evaluation. Its errors are those of [Dropout.Forward]. On an
// error dst is untouched, and Backward still belongs to the Forward before.
func (l *Layer[T]) Forward(dst, src []T, g layout.Geometry) error {
	if err := l.zero(); err != nil {
		return err
	}
	to, from := kernel.As(l.kind, dst), kernel.As(l.kind, src)
	var p Pass
	var err error
	if l.evaluation && !l.drop.always {
		err = l.drop.evaluate(&p, to, from, &g, &g)
	} else if l.drop.gen.once {
		err = l.drop.forwardOnce(&p, to, from, &g, &g, l.spare)
	} else {
		err = l.drop.forward(&p, to, from, &g, &g, l.spare)
	}
	if err != nil {
		return err
	}
	l.pass, l.state = p, fresh
	if p.mask != nil {
		l.mask, l.spare = l.spare, l.mask
	}
	return nil
}

// Backward writes the gradient with respect to the src of the last Forward to dst. src is
// the gradient with respect to its output, and dst may be src. g may lie otherwise in
// memory than that of Forward, with the same samples and channels. Without a Forward of its
// own Backward returns a [*UseError]. The other errors are those of [Apply].
func (l *Layer[T]) Backward(dst, src []T, g layout.Geometry) error {
	return l.backward(kernel.Scale, dst, src, &g)
}

// AddTo adds what [Layer.Backward] would write to dst, see [Pass.AddTo].
func (l *Layer[T]) AddTo(dst, src []T, g layout.Geometry) error {
	return l.backward(kernel.Add, dst, src, &g)
}

func (l *Layer[T]) backward(op kernel.Op, dst, src []T, g *layout.Geometry) error {
	if err := l.zero(); err != nil {
		return err
	}
	if l.state != fresh {
		given := "a backward pass without a Forward before it"
		if l.state == used {
			given = "a second backward pass after one Forward"
		}
		return &UseError{given, "a Forward for each; Layer.Pass gives passes that run in any order"}
	}
	if err := l.pass.apply(op, kernel.As(l.kind, dst), kernel.As(l.kind, src), g, g, true); err != nil {
		return err
	}
	l.state = used
	return nil
}
