package main

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// kept computes with the kept channels alone. They are gathered from the input, and so are their
// filters; gradients are scattered.
type kept struct {
	problem
	mask     mask.Mask
	channels spatialdropout.Compaction // of the input
	packed   []float32                 // the kept channels of the input, scaled; after backward their gradient
	sums     total
	samples  []sample // one for each worker
}

// sample is what a worker needs for the sample that it is at.
type sample struct {
	convolution
	rows     spatialdropout.Compaction // of the filters
	filters  []float32                 // those of the kept channels
	gradient []float32                 // of these filters
}

func (l *kept) forward(y, x []float32) error {
	geom, err := l.geometry()
	if err != nil {
		return err
	}
	if err := l.drop.DrawInto(&l.mask, geom); err != nil {
		return err
	}
	if err := l.channels.Reset(&l.mask, geom); err != nil {
		return err
	}
	l.packed = resize(l.packed, l.channels.Len())
	if err := l.channels.Gather(kernel.Of(l.packed), kernel.Of(x), l.workers); err != nil {
		return err
	}
	l.samples = atLeast(l.samples, l.workers)
	if l.channels.Shared() {
		if err := l.gather(&l.samples[0], 0, l.workers); err != nil {
			return err
		}
	}
	gathered := l.samples[0].filters
	return l.each(func(w, i int) error {
		at, filters := &l.samples[w], gathered
		if !l.channels.Shared() {
			if err := l.gather(at, i, 1); err != nil {
				return err
			}
			filters = at.filters
		}
		at.output(l.of(len(l.channels.Kept(i))), l.output(y, i), filters, l.part(i))
		return nil
	})
}

func (l *kept) backward(dx, df, dy []float32) error {
	gradients := l.apart
	if l.channels.Shared() {
		gradients = l.together
	}
	if err := gradients(df, dy); err != nil {
		return err
	}
	return l.channels.Scatter(kernel.Of(dx), kernel.Of(l.packed), l.workers)
}

// together writes the gradient of the filters to df, and that of the packed input in its place, where all
// samples keep the same channels: the workers' sums have those alone, and are scattered once.
func (l *kept) together(df, dy []float32) error {
	first := &l.samples[0]
	first.gradient = resize(first.gradient, len(first.filters))
	l.sums = l.sums.of(first.gradient, l.workers)
	err := l.each(func(w, i int) error {
		x := l.part(i)
		l.samples[w].gradients(l.of(len(l.channels.Kept(i))), l.beta(w, i), l.sums[w], x, first.filters, x, l.output(dy, i))
		return nil
	})
	if err != nil {
		return err
	}
	l.sums.sum()
	return first.rows.Scatter(kernel.Of(df), kernel.Of(first.gradient), l.workers)
}

// apart does the same where samples keep channels of their own: the gradient of each is added to those of
// all channels.
func (l *kept) apart(df, dy []float32) error {
	l.sums = l.sums.of(df, l.workers)
	for _, sum := range l.sums {
		clear(sum)
	}
	err := l.each(func(w, i int) error {
		at, x := &l.samples[w], l.part(i)
		if err := l.gather(at, i, 1); err != nil {
			return err
		}
		at.gradient = resize(at.gradient, len(at.filters))
		at.gradients(l.of(len(l.channels.Kept(i))), 0, at.gradient, x, at.filters, x, l.output(dy, i))
		return at.rows.ScatterAdd(kernel.Of(l.sums[w]), kernel.Of(at.gradient), 1)
	})
	if err != nil {
		return err
	}
	l.sums.sum()
	return nil
}

// part returns the kept channels of sample i.
func (l *kept) part(i int) []float32 {
	return l.packed[l.channels.Offset(i):][:len(l.channels.Kept(i))*l.plane()]
}

// gather gathers the filters of the channels that sample i keeps.
func (l *kept) gather(at *sample, i, workers int) error {
	geom, err := l.filterGeometry()
	if err != nil {
		return err
	}
	if err := at.rows.ResetWeights(&l.mask, i, geom); err != nil {
		return err
	}
	at.filters = resize(at.filters, at.rows.Len())
	return at.rows.Gather(kernel.Of(at.filters), kernel.Of(l.filters), workers)
}

func (l *kept) bytes() int {
	n := len(l.packed) + l.sums.len()
	for i := range l.samples {
		n += len(l.samples[i].patches)
		if i == 0 || !l.channels.Shared() {
			n += len(l.samples[i].filters) + len(l.samples[i].gradient)
		}
	}
	return 4 * n
}
