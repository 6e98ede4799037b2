package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spatialdropout/spatialdropout/internal/cpu"
)

// report says what was measured.
func (m measurement) report() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v\n%s, products by %s %s\n", cpu.This(), runtime.Version(), library, version(library))
	fmt.Fprintf(&s, "workers %d, batch %d, float32, filters %v, measured %s\n\n", m.workers, m.batch, m.order, m.counts())
	s.WriteString("Times as fast as with every channel, dropout and convolution, geometric mean of the convolutions:\n")
	s.WriteString(m.means() + "\n\n")
	s.WriteString("Forward and backward together, median (quartiles), and memory besides arguments and results,\nof every channel and of the kept ones:\n")
	s.WriteString(m.details() + "\n")
	return s.String()
}

// version returns that of a module of the program.
func version(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "(version unknown)"
}

// counts says how often everything was measured.
func (m measurement) counts() string {
	least, most := math.MaxInt, 0
	for _, s := range m.shapes {
		for _, rate := range m.rates {
			n := len(m.of(s, rate, whole))
			least, most = min(least, n), max(most, n)
		}
	}
	switch {
	case least == most && most == 1:
		return "once each"
	case least == most:
		return fmt.Sprintf("%d times each", most)
	}
	return fmt.Sprintf("%d to %d times each", least, most)
}

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// separate ends rows that belong together. A single one needs no rule, and the table would draw that of the
// first row within the header, too.
func (m measurement) separate(t table.Writer) {
	if len(m.rates) > 1 {
		t.AppendSeparator()
	}
}

// means returns the table of means over the convolutions with filters of one size.
func (m measurement) means() string {
	t := newTable()
	first, second := table.Row{"", ""}, table.Row{"filters", "rate"}
	for _, c := range contenders[1:] {
		for _, p := range passes {
			first, second = append(first, c.name), append(second, p.name)
		}
	}
	t.AppendHeader(first, table.RowConfig{AutoMerge: true})
	t.AppendHeader(second)
	for _, filter := range []int{3, 1} {
		var shapes []shape
		for _, s := range m.shapes {
			if s.filter == filter {
				shapes = append(shapes, s)
			}
		}
		if len(shapes) == 0 {
			continue
		}
		m.separate(t)
		for _, rate := range m.rates {
			row := table.Row{fmt.Sprintf("%d×%[1]d", filter), rate}
			for _, c := range contenders[1:] {
				for _, p := range passes {
					row = append(row, fmt.Sprintf("%.2f", m.mean(shapes, rate, c.name, p.of)))
				}
			}
			t.AppendRow(row)
		}
	}
	return t.Render()
}

// mean returns the geometric mean of the medians of several convolutions.
func (m measurement) mean(shapes []shape, rate float64, contender string, of pass) float64 {
	var sum float64
	for _, s := range shapes {
		sum += math.Log(m.speedup(s, rate, contender, of)[1])
	}
	return math.Exp(sum / float64(len(shapes)))
}

// details returns the table of every convolution.
func (m measurement) details() string {
	t := newTable()
	header := table.Row{"convolution", "rate", whole}
	for _, c := range contenders[1:] {
		header = append(header, c.name)
	}
	t.AppendHeader(append(header, "memory, "+contenders[1].name))
	for _, s := range m.shapes {
		for _, rate := range m.rates {
			row := table.Row{s, rate, fmt.Sprintf("%.1f ms", m.milliseconds(s, rate))}
			for _, c := range contenders[1:] {
				q := m.speedup(s, rate, c.name, both)
				row = append(row, fmt.Sprintf("%.2f (%.2f–%.2f)", q[1], q[0], q[2]))
			}
			t.AppendRow(append(row, fmt.Sprintf("%.1f → %.1f MB", m.megabytes(s, rate, whole), m.megabytes(s, rate, contenders[1].name))))
		}
		m.separate(t)
	}
	return t.Render()
}

// milliseconds returns the median of the time with every channel, forward and backward together.
func (m measurement) milliseconds(s shape, rate float64) float64 {
	var times []float64
	for _, t := range m.of(s, rate, whole) {
		times = append(times, float64(both(t))/1e6)
	}
	return quartilesOf(times)[1]
}

// megabytes returns the most memory that a contender held.
func (m measurement) megabytes(s shape, rate float64, contender string) float64 {
	most := 0
	for _, t := range m.of(s, rate, contender) {
		most = max(most, t.bytes)
	}
	return float64(most) / 1e6
}
