package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// reportOf returns a report for measurements of one round, and the feature maps.
func reportOf(t *testing.T) (*Report, []featureMap) {
	t.Helper()
	all, err := loadMaps()
	if err != nil {
		t.Fatal(err)
	}
	r := newReport()
	r.Rounds = 1
	return r, all
}

func noProgress(string, int) func() { return func() {} }

func TestFullSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("verifies 90 calls")
	}
	r, all := reportOf(t)
	if err := r.measureFull([]size{{"L2", 1}, {"DRAM", 2}}, []size{{"1.6 MB", 2}}, all, noProgress); err != nil {
		t.Fatal(err)
	}
	tiers := figureTiers(kernel.Tiers())
	for _, f := range r.Figures {
		if len(f.Values) != len(tiers) {
			t.Errorf("%s, %s: values %v, want one for each of %v", f.Case, f.Figure, f.Values, tiers)
		}
		for tier, x := range f.Values {
			if !(x >= 0) || math.IsInf(x, 0) {
				t.Errorf("%s, %s: %v on %s", f.Case, f.Figure, x, tier)
			}
		}
		if f.Met != f.Aim.met(f.Values[tiers[0]]) {
			t.Errorf("%s, %s: met %v with %v of %v", f.Case, f.Figure, f.Met, f.Values, f.Aim)
		}
	}
	// A row of the table in README.md may stand for several cases.
	if want := 2 + 1 + 2 + 1 + 4 + 2 + 6 + 8 + 4 + 4 + 4 + 2 + 2 + 2; len(r.Figures) != want {
		t.Errorf("%d figures, want %d", len(r.Figures), want)
	}

	var text, doc bytes.Buffer
	if err := r.printFigures(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"NHWC, C = 2048, DRAM, rate 0.5", "≥ 1.15", "≤ 25.00", "copy by two", "G elements/s", "AddTo, L2", "NHWC in place, 1.6 MB, rate 0.5", "kernel "} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the table does not say %q:\n%s", part, &text)
		}
	}
	checkSingle(t, text.String())
	if err := writeJSON(&doc, r); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil || len(back.Figures) != len(r.Figures) {
		t.Errorf("%v, %d figures", err, len(back.Figures))
	}
	checkSamples(t, r)
	checkWidths(t, r, r.printFigures)
}

func TestFiguresAreJudgedAsPrinted(t *testing.T) {
	tiers := []string{"avx512", "avx2"}
	a := Quantity{"kernel", map[string]Quartiles{"avx512": {9, 9.96, 9.98}, "avx2": {9.9, 9.94, 9.95}}}
	for _, c := range []struct {
		aim Aim
		met bool
	}{{atLeast(1), true}, {atLeast(1.01), false}, {atMost(1), true}, {atMost(0.99), false}} {
		f := over(a, computed("copy", 10), tiers).judge("case", "× copy", c.aim, "avx512")
		if f.Values["avx512"] != 1 || f.Values["avx2"] != 0.99 || f.Met != c.met {
			t.Errorf("aim %v: values %v, met %v", c.aim, f.Values, f.Met)
		}
	}
	if over(a, computed("copy", 10), tiers).Doubtful {
		t.Error("±5% is doubtful")
	}
	if f := over(a, single("copy", Quartiles{8, 10, 11}), tiers); !f.Doubtful || !f.judge("case", "× copy", atLeast(1), "avx512").Doubtful {
		t.Error("±15% is not doubtful")
	}
	if got := a.text(tiers); got != "kernel 10.0±5% / 9.9±0%" {
		t.Errorf("got %q", got)
	}
}

func TestFigureTiers(t *testing.T) {
	for all, want := range map[string]string{"avx512 avx2 generic": "avx512 avx2", "avx2 generic": "avx2", "neon generic": "neon", "generic": "generic"} {
		if got := strings.Join(figureTiers(strings.Fields(all)), " "); got != want {
			t.Errorf("of %s: %s, want %s", all, got, want)
		}
	}
}

func TestHalfOfDropsHalf(t *testing.T) {
	for _, s := range []shape{{1, 1, 1, 1}, {1, 3, 2, 2}, {1, 64, 1, 1}, {7, 1001, 1, 1}} {
		m := halfOf(s)
		n := s.samples() * s.channels()
		if excess := math.Abs(float64(2*m.CountKept() - n)); excess > max(1, float64(n)/100) {
			t.Errorf("%v: %d of %d kept", s, m.CountKept(), n)
		}
	}
}

func TestSweepVerifiesItsPeer(t *testing.T) {
	r, all := reportOf(t)
	c := sweepContest(8<<10, all[0].data, kernel.Tiers()[:1])
	c.rows[1].peer.run = func() {} // leaves dst as it is
	if err := r.measure(c, noProgress); err == nil || !strings.Contains(err.Error(), "8 KiB: Gonum/layout=NCHW/size=1x2x28x28/type=float32/rate=0.5/place=out") {
		t.Errorf("a peer that does nothing: %v", err)
	}
}

