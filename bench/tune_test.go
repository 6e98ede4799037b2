package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// tuningOf returns a tuning with two comparisons for each of two fields, in turns.
func tuningOf(t *testing.T, changed string) Tuning {
	t.Helper()
	standard, err := kernel.ParseStrategy("stream-planes=8388608,store-ahead=0")
	if err != nil {
		t.Fatal(err)
	}
	tuned, err := kernel.ParseStrategy("stream-planes=8388608,store-ahead=0," + changed)
	if err != nil {
		t.Fatal(err)
	}
	var made Tuning
	for _, bytes := range []int{2 << 20, 64 << 20} {
		made.add(kernel.Comparison{Field: "store-ahead", Work: "planes in place", Bytes: bytes, Ways: [2]string{"0", "512"}, Calls: [2]time.Duration{1500, 3000}})
		made.add(kernel.Comparison{Field: "stream-planes", Work: "planes out of place", Bytes: bytes, Ways: [2]string{"ordinary", "streamed"}, Calls: [2]time.Duration{5 * time.Millisecond, 3 * time.Millisecond}, Reads: [2]time.Duration{time.Millisecond, 2 * time.Millisecond}})
	}
	made.set(standard, tuned)
	return made
}

func TestTuningIsPrinted(t *testing.T) {
	for changed, want := range map[string][]string{
		"stream-planes=16777216,store-ahead=512": {
			"\nstore-ahead: 0 by default, 512 on this machine\n\nwork                dst    0  512  ratio\n",
			"\nplanes in place   2 MiB  1.5  3.0   0.50\nplanes in place  64 MiB  1.5  3.0   0.50\n",
			"\nstream-planes: 8388608 by default, 16777216 on this machine\n\nwork                    dst  ordinary  streamed    read    read  ratio\n",
			"\nplanes out of place   2 MiB    5000.0    3000.0  1000.0  2000.0   1.38\nplanes out of place  64 MiB    5000.0",
			"\ndefault  stream-planes=8388608,", "\ntuned    stream-planes=16777216,",
			"\n\nSPATIALDROPOUT_STRATEGY=stream-planes=16777216,store-ahead=512\n",
		},
		"": {"\nstore-ahead: 0 by default, 0 on this machine\n", "\n\nThe default fits this machine.\n"},
	} {
		var b strings.Builder
		made := tuningOf(t, changed)
		if err := made.print(&b); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s does not say %q", &b, w)
			}
		}
		if stores := strings.Contains(b.String(), "SPATIALDROPOUT_STRATEGY"); stores != (changed != "") {
			t.Errorf("%q is changed, and printed is %s", changed, &b)
		}
	}
	made := Tuning{}
	made.set(kernel.Tune(0), kernel.Tune(0))
	var b strings.Builder
	if err := made.print(&b); err != nil || !strings.Contains(b.String(), "Nothing was compared: the budget is too small") {
		t.Errorf("%v, %s", err, &b)
	}
	if err := made.print(fullDisk{}); err == nil {
		t.Error("a full disk goes unnoticed")
	}
}

// What -tune prints for its environment variable is a strategy.
func TestTune(t *testing.T) {
	before := kernel.CurrentStrategy()
	status, stdout, stderr := bench("-tune", "-tune-budget", "40ms")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "\nstrategy ") || !strings.Contains(stdout, "\ntuned    stream-planes=") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	status, stdout, stderr = bench("-tune", "-tune-budget", "40ms", "-json")
	var made Tuning
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q, %v", status, stderr, err)
	}
	if made.Budget != 40e6 || made.Default != kernel.Tune(0).String() || made.Machine.CPU != thisMachine().CPU || made.Comparisons == nil {
		t.Errorf("%+v", made)
	}
	for _, c := range made.Comparisons {
		if field(made.Tuned, c.Field) == "" || c.Calls[0] <= 0 || c.Calls[1] <= 0 || c.Ratio <= 0 {
			t.Errorf("%+v", c)
		}
	}
	tuned, err := kernel.ParseStrategy(made.Changed)
	if err != nil || tuned.String() != made.Tuned {
		t.Errorf("%v and %v by the fields %q, want %s", tuned, err, made.Changed, made.Tuned)
	}
	if kernel.CurrentStrategy() != before {
		t.Errorf("%v in use afterwards, want %v", kernel.CurrentStrategy(), before)
	}
}
