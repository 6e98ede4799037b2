package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Figure is a row of the full suite: a number by which a case is judged.
type Figure struct {
	Case    string             `json:"case"`
	Figure  string             `json:"figure"`
	Aim     Aim                `json:"aim"`
	Values  map[string]float64 `json:"values"` // by tier, rounded as printed
	Met     bool               `json:"met"`    // on the best tier
	Medians []Quantity         `json:"medians"`
	Unit    string             `json:"unit"` // of the medians
	// Doubtful says that the quartiles of a quantity that the figure compares lie too far
	// apart.
	Doubtful bool `json:"doubtful"`
}

// Aim is the bound that a figure should keep.
type Aim struct {
	Bound string  `json:"bound"` // "≥" or "≤"
	Value float64 `json:"value"`
}

func atLeast(x float64) Aim { return Aim{"≥", x} }
func atMost(x float64) Aim  { return Aim{"≤", x} }

func (a Aim) met(x float64) bool {
	if a.Bound == "≤" {
		return x <= a.Value
	}
	return x >= a.Value
}

func (a Aim) String() string { return fmt.Sprintf("%s %.2f", a.Bound, a.Value) }

// Quantity is what figures are computed from: quartiles for each tier, or for all of them
// under the key anyTier. Its value is the median.
type Quantity struct {
	Of string               `json:"of"`
	By map[string]Quartiles `json:"by"`
}

const anyTier = "any"

func (q Quantity) at(tier string) float64 {
	if x, ok := q.By[tier]; ok {
		return x.Median
	}
	return q.By[anyTier].Median
}

// text returns the medians and spreads in the order of tiers.
func (q Quantity) text(tiers []string) string {
	if x, ok := q.By[anyTier]; ok {
		return q.Of + " " + x.text()
	}
	var all []string
	for _, tier := range tiers {
		all = append(all, q.By[tier].text())
	}
	return q.Of + " " + strings.Join(all, " / ")
}

// single returns a quantity that does not depend on the tier.
func single(of string, x Quartiles) Quantity {
	return Quantity{of, map[string]Quartiles{anyTier: x}}
}

// computed returns a quantity that was not measured itself.
func computed(of string, x float64) Quantity { return single(of, Quartiles{x, x, x}) }

// throughput returns the GB/s of contenders by tier.
func throughput(of string, by map[string]*contender) Quantity {
	q := Quantity{of, map[string]Quartiles{}}
	for tier, c := range by {
		q.By[tier] = c.throughput()
	}
	return q
}

func (q Quantity) doubtful() bool { return doubtful(slices.Collect(maps.Values(q.By))...) }

// over returns the ratio of two quantities in GB/s as a figure.
func over(a, b Quantity, tiers []string) Figure {
	f := Figure{Values: map[string]float64{}, Medians: []Quantity{a, b}, Unit: "GB/s", Doubtful: a.doubtful() || b.doubtful()}
	for _, tier := range tiers {
		f.Values[tier] = a.at(tier) / b.at(tier)
	}
	return f
}

// judge names a figure and compares it with its aim.
func (f Figure) judge(name, figure string, aim Aim, best string) Figure {
	f.Case, f.Figure, f.Aim = name, figure, aim
	for tier, x := range f.Values {
		f.Values[tier] = math.Round(100*x) / 100
	}
	f.Met = aim.met(f.Values[best])
	return f
}

// printFigures prints the table of the full suite. What figures were computed from stands
// below each, where there is room.
func (r *Report) printFigures(w io.Writer) error {
	tiers := figureTiers(r.Machine.Tiers)
	header := append([]string{"case", "figure", "aim"}, tiers...)
	header = append(header, "met")
	doubts := slices.ContainsFunc(r.Figures, func(f Figure) bool { return f.Doubtful })
	if doubts {
		header = append(header, "")
	}
	rows := make([][]string, len(r.Figures))
	met := 0
	for i, f := range r.Figures {
		row := []string{f.Case, f.Figure, f.Aim.String()}
		if i > 0 && f.Case == r.Figures[i-1].Case {
			row[0] = ""
		}
		for _, tier := range tiers {
			row = append(row, fmt.Sprintf("%.2f", f.Values[tier]))
		}
		yes := "no"
		if f.Met {
			yes = "yes"
			met++
		}
		row = append(row, yes)
		if doubts {
			row = append(row, mark(f.Doubtful))
		}
		rows[i] = row
	}
	wide := r.columns >= usualColumns
	t := newTable()
	t.AppendHeader(rowOf(header))
	configs := rightFrom(3, len(header))
	if !wide { // a bound would hold for medians, too
		room := r.columns
		for k := 1; k < len(header); k++ {
			all := []string{header[k]}
			for _, row := range rows {
				all = append(all, row[k])
			}
			room -= len(gap) + longest(all)
		}
		configs = append(configs, table.ColumnConfig{Number: 1, WidthMax: room, WidthMaxEnforcer: text.WrapSoft})
	}
	t.SetColumnConfigs(configs)
	for i, f := range r.Figures {
		t.AppendRow(rowOf(rows[i]))
		if wide {
			r.appendMedians(t, f, tiers, len(header))
		}
	}
	rounds, medians, spread := "One round", "measurements", ""
	if r.Rounds > 1 {
		rounds, medians = fmt.Sprintf("Medians of %d rounds, or of half as many between L2 and DRAM", r.Rounds), "medians"
		spread = ", and ± half the distance of their quartiles in per cent"
	}
	legend := fmt.Sprintf("%s, one worker unless noted; throughput counts each element once. "+
		"The verdict is on %s; all %d calls were verified before they were timed.", rounds, tiers[0], r.Timed)
	if wide {
		legend += fmt.Sprintf(" Below a figure are the %s that it compares, for %s%s.", medians, strings.Join(tiers, " / "), spread)
	}
	if doubts {
		legend += " " + doubtLegend
	}
	if _, err := fmt.Fprintf(w, "\n%s\n\n%s\n\n%d of %d figures reach their aim.\n\n", r.wrapped(legend), render(t), met, len(r.Figures)); err != nil {
		return err
	}
	return r.printLimits(w)
}

// appendMedians appends what a figure was computed from, across all columns.
func (r *Report) appendMedians(t table.Writer, f Figure, tiers []string, columns int) {
	if len(f.Medians) == 0 {
		return
	}
	const indent = "    "
	var medians []string
	for _, q := range f.Medians {
		medians = append(medians, q.text(tiers))
	}
	for line := range strings.SplitSeq(text.WrapSoft(strings.Join(medians, ", ")+" "+f.Unit, r.columns-len(indent)), "\n") {
		row := table.Row{}
		for range columns {
			row = append(row, indent+strings.TrimSpace(line))
		}
		t.AppendRow(row, table.RowConfig{AutoMerge: true, AutoMergeAlign: text.AlignLeft})
	}
}

// figureTiers returns the tiers that the full suite measures: the best one, and AVX2
// where it comes second.
func figureTiers(tiers []string) []string {
	if len(tiers) > 1 && tiers[1] == "avx2" {
		return tiers[:2]
	}
	return tiers[:1]
}
