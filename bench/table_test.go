package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestQuartilesPrintMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		q        Quartiles
		text     string
		doubtful bool
	}{
		{Quartiles{12, 12.3, 13}, "12.3±4%", false},
		{Quartiles{7, 7, 7}, "7.0", false},
		{Quartiles{0, 0, 0}, "0.0", false},
		{Quartiles{90, 99.96, 110}, "100±10%", true},
		{Quartiles{90, 100, 110}, "100±10%", false},
		{Quartiles{1, 12.3, 40}, "12.3±99%", true},
		{Quartiles{8.9, 10, 11.1}, "10.0±11%", true},
	} {
		if got := c.q.text(); got != c.text {
			t.Errorf("%v is %s, want %s", c.q, got, c.text)
		}
		if got := doubtful(Quartiles{1, 1, 1}, c.q); got != c.doubtful {
			t.Errorf("%v doubtful: %v, want %v", c.q, got, c.doubtful)
		}
	}
	if got := (Quartiles{2, 4, 8}).over(2); got != (Quartiles{1, 2, 4}) {
		t.Errorf("half of 2, 4, 8 is %v", got)
	}
}

// widest returns the width of the widest line.
func widest(s string) int {
	return longest(strings.Split(s, "\n"))
}

// checkWidths prints a report for several widths and compares those of its lines.
func checkWidths(t *testing.T, r *Report, print func(io.Writer) error) {
	t.Helper()
	defer func(was int) { r.columns = was }(r.columns)
	for _, columns := range []int{leastColumns, usualColumns, 200} {
		r.columns = columns
		var text bytes.Buffer
		if err := print(&text); err != nil {
			t.Fatal(err)
		}
		if got := widest(text.String()); got > columns {
			t.Errorf("%d columns, want %d at most:\n%s", got, columns, &text)
		}
		for _, line := range strings.Split(text.String(), "\n") {
			if line != strings.TrimRight(line, " ") {
				t.Errorf("%q ends with spaces", line)
			}
		}
	}
}

// widestReport has the widest cells that measurements have, on three tiers.
func widestReport() *Report {
	r := newReport()
	r.Rounds = 10
	r.Machine.Tiers = []string{"neonfp16", "avx2", "generic"}
	wide := Quartiles{20, 23.4, 30}
	for _, name := range []string{"deep repeated", "standard"} {
		for i := range 8 {
			r.Results = append(r.Results, Result{
				Case: name, Shape: shape{892, 384, 7, 17}, Bytes: 67e6, Layout: "NCHW", Dropped: 0.5, InPlace: i%2 == 0,
				Kernel: map[string]Quartiles{"neonfp16": wide, "avx2": wide, "generic": {100, 123, 150}},
				Two:    &wide, Plain: &wide, Copy: wide, Clear: wide, Limit: 20, Fraction: 1.17, Doubtful: i == 3,
			})
		}
		by := Bandwidth{123.4, "one plane scaled, ordinary stores"}
		r.Bandwidths = append(r.Bandwidths, Bandwidths{Case: name, Copy: by, Fill: by, Update: by, Add: by})
	}
	return r
}

func TestTablesFit(t *testing.T) {
	r := widestReport()
	checkWidths(t, r, r.printTable)
	var text bytes.Buffer
	if err := r.printTable(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"neonfp16", "avx2", "generic", "plain Go", "×plain", "two", "23.4±21%", "copy 23.4±21%", "the median of 10 rounds, and ±", "892×384×7×17", "67.0 MB"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table for %d columns does not say %q:\n%s", r.columns, want, &text)
		}
	}
	r.columns = leastColumns
	text.Reset()
	if err := r.printTable(&text); err != nil {
		t.Fatal(err)
	}
	for want, there := range map[string]bool{"neonfp16": true, "avx2": false, "generic": false, "×plain": true, "×copy": true, "two": true} {
		if strings.Contains(text.String(), want) != there {
			t.Errorf("the table for %d columns says %q: %v, want %v:\n%s", r.columns, want, !there, there, &text)
		}
	}
}

// checkSingle checks that text about one round speaks of no medians and of no spread.
func checkSingle(t *testing.T, text string) {
	t.Helper()
	for _, word := range []string{"rounds", "edian", "±", "quartiles"} {
		if strings.Contains(text, word) {
			t.Errorf("a table of one round says %q:\n%s", word, text)
		}
	}
}

func TestTableOfOneRound(t *testing.T) {
	r := newReport()
	one := Quartiles{5, 5, 5}
	r.Rounds, r.Draw = 1, &Draw{8192, one}
	r.Results = []Result{{Case: "standard", Layout: "NCHW", Kernel: map[string]Quartiles{r.Machine.Tiers[0]: one}, Plain: &one, Copy: one, Clear: one}}
	var text bytes.Buffer
	if err := r.printTable(&text); err != nil {
		t.Fatal(err)
	}
	checkSingle(t, text.String())
	if want := "drawing a mask: 5.00 ns a channel"; !strings.Contains(text.String(), want) {
		t.Errorf("the table does not say %q:\n%s", want, &text)
	}
}

func TestDoubtfulRowsAreMarked(t *testing.T) {
	r := widestReport()
	marked := func() (n int, legend bool) {
		var text bytes.Buffer
		if err := r.printTable(&text); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(text.String(), "\n") {
			if strings.HasSuffix(line, "  ?") {
				n++
			}
		}
		return n, strings.Contains(text.String(), "not to be believed")
	}
	if n, legend := marked(); n != 2 || !legend {
		t.Errorf("%d rows are marked and the legend is there: %v, want 2 and true", n, legend)
	}
	for i := range r.Results {
		r.Results[i].Doubtful = false
	}
	if n, legend := marked(); n != 0 || legend {
		t.Errorf("%d rows are marked and the legend is there: %v, want 0 and false", n, legend)
	}
}

func TestColumnsFlag(t *testing.T) {
	for _, args := range []string{"-columns 79", "-columns -1", "-columns 10001", "-columns NaN"} {
		if status, _, stderr := bench(strings.Fields(args)...); status != 2 || !strings.Contains(stderr, "a number from 80 to 10000") {
			t.Errorf("bench %s: status %d, stderr %q", args, status, stderr)
		}
	}
	o, err := parse([]string{"-columns", "80"})
	if err != nil || o.columns != 80 {
		t.Errorf("%d columns, %v", o.columns, err)
	}
	if n := terminalColumns(io.Discard); n != 0 {
		t.Errorf("a writer that is no terminal has %d columns", n)
	}
}
