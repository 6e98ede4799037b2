package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/klauspost/cpuid/v2"
)

// report says what was measured.
func (m measurement) report() string {
	var s strings.Builder
	cpu := cpuid.CPU
	fmt.Fprintf(&s, "%s, family %d, model %d; %s, products by %s %s\n%d goroutines, batch %d, float32, filters %v, %d rounds at most\n\n",
		cpu.BrandName, cpu.Family, cpu.Model, runtime.Version(), library, version(library), m.workers, m.batch, m.order, m.rounds())
	s.WriteString("Speed-up of dropout and convolution together, geometric mean of the convolutions:\n")
	s.WriteString(m.means() + "\n\n")
	s.WriteString("Speed-up forward and backward together, median (quartiles); memory besides input, output and filters:\n")
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

func newTable() table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	return t
}

// means returns the table of means over all convolutions with filters of one size.
func (m measurement) means() string {
	t := newTable()
	header := table.Row{"filters", "rate"}
	for _, c := range contenders[1:] {
		for _, p := range passes {
			header = append(header, c.name+"\n"+p.name)
		}
	}
	t.AppendHeader(header)
	for _, filter := range []int{3, 1} {
		for _, rate := range m.rates {
			row := table.Row{fmt.Sprintf("%d×%[1]d", filter), rate}
			measured := false
			for _, c := range contenders[1:] {
				for _, p := range passes {
					var sum float64
					n := 0
					for _, s := range m.shapes {
						if s.filter == filter {
							sum += math.Log(m.speedup(s, rate, c.name, p.of)[1])
							n++
						}
					}
					measured = n > 0
					row = append(row, fmt.Sprintf("%.2f", math.Exp(sum/float64(n))))
				}
			}
			if measured {
				t.AppendRow(row)
			}
		}
		t.AppendSeparator()
	}
	return t.Render()
}

// details returns the table of every convolution.
func (m measurement) details() string {
	t := newTable()
	header := table.Row{"convolution", "rate", "whole", "memory"}
	for _, c := range contenders[1:] {
		header = append(header, c.name)
	}
	t.AppendHeader(append(header, "memory"))
	for _, s := range m.shapes {
		for _, rate := range m.rates {
			whole := m.of(s, rate, "whole")
			var times []float64
			bytes := 0
			for _, w := range whole {
				times = append(times, float64(w.forward+w.backward)/1e6)
				bytes = max(bytes, w.bytes)
			}
			row := table.Row{s, rate, fmt.Sprintf("%.1f ms", quartilesOf(times)[1]), megabytes(bytes)}
			for _, c := range contenders[1:] {
				q := m.speedup(s, rate, c.name, passes[2].of)
				row = append(row, fmt.Sprintf("%.2f (%.2f–%.2f)", q[1], q[0], q[2]))
			}
			bytes = 0
			for _, k := range m.of(s, rate, contenders[1].name) {
				bytes = max(bytes, k.bytes)
			}
			t.AppendRow(append(row, megabytes(bytes)))
		}
		t.AppendSeparator()
	}
	return t.Render()
}

func megabytes(n int) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