func TestContestFindsACallThatDoesNothing(t *testing.T) {
	r, all := reportOf(t)
	c := workload{"tiny", "deep", shape{1, 8, 7, 7}}.contest(all[2], kernel.Tiers())
	call := c.rows[1].kernel[kernel.Tiers()[0]]
	call.run = func() {} // leaves dst as it is
	err := r.measure(c, noProgress)
	if err == nil || !strings.Contains(err.Error(), "tiny: Apply/layout=NCHW/size=1x8x7x7/type=float32/rate=0.5/place=out") {
		t.Errorf("a call that does nothing: %v", err)
	}
}

func TestSweep(t *testing.T) {
	r, all := reportOf(t)
	if err := r.measureSweep(8<<10, 64<<10, all, noProgress); err != nil {
		t.Fatal(err)
	}
	if len(r.Results) != 3*4 || r.Results[0].Case != "8 KiB" || r.Results[11].Layout != "NHWC" || r.Results[11].Limit <= 0 {
		t.Fatalf("%d results: %+v", len(r.Results), r.Results)
	}
	var text bytes.Buffer
	if err := r.printTable(&text); err != nil || !strings.Contains(text.String(), "64 KiB") || !strings.Contains(text.String(), "×gonum") {
		t.Errorf("%v, table %s", err, &text)
	}
	checkSamples(t, r)
	checkWidths(t, r, r.printTable)
	for i, res := range r.Results {
		if half := i%3 == 1; (res.Peer != nil) != half || (res.Plain != nil) != half {
			t.Errorf("%s, %s, dropped %.1f: gonum %v, plain Go %v", res.Case, res.Layout, res.Dropped, res.Peer, res.Plain)
		}
	}

	r.Machine.L1, r.Machine.L2, r.Machine.L3 = 48<<10, 1<<20, 0
	dir := t.TempDir()
	path := filepath.Join(dir, "sweep.svg")
	if err := r.drawSweep(path); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := token.(xml.CharData); ok {
			words[strings.TrimSpace(string(s))] = true
		}
	}
	for _, want := range []string{"8 KiB", "32 KiB", "GB/s", "NCHW, rate 0.5", "NCHW, rate 0", "NHWC, rate 0.5", "its limit", "copy", "clear", "gonum by plane", "plain Go", "half of L1"} {
		if !words[want] {
			t.Errorf("the plot does not say %q", want)
		}
	}
	if words["half of L2"] || words["half of L3"] {
		t.Error("the plot marks caches outside the sweep")
	}
	if err := r.drawSweep(filepath.Join(dir, "none", "sweep.svg")); err == nil || !strings.Contains(err.Error(), "sweep.svg") {
		t.Errorf("into no folder: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, the directory holds %v, want only sweep.svg", err, left)
	}
}

func TestSweepShapes(t *testing.T) {
	c := sweepContest(8<<10, []float32{1}, kernel.Tiers()[:1])
	if first, last := c.rows[0], c.rows[2]; first.shape != (shape{1, 2, 28, 28}) || first.order != layout.NCHW || last.shape != (shape{1, 64, 24, 1}) || last.order != layout.NHWC {
		t.Errorf("%v in %v and %v in %v", first.shape, first.order, last.shape, last.order)
	}
	for bytes, want := range map[int]string{512: "512 B", 8 << 10: "8 KiB", 1 << 20: "1 MiB", 3 << 29: "1536 MiB", 1 << 30: "1 GiB"} {
		if got := binary(bytes); got != want {
			t.Errorf("%d is %s, want %s", bytes, got, want)
		}
	}
}

// sample is a line of Go's benchmark format as testing prints it.
var sample = regexp.MustCompile(`^Benchmark[A-Z]\S*\t[1-9][0-9]*\t[0-9]+\.[0-9]{2} ns/op(\t[0-9]+\.[0-9]{2} MB/s)?$`)

// checkSamples checks the format of what -benchstat prints.
func checkSamples(t *testing.T, r *Report) {
	t.Helper()
	var text bytes.Buffer
	if err := r.printSamples(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	for i, key := range []string{"goos: ", "goarch: ", "pkg: github.com/", "cpu: "} {
		if !strings.HasPrefix(lines[i], key) {
			t.Errorf("line %d is %q, want %s", i, lines[i], key)
		}
	}
	if got, want := len(lines)-4, r.Rounds*len(r.timed); got != want { // half of one round is one
		t.Errorf("%d samples, want %d: one for each round and contender", got, want)
	}
	for _, line := range lines[4:] {
		if !sample.MatchString(line) {
			t.Errorf("%q is not a sample", line)
		}
	}
}
