package main

import (
	"fmt"
	"io"
	"math"
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

// Quantity is a median that figures are computed from: one for each tier, or one for all
// of them under the key anyTier.
type Quantity struct {
	Of string             `json:"of"`
	By map[string]float64 `json:"by"`
}

const anyTier = "any"

func (q Quantity) at(tier string) float64 {
	if x, ok := q.By[tier]; ok {
		return x
	}
	return q.By[anyTier]
}

// text returns the medians in the order of tiers.
func (q Quantity) text(tiers []string) string {
	if x, ok := q.By[anyTier]; ok {
		return fmt.Sprintf("%s %.1f", q.Of, x)
	}
	var all []string
	for _, tier := range tiers {
		all = append(all, fmt.Sprintf("%.1f", q.By[tier]))
	}
	return q.Of + " " + strings.Join(all, " / ")
}

// single returns a quantity that does not depend on the tier.
func single(of string, x float64) Quantity {
	return Quantity{of, map[string]float64{anyTier: x}}
}

// throughput returns the median GB/s of contenders by tier.
func throughput(of string, by map[string]*contender) Quantity {
	q := Quantity{of, map[string]float64{}}
	for tier, c := range by {
		q.By[tier] = c.throughput().Median
	}
	return q
}

// over returns the ratio of two quantities in GB/s as a figure.
func over(a, b Quantity, tiers []string) Figure {
	f := Figure{Values: map[string]float64{}, Medians: []Quantity{a, b}, Unit: "GB/s"}
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

// printFigures prints the table of the full suite.
func (r *Report) printFigures(w io.Writer) error {
	tiers := figureTiers(r.Machine.Tiers)
	t := newTable()
	header := table.Row{"case", "figure", "aim"}
	for i, tier := range tiers {
		header = append(header, tier)
		if i == 0 {
			header = append(header, "met")
		}
	}
	t.AppendHeader(append(header, "medians"))
	right := []table.ColumnConfig{}
	for i := 3; i <= len(header); i++ {
		right = append(right, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	met := 0
	for i, f := range r.Figures {
		row := table.Row{f.Case, f.Figure, f.Aim}
		if i > 0 && f.Case == r.Figures[i-1].Case {
			row[0] = ""
		}
		for k, tier := range tiers {
			row = append(row, fmt.Sprintf("%.2f", f.Values[tier]))
			if k > 0 {
				continue
			}
			if f.Met {
				row = append(row, "yes")
				met++
			} else {
				row = append(row, "no")
			}
		}
		var medians []string
		for _, q := range f.Medians {
			medians = append(medians, q.text(tiers))
		}
		unit := ""
		if len(medians) > 0 {
			unit = " " + f.Unit
		}
		t.AppendRow(append(row, strings.Join(medians, ", ")+unit))
	}
	_, err := fmt.Fprintf(w, "\nMedians of %d rounds, one worker unless noted; throughput counts each element once.\nThe verdict is on %s; all %d calls were verified before they were timed.\n\n%s\n\n%d of %d figures reach their aim.\n",
		r.Rounds, tiers[0], r.Timed, t.Render(), met, len(r.Figures))
	if err != nil {
		return err
	}
	return r.printLimits(w)
}

// figureTiers returns the tiers that the full suite measures: the best one, and AVX2
// where it comes second.
func figureTiers(tiers []string) []string {
	if len(tiers) > 1 && tiers[1] == "avx2" {
		return tiers[:2]
	}
	return tiers[:1]
}
