package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// The widths of tables in characters: the least that they fit, and that of text that no
// terminal shows.
const (
	leastColumns = 80
	usualColumns = 100
)

// gap lies between two columns of a table.
const gap = "  "

// column is a column of the table with the text of its cells.
type column struct {
	name string
	cell func(r Result) string
	// spare is 0 for a column that is always there. The column with the greatest number is
	// the first to be left out where a table is too wide.
	spare int
}

// columns returns the columns of the table for results of the given tiers, the best first.
func columns(tiers []string) []column {
	best := func(r Result) float64 { return r.Kernel[tiers[0]].Median }
	all := []column{
		{"work", func(r Result) string { return r.Layout + " " + place(r.InPlace) }, 0},
		{"drop", func(r Result) string { return fmt.Sprintf("%.0f%%", 100*r.Dropped) }, 0},
	}
	for i, tier := range tiers {
		spare := 0
		if i > 0 {
			spare = 2 + i
		}
		all = append(all, column{tier, func(r Result) string { return r.Kernel[tier].text() }, spare})
	}
	return append(all,
		column{"plain Go", func(r Result) string { return optional(r.Plain) }, 1},
		column{"gonum", func(r Result) string { return optional(r.Peer) }, 2},
		column{"×plain", func(r Result) string { return ratio(best(r), r.Plain) }, 0},
		column{"×gonum", func(r Result) string { return ratio(best(r), r.Peer) }, 0},
		column{"×copy", func(r Result) string { return ratio(best(r), &r.Copy) }, 0},
		column{"limit", func(r Result) string { return fmt.Sprintf("%.2f", r.Fraction) }, 0},
		column{"two", func(r Result) string {
			if r.Two == nil {
				return ""
			}
			return fmt.Sprintf("%.2f", r.Two.Median/best(r))
		}, 0},
		column{"", func(r Result) string { return mark(r.Doubtful) }, 0},
	)
}

func place(inPlace bool) string {
	if inPlace {
		return "in"
	}
	return "out"
}

func optional(q *Quartiles) string {
	if q == nil {
		return ""
	}
	return q.text()
}

func ratio(a float64, b *Quartiles) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b.Median)
}

// doubt marks what is not to be believed.
const doubt = "?"

func mark(doubtful bool) string {
	if doubtful {
		return doubt
	}
	return ""
}

func megabytes(bytes int) string {
	if bytes < 1e5 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func newTable() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", gap
	return t
}

