package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timing is one measurement of a contender.
type timing struct {
	shape             shape
	rate              float64
	contender         string
	round             int
	forward, backward time.Duration
	bytes             int // what the layer holds, see layer
}

// pass returns which part of a timing is meant.
type pass func(timing) time.Duration

func both(t timing) time.Duration { return t.forward + t.backward }

var passes = []struct {
	name string
	of   pass
}{
	{"forward", func(t timing) time.Duration { return t.forward }},
	{"backward", func(t timing) time.Duration { return t.backward }},
	{"both", both},
}

// measurement is all times of a plan.
type measurement struct {
	plan
	times []timing
}

// rounds returns the number of rounds.
func (m measurement) rounds() int {
	n := 0
	for _, t := range m.times {
		n = max(n, t.round+1)
	}
	return n
}

// of returns the times of a contender by their round.
func (m measurement) of(s shape, rate float64, contender string) map[int]timing {
	found := map[int]timing{}
	for _, t := range m.times {
		if t.shape == s && t.rate == rate && t.contender == contender {
			found[t.round] = t
		}
	}
	return found
}

// speedup returns how many times as fast as with every channel a contender is in a pass, from the times of
// each round, in which they were measured one soon after the other.
func (m measurement) speedup(s shape, rate float64, contender string, of pass) quartiles {
	var ratios []float64
	everything := m.of(s, rate, whole)
	for round, t := range m.of(s, rate, contender) {
		if w, ok := everything[round]; ok {
			ratios = append(ratios, float64(of(w))/float64(of(t)))
		}
	}
	return quartilesOf(ratios)
}

// quartiles are the lower quartile, the median and the upper quartile.
type quartiles [3]float64

// quartilesOf sorts numbers and returns their quartiles, between two of them where they lie there.
func quartilesOf(x []float64) quartiles {
	slices.Sort(x)
	var q quartiles
	for i := range q {
		at := float64((i+1)*(len(x)-1)) / 4
		low := int(at)
		high := min(low+1, len(x)-1)
		q[i] = x[low] + (at-float64(low))*(x[high]-x[low])
	}
	return q
}

// timesFile is where the times of several runs are kept.
const timesFile = "times.csv"

var header = []string{"products", "filters", "batch", "workers", "in", "out", "side", "filter", "rate", "contender", "round", "forward_ns", "backward_ns", "bytes"}

// write writes all times to a file.
func (m measurement) write(name string) error {
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.Write(header)
	for _, t := range m.times {
		row := []string{library, m.order.String()}
		for _, n := range []int{m.batch, m.workers, t.shape.in, t.shape.out, t.shape.side, t.shape.filter} {
			row = append(row, strconv.Itoa(n))
		}
		row = append(row, strconv.FormatFloat(t.rate, 'g', -1, 64), t.contender)
		for _, n := range []int{t.round, int(t.forward), int(t.backward), t.bytes} {
			row = append(row, strconv.Itoa(n))
		}
		w.Write(row)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text.String()), 0o666)
}

// read returns the times of a file, none if there is no such file. It refuses times with other products
// of matrices than those of the given library.
func read(name, library string) (measurement, error) {
	var m measurement
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return m, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], header) {
		return m, fmt.Errorf("%s: want a first line %q", name, strings.Join(header, ","))
	}
	for i, row := range rows[1:] {
		t, err := m.parse(row, library)
		if err != nil {
			return m, fmt.Errorf("%s: line %d: %w", name, i+2, err)
		}
		m.times = append(m.times, t)
	}
	return m, nil
}

// parse returns the timing of a row, and checks or sets what all rows have in common.
func (m *measurement) parse(row []string, library string) (t timing, err error) {
	if row[0] != library {
		return t, fmt.Errorf("products by %s, want %s", row[0], library)
	}
	var o order
	if err := o.UnmarshalText([]byte(row[1])); err != nil {
		return t, err
	}
	var numbers [10]int
	for i, at := range []int{2, 3, 4, 5, 6, 7, 10, 11, 12, 13} {
		if numbers[i], err = strconv.Atoi(row[at]); err != nil {
			return t, err
		}
	}
	t = timing{
		shape:     shape{in: numbers[2], out: numbers[3], side: numbers[4], filter: numbers[5], order: o},
		contender: row[9],
		round:     numbers[6],
		forward:   time.Duration(numbers[7]),
		backward:  time.Duration(numbers[8]),
		bytes:     numbers[9],
	}
	if t.rate, err = strconv.ParseFloat(row[8], 64); err != nil {
		return t, err
	}
	p := plan{order: o, batch: numbers[0], workers: numbers[1]}
	if err := m.fits(p); err != nil {
		return t, err
	}
	m.order, m.batch, m.workers = p.order, p.batch, p.workers
	return t, nil
}

// fits returns an error unless the times are of filters, a batch and workers like those of a plan.
func (m measurement) fits(p plan) error {
	if len(m.times) > 0 && (m.order != p.order || m.batch != p.batch || m.workers != p.workers) {
		return fmt.Errorf("times of filters %v, batch %d, workers %d, want %v, %d and %d", m.order, m.batch, m.workers, p.order, p.batch, p.workers)
	}
	return nil
}
