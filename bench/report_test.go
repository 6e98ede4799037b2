package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
)

func TestVersion(t *testing.T) {
	status, stdout, stderr := bench("-version")
	if status != 0 || stderr != "" {
		t.Fatal(status, stderr)
	}
	m := thisMachine()
	for _, want := range []string{"commit " + m.Commit, m.Version, runtime.Version(), m.CPU, "tier " + kernel.Tier() + ",", wrapped(kernel.CurrentStrategy().String())} {
		if want == "" || !strings.Contains(stdout, want) {
			t.Errorf("%q does not say %q", stdout, want)
		}
	}
	status, stdout, stderr = bench("-version", "-json")
	var back Machine
	if err := json.Unmarshal([]byte(stdout), &back); status != 0 || err != nil || back.Commit != m.Commit || back.Strategy != m.Strategy {
		t.Errorf("status %d, stderr %q, %v, %+v", status, stderr, err, back)
	}
	if status, _, stderr := bench("-version", "-rounds", "3"); status != 2 || !strings.Contains(stderr, "-rounds with -version") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestMachineTakesWhatTheBuildSays(t *testing.T) {
	m := Machine{Commit: "unknown"}
	m.build(&debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.modified", Value: "true"},
	}})
	var text strings.Builder
	if err := m.print(&text); err != nil {
		t.Fatal(err)
	}
	if want := "example.org/bench v1.2.3\ncommit 0123abcd with changes\n"; !strings.HasPrefix(text.String(), want) {
		t.Errorf("%q, want it to begin with %q", &text, want)
	}
	m = Machine{Commit: "unknown"}
	m.build(&debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: "(devel)"}})
	if m.Commit != "unknown" || m.Modified {
		t.Errorf("%+v, want an unknown commit", m)
	}
}
