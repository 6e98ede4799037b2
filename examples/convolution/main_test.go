package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var small = plan{shapes: []shape{{in: 4, out: 3, side: 7, filter: 3}, {in: 6, out: 2, side: 56, filter: 1}}, rates: []float64{0.25, 0.5}, batch: 3, workers: 2}

// A small run prints the report that it writes, and pictures that programs can read. Another run with the
// same directory adds to its times, and one of another batch is refused.
func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	o := options{plan: small, out: dir}
	for _, want := range []string{"measured once each", "measured 2 times each"} {
		var stdout, stderr bytes.Buffer
		if err := o.run(&stdout, &stderr); err != nil {
			t.Fatal(err)
		}
		report, err := os.ReadFile(filepath.Join(dir, "report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if stdout.String() != string(report) {
			t.Errorf("printed is not what is written:\n%s", &stdout)
		}
		for _, line := range []string{want, "products by " + library, "│ 3×3, 4→3, 7×7   │  0.5 │", "│ 1×1, 6→2, 56×56 │ 0.25 │"} {
			if !strings.Contains(string(report), line) {
				t.Errorf("the report lacks %q:\n%s", line, report)
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "speedup.png"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if data, err = os.ReadFile(filepath.Join(dir, "speedup.svg")); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}

	before, err := os.ReadFile(filepath.Join(dir, timesFile))
	if err != nil {
		t.Fatal(err)
	}
	o.batch = 4
	if err := o.run(io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "batch 3, workers 2, want HWIO, 4 and 2") {
		t.Errorf("error %v, want one about the batch", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, timesFile)); err != nil || !bytes.Equal(after, before) {
		t.Errorf("a refused run has changed the times: %v", err)
	}
}

// A rule is below the header of each table, and between convolutions that have several rows.
func TestRulesOfTables(t *testing.T) {
	for _, rates := range [][]float64{{0.25}, {0.25, 0.5}} {
		p := small
		p.rates = rates
		m, err := p.measure(rand.New(rand.NewPCG(1, 2)), measurement{}, func(time.Duration) {})
		if err != nil {
			t.Fatal(err)
		}
		for name, table := range map[string]string{"means": m.means(), "details": m.details()} {
			if got := strings.Count(table, "├"); got != len(rates) {
				t.Errorf("%s of %d rates have %d rules, want %d:\n%s", name, len(rates), got, len(rates), table)
			}
		}
	}
}

// Times are read as they were written. A file that is none is refused with the line that is wrong.
func TestTimes(t *testing.T) {
	m, err := small.measure(rand.New(rand.NewPCG(1, 2)), measurement{}, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(small.shapes) * len(small.rates) * len(contenders); len(m.times) != want {
		t.Errorf("%d times, want %d", len(m.times), want)
	}
	name := filepath.Join(t.TempDir(), timesFile)
	if err := m.write(name); err != nil {
		t.Fatal(err)
	}
	got, err := read(name, library)
	if err != nil {
		t.Fatal(err)
	}
	if got.batch != small.batch || got.workers != small.workers || len(got.times) != len(m.times) {
		t.Errorf("read %+v", got.plan)
	}
	for i := range got.times {
		if got.times[i] != m.times[i] {
			t.Errorf("time %d is %+v, want %+v", i, got.times[i], m.times[i])
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"products", "sums", "want a first line"},
		{library, "paper", "line 2: products by paper, want " + library},
		{"HWIO", "OHWI", `line 2: order of filters "OHWI", want HWIO or OIHW`},
		{"HWIO,3,2", "HWIO,3,2.5", "line 2"},
		{"HWIO,3,2", "OIHW,3,2", "line 3: times of filters OIHW, batch 3, workers 2, want HWIO, 3 and 2"},
	} {
		if err := os.WriteFile(name, bytes.Replace(data, []byte(c.from), []byte(c.to), 1), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := read(name, library); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s instead of %s: error %v, want %q", c.to, c.from, err, c.want)
		}
	}
}

// The speed-up is that within a round: a machine that slows down between rounds does not change it.
func TestSpeedup(t *testing.T) {
	s := stages[0]
	var m measurement
	for round, slow := range []time.Duration{1, 2, 10, 3, 7} {
		for _, c := range []struct {
			name              string
			forward, backward time.Duration
		}{{whole, 6, 18}, {"Each", 2, 10 + time.Duration(round)}} {
			m.times = append(m.times, timing{shape: s, rate: 0.5, contender: c.name, round: round, forward: slow * c.forward, backward: slow * c.backward})
		}
	}
	if got, want := m.speedup(s, 0.5, "Each", passes[0].of), (quartiles{3, 3, 3}); got != want {
		t.Errorf("forward %v, want %v", got, want)
	}
	if got, want := m.speedup(s, 0.5, "Each", passes[1].of)[1], 18.0/12; got != want {
		t.Errorf("backward %v, want %v", got, want)
	}
	if got, want := m.speedup(s, 0.5, "Each", both)[1], 24.0/14; got != want {
		t.Errorf("both %v, want %v", got, want)
	}
	if got := m.mean([]shape{s, s}, 0.5, "Each", passes[0].of); got < 3-1e-12 || got > 3+1e-12 {
		t.Errorf("mean %v, want 3", got)
	}
}

func TestFlags(t *testing.T) {
	o, err := parse(strings.Fields("-only 1×1 -rates 0,0.75 -filters OIHW -batch 2 -workers 9"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.shapes) != 4 || o.shapes[3] != (shape{512, 2048, 7, 1, oihw}) || o.workers != 2 || o.rates[1] != 0.75 {
		t.Errorf("options %+v", o)
	}
	for _, c := range []struct{ args, want string }{
		{"-batch 0", "-batch 0, want 1 or more"},
		{"-workers 0", "-workers 0, want 1 or more"},
		{"-rates 0.1,1", `rate "1", want a number from 0, below 1`},
		{"-rates NaN", `rate "NaN", want a number from 0, below 1`},
		{"-only 5×5", "want a part of one of: 3×3, 64→64, 56×56; "},
		{"-filters NHWC", `order of filters "NHWC", want HWIO or OIHW`},
		{"more", `argument "more", want flags only`},
	} {
		var stderr bytes.Buffer
		if status := run(strings.Fields(c.args), io.Discard, &stderr); status != 2 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: status %d, want 2 and %q:\n%s", c.args, status, c.want, &stderr)
		}
	}
}
