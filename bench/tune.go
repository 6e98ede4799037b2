package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// Tuning holds what -tune has measured.
type Tuning struct {
	Machine     Machine      `json:"machine"`
	Budget      int64        `json:"budget_ns"`
	Default     string       `json:"default"` // in the form of kernel.ParseStrategy
	Tuned       string       `json:"tuned"`
	Changed     string       `json:"changed"` // the fields of Tuned that differ from Default
	Comparisons []Comparison `json:"comparisons"`
}

// Comparison is a kernel.Comparison.
type Comparison struct {
	Field string    `json:"field"`
	Work  string    `json:"work"`
	Bytes int       `json:"bytes"`
	Ways  [2]string `json:"ways"`
	Calls [2]int64  `json:"calls_ns"`
	Reads [2]int64  `json:"reads_ns"` // 0 where reading the result does not count
	Ratio float64   `json:"ratio"`    // how many times as fast the second way is
}

// tune prints what -tune asks for.
func tune(o options, w io.Writer) error {
	t := Tuning{Machine: thisMachine(), Budget: int64(o.tuneBudget), Comparisons: []Comparison{}}
	if !o.json {
		if err := t.Machine.print(w); err != nil {
			return err
		}
	}
	tuned := kernel.Tune(o.tuneBudget, t.add)
	t.set(kernel.Tune(0), tuned)
	if o.json {
		return writeJSON(w, t)
	}
	return t.print(w)
}

func (t *Tuning) add(c kernel.Comparison) {
	ns := func(d [2]time.Duration) [2]int64 { return [2]int64{int64(d[0]), int64(d[1])} }
	t.Comparisons = append(t.Comparisons, Comparison{c.Field, c.Work, c.Bytes, c.Ways, ns(c.Calls), ns(c.Reads), c.Ratio()})
}

// set takes the strategies.
func (t *Tuning) set(standard, tuned kernel.Strategy) {
	t.Default, t.Tuned = standard.String(), tuned.String()
	before := strings.Split(t.Default, ",")
	changed := slices.DeleteFunc(strings.Split(t.Tuned, ","), func(field string) bool { return slices.Contains(before, field) })
	t.Changed = strings.Join(changed, ",")
}

// field returns the text of a field of a strategy.
func field(strategy, name string) string {
	for _, f := range strings.Split(strategy, ",") {
		if value, ok := strings.CutPrefix(f, name+"="); ok {
			return value
		}
	}
	return ""
}

const tuneLegend = `
Shortest times in µs, one worker, half of the channels dropped. The ratio is how
many times as fast the second way is. Where the result is read after a call, half
of the time for that counts.
`

// print prints a table for each field, the strategies, and how to store what differs.
func (t *Tuning) print(w io.Writer) error {
	var b strings.Builder
	var names []string
	for _, c := range t.Comparisons {
		if !slices.Contains(names, c.Field) {
			names = append(names, c.Field)
		}
	}
	if len(names) > 0 {
		b.WriteString(tuneLegend)
	}
	for _, name := range names {
		fmt.Fprintf(&b, "\n%s: %s by default, %s on this machine\n\n%s\n", name, field(t.Default, name), field(t.Tuned, name), t.table(name))
	}
	fmt.Fprintf(&b, "\ndefault  %s\ntuned    %s\n\n", wrapped(t.Default), wrapped(t.Tuned))
	switch {
	case len(names) == 0:
		b.WriteString("Nothing was compared: the budget is too small, or the tier in use does not store past the cache.\n")
	case t.Changed == "":
		b.WriteString("The default fits this machine.\n")
	default:
		fmt.Fprintf(&b, "To use it, set in the environment:\n\nSPATIALDROPOUT_STRATEGY=%s\n", t.Changed)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table returns the comparisons for a field.
func (t *Tuning) table(name string) string {
	all := slices.DeleteFunc(slices.Clone(t.Comparisons), func(c Comparison) bool { return c.Field != name })
	header := []string{"work", "dst", all[0].Ways[0], all[0].Ways[1], "ratio"}
	reads := all[0].Reads != [2]int64{}
	if reads {
		header = slices.Insert(header, 4, "read", "read")
	}
	micro := func(ns int64) string { return fmt.Sprintf("%.1f", float64(ns)/1e3) }
	out := newTable()
	out.AppendHeader(rowOf(header))
	out.SetColumnConfigs(rightFrom(2, len(header)))
	for _, c := range all {
		row := []string{c.Work, binary(c.Bytes), micro(c.Calls[0]), micro(c.Calls[1]), fmt.Sprintf("%.2f", c.Ratio)}
		if reads {
			row = slices.Insert(row, 4, micro(c.Reads[0]), micro(c.Reads[1]))
		}
		out.AppendRow(rowOf(row))
	}
	return render(out)
}
