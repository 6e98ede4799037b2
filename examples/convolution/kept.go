package main

import (
	"slices"

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
	shared   bool                      // all samples keep the same channels
	sums     total
	samples  []sample // one for each worker; the first one's filters are everyone's if shared
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
	l.shared = true
	for i := range l.batch {
		l.shared = l.shared && slices.Equal(l.channels.Kept(i), l.channels.Kept(0))
	}
	if l.shared {
		if err := l.gather(&l.samples[0], 0, l.workers); err != nil {
			return err
		}
	}
	return l.each(func(w, i int) error {
		at, filters, err := l.at(w, i)
		if err != nil {
			return err
		}
		at.output(l.of(l.channels.Count(i)), l.output(y, i), filters, l.part(i))
		return nil
	})
}

func (l *kept) backward(dx, df, dy []float32) error {
	first := &l.samples[0]
	if l.shared {
		first.gradient = resize(first.gradient, len(first.filters))
		l.sums = l.sums.of(first.gradient, l.workers)
	} else {
		l.sums = l.sums.of(df, l.workers)
		for _, sum := range l.sums {
			clear(sum)
		}
	}
	err := l.each(func(w, i int) error {
		at, filters, err := l.at(w, i)
		if err != nil {
			return err
		}
		beta, sum := l.beta(w, i), l.sums[w]
		if !l.shared {
			at.gradient = resize(at.gradient, len(filters))
			beta, sum = 0, at.gradient
		}
		x := l.part(i) // its gradient takes its place
		at.gradients(l.of(l.channels.Count(i)), beta, sum, x, filters, x, l.output(dy, i))
		if l.shared {
			return nil
		}
		return at.rows.ScatterAdd(kernel.Of(l.sums[w]), kernel.Of(at.gradient), 1)
	})
	if err != nil {
		return err
	}
	l.sums.sum()
	if l.shared {
		if err := first.rows.Scatter(kernel.Of(df), kernel.Of(first.gradient), l.workers); err != nil {
			return err
		}
	}
	return l.channels.Scatter(kernel.Of(dx), kernel.Of(l.packed), l.workers)
}

// part returns the kept channels of sample i.
func (l *kept) part(i int) []float32 {
	return l.packed[l.channels.Offset(i):][:l.channels.Count(i)*l.plane()]
}

// at returns the state of a worker that has come to sample i, and the filters of the kept channels.
func (l *kept) at(worker, i int) (*sample, []float32, error) {
	at := &l.samples[worker]
	if l.shared {
		return at, l.samples[0].filters, nil
	}
	err := l.gather(at, i, 1)
	return at, at.filters, err
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
		if i == 0 || !l.shared {
			n += len(l.samples[i].filters) + len(l.samples[i].gradient)
		}
	}
	return 4 * n
}
