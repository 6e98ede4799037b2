package main

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// every computes with every channel: dropout writes zeros, which the convolution multiplies.
type every struct {
	problem
	mask    mask.Mask
	dropped []float32 // the input with dropout, for the gradient of the filters
	sums    total
	samples []convolution // one for each worker
}

func (l *every) forward(y, x []float32) error {
	geom, err := l.geometry()
	if err != nil {
		return err
	}
	if err := l.drop.DrawInto(&l.mask, geom); err != nil {
		return err
	}
	l.dropped = resize(l.dropped, len(x))
	if err := spatialdropout.ApplyTensor(spatialdropout.Of(l.dropped, geom), spatialdropout.Of(x, geom), &l.mask, l.workers); err != nil {
		return err
	}
	l.samples = atLeast(l.samples, l.workers)
	return l.each(func(w, i int) error {
		l.samples[w].output(l.shape, l.output(y, i), l.filters, l.input(l.dropped, i))
		return nil
	})
}

func (l *every) backward(dx, df, dy []float32) error {
	geom, err := l.geometry()
	if err != nil {
		return err
	}
	l.sums = l.sums.of(df, l.workers)
	err = l.each(func(w, i int) error {
		l.samples[w].gradients(l.shape, l.beta(w, i), l.sums[w], l.input(dx, i), l.filters, l.input(l.dropped, i), l.output(dy, i))
		return nil
	})
	if err != nil {
		return err
	}
	l.sums.sum()
	d := spatialdropout.Of(dx, geom)
	return spatialdropout.ApplyTensor(d, d, &l.mask, l.workers)
}

func (l *every) bytes() int {
	n := len(l.dropped) + l.sums.len()
	for i := range l.samples {
		n += len(l.samples[i].patches)
	}
	return 4 * n
}