// render returns a table without what its last column has to the right.
func render(t table.Writer) string {
	lines := strings.Split(t.Render(), "\n")
	for i, line := range lines {
		if rule := strings.TrimSuffix(line, strings.Repeat("─", len(gap))); rule != line {
			lines[i] = rule
			continue
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// grid returns the header and the rows of results. about has the texts of the first
// column. Columns without a text, and those for which there is no room, are left out.
func (r *Report) grid(all []column, about []string) (header []string, rows [][]string) {
	cells := make([][]string, len(all))
	widths := make([]int, len(all))
	total := longest(append([]string{"case"}, about...))
	for i, c := range all {
		for _, res := range r.Results {
			cells[i] = append(cells[i], c.cell(res))
		}
		if w := longest(cells[i]); w > 0 {
			widths[i] = max(w, utf8.RuneCountInString(c.name))
			total += len(gap) + widths[i]
		}
	}
	for total > r.columns {
		last := 0
		for i, c := range all {
			if widths[i] > 0 && (c.spare > all[last].spare || widths[last] == 0) {
				last = i
			}
		}
		if all[last].spare == 0 {
			break
		}
		total -= len(gap) + widths[last]
		widths[last] = 0
	}
	header = []string{"case"}
	rows = make([][]string, len(about))
	for k := range rows {
		rows[k] = []string{about[k]}
	}
	for i, c := range all {
		if widths[i] == 0 {
			continue
		}
		header = append(header, c.name)
		for k := range rows {
			rows[k] = append(rows[k], cells[i][k])
		}
	}
	return header, rows
}

// longest returns the length in characters of the longest text.
func longest(texts []string) int {
	most := 0
	for _, s := range texts {
		most = max(most, utf8.RuneCountInString(s))
	}
	return most
}

// about returns what the first column says beside each result: of each case its name, and
// what else there is room for.
func (r *Report) about() []string {
	var all []string
	for at := 0; at < len(r.Results); {
		res, n := r.Results[at], 1
		for at+n < len(r.Results) && r.Results[at+n].Case == res.Case {
			n++
		}
		speeds := []string{"copy " + res.Copy.text(), "clear " + res.Clear.text()}
		lines := append([]string{res.Case}, speeds...)
		if n >= 5 {
			lines = append([]string{res.Case, res.Shape.String(), megabytes(res.Bytes)}, speeds...)
		}
		lines = append(lines, make([]string, n)...)
		all = append(all, lines[:n]...)
		at += n
	}
	return all
}

// printTable prints the throughput of all cases.
func (r *Report) printTable(w io.Writer) error {
	tiers := slices.DeleteFunc(slices.Clone(r.Machine.Tiers), func(tier string) bool {
		_, measured := r.Results[0].Kernel[tier]
		return !measured
	})
	header, rows := r.grid(columns(tiers), r.about())
	t := newTable()
	t.AppendHeader(rowOf(header))
	t.SetColumnConfigs(rightFrom(3, len(header)))
	for i, res := range r.Results {
		if i > 0 && res.Case != r.Results[i-1].Case {
			t.AppendSeparator()
		}
		t.AppendRow(rowOf(rows[i]))
	}
	rounds := "one round"
	if r.Rounds > 1 {
		rounds = fmt.Sprintf("the median of %d rounds, and ± half the distance of its quartiles in per cent of it", r.Rounds)
	}
	legend := fmt.Sprintf("GB/s of float32, each element counted once, one worker: %s. "+
		"The ratios are those of %s: to plain Go, to copy and to the limit of memory; all %d calls were verified before they were timed.", rounds, tiers[0], r.Timed)
	if slices.Contains(header, "two") {
		legend += " “two” is the gain of a second worker."
	}
	if slices.Contains(header, "gonum") || slices.Contains(header, "×gonum") {
		legend += " gonum copies and scales plane by plane."
	}
	if slices.ContainsFunc(r.Results, func(res Result) bool { return res.Doubtful }) {
		legend += " " + doubtLegend
	}
	if _, err := fmt.Fprintf(w, "\n%s\n\n%s\n\n", r.wrapped(legend), render(t)); err != nil {
		return err
	}
	if err := r.printLimits(w); err != nil || r.Draw == nil {
		return err
	}
	ns, spread := r.Draw.NsPerEach, ""
	if r.Rounds > 1 {
		spread = " ±" + percent(ns.spread())
	}
	_, err := fmt.Fprintf(w, "\ndrawing a mask: %.2f ns%s a channel (%d channels)\n", ns.Median, spread, r.Draw.Channels)
	return err
}

var doubtLegend = fmt.Sprintf("A row with %s is not to be believed: a measurement of it has more than ±%s.", doubt, percent(believable))

// wrapped returns a paragraph with lines that are no wider than tables.
func (r *Report) wrapped(paragraph string) string {
	var b strings.Builder
	for i, line := range strings.Split(text.WrapSoft(paragraph, r.columns), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(line, " "))
	}
	return b.String()
}

func rowOf(cells []string) table.Row {
	var row table.Row
	for _, c := range cells {
		row = append(row, c)
	}
	return row
}

// rightFrom aligns the columns from first to last at the right.
func rightFrom(first, last int) []table.ColumnConfig {
	var all []table.ColumnConfig
	for i := first; i <= last; i++ {
		all = append(all, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	return all
}

// printLimits prints the bandwidths of all contests, each with the contender that reached
// it.
func (r *Report) printLimits(w io.Writer) error {
	t := newTable()
	header := []string{"limit", "copy", "fill", "update"}
	cases := []string{header[0]}
	adds := false
	for _, b := range r.Bandwidths {
		cases = append(cases, b.Case)
		adds = adds || b.Add.GBs > 0
	}
	if adds {
		header = append(header, "add")
	}
	n := len(header) - 1
	each := (r.columns-longest(cases))/n - len(gap)
	var configs []table.ColumnConfig
	for i := range n {
		configs = append(configs, table.ColumnConfig{Number: i + 2, WidthMax: each, WidthMaxEnforcer: text.WrapSoft})
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(rowOf(header))
	for _, b := range r.Bandwidths {
		row := table.Row{b.Case}
		for _, one := range []Bandwidth{b.Copy, b.Fill, b.Update, b.Add}[:n] {
			if one.GBs == 0 {
				row = append(row, "")
				continue
			}
			row = append(row, fmt.Sprintf("%s %s", digits(one.GBs), one.By))
		}
		t.AppendRow(row)
	}
	_, err := fmt.Fprintf(w, "%s\n", render(t))
	return err
}
