package main

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// column is a column of the table with the text of its cells.
type column struct {
	name string
	cell func(r Result) string
}

// columns returns the columns of the table on a machine with the given tiers.
func columns(tiers []string) []column {
	best := func(r Result) float64 { return r.Kernel[tiers[0]].Median }
	all := []column{
		{"layout", func(r Result) string { return r.Layout }},
		{"mode", func(r Result) string {
			if r.InPlace {
				return "in place"
			}
			return "out of place"
		}},
		{"dropped", func(r Result) string { return fmt.Sprintf("%.0f %%", 100*r.Dropped) }},
	}
	for _, tier := range tiers {
		all = append(all, column{tier, func(r Result) string { return gbs(r.Kernel[tier]) }})
	}
	return append(all,
		column{"plain Go", func(r Result) string {
			if r.Plain == nil {
				return ""
			}
			return gbs(*r.Plain)
		}},
		column{"copy", func(r Result) string { return gbs(r.Copy) }},
		column{"clear", func(r Result) string { return gbs(r.Clear) }},
		column{"× plain", func(r Result) string {
			if r.Plain == nil {
				return ""
			}
			return fmt.Sprintf("%.2f", best(r)/r.Plain.Median)
		}},
		column{"× copy", func(r Result) string { return fmt.Sprintf("%.2f", best(r)/r.Copy.Median) }},
		column{"of limit", func(r Result) string { return fmt.Sprintf("%.2f", r.Fraction) }},
		column{"2 workers", func(r Result) string {
			if r.Two == nil {
				return ""
			}
			return fmt.Sprintf("%s ×%.2f", gbs(*r.Two), r.Two.Median/best(r))
		}},
	)
}

func megabytes(bytes int) string {
	if bytes < 1e5 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func gbs(q Quartiles) string { return fmt.Sprintf("%.1f", q.Median) }

func newTable() table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.SuppressEmptyColumns()
	return t
}

// printTable prints the throughput of all cases.
func (r *Report) printTable(w io.Writer) error {
	tiers := slices.DeleteFunc(slices.Clone(r.Machine.Tiers), func(tier string) bool {
		_, measured := r.Results[0].Kernel[tier]
		return !measured
	})
	cols := columns(tiers)
	t := newTable()
	header := table.Row{"case"}
	configs := []table.ColumnConfig{}
	for i, c := range cols {
		header = append(header, c.name)
		align := text.AlignRight
		if i < 2 {
			align = text.AlignLeft
		}
		configs = append(configs, table.ColumnConfig{Number: i + 2, Align: align, AlignHeader: align})
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	line := 0 // within the case
	for i, res := range r.Results {
		if i > 0 && res.Case != r.Results[i-1].Case {
			t.AppendSeparator()
			line = 0
		}
		about := []string{res.Case, res.Shape.String(), megabytes(res.Bytes)}
		cells := table.Row{""}
		if line < len(about) {
			cells[0] = about[line]
		}
		for _, c := range cols {
			cells = append(cells, c.cell(res))
		}
		t.AppendRow(cells)
		line++
	}
	_, err := fmt.Fprintf(w, "\nGB/s of float32, each element counted once: medians of %d rounds, one worker.\nThe ratios are for %s; all %d calls were verified before they were timed.\n\n%s\n\n", r.Rounds, r.Machine.Tiers[0], r.Timed, t.Render())
	if err != nil {
		return err
	}
	if err := r.printLimits(w); err != nil || r.Draw == nil {
		return err
	}
	_, err = fmt.Fprintf(w, "drawing a mask: %.2f ns a channel (%d channels)\n", r.Draw.NsPerEach.Median, r.Draw.Channels)
	return err
}

// printLimits prints the bandwidths of all contests.
func (r *Report) printLimits(w io.Writer) error {
	width := 0
	for _, b := range r.Bandwidths {
		width = max(width, utf8.RuneCountInString(b.Case))
	}
	for _, b := range r.Bandwidths {
		line := fmt.Sprintf("limit, %-*s  copy %.1f (%s), fill %.1f (%s), update %.1f (%s)", width, b.Case, b.Copy.GBs, b.Copy.By, b.Fill.GBs, b.Fill.By, b.Update.GBs, b.Update.By)
		if b.Add.GBs > 0 {
			line += fmt.Sprintf(", add %.1f (%s)", b.Add.GBs, b.Add.By)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
