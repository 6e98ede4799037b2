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
	for _, want := range []string{"commit " + m.Commit, m.Version + ", library " + m.Library, runtime.Version(), m.CPU, "tier " + kernel.Tier() + ",", wrapped(kernel.CurrentStrategy().String())} {
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
	for _, c := range []struct {
		info debug.BuildInfo
		want string
	}{
		{ // a clone whose build knows the commit
			debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: "v1.2.3"}, Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "0123abcd"}, {Key: "vcs.modified", Value: "true"},
			}, Deps: []*debug.Module{{Path: "golang.org/x/sys", Version: "v0.30.0"}, {Path: libraryPath, Version: devel}}},
			"example.org/bench v1.2.3, library (devel)\ncommit 0123abcd with changes\n",
		},
		{ // a clone whose build does not
			debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: devel}},
			"example.org/bench (devel), library (devel)\ncommit unknown (go run -buildvcs=true tells)\n",
		},
		{ // what go run fetches
			debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: "v1.2.3"}, Deps: []*debug.Module{{Path: libraryPath, Version: "v1.1.0"}}},
			"example.org/bench v1.2.3, library v1.1.0\ncommit unknown\n",
		},
		{ // a module that replaces the library
			debug.BuildInfo{Main: debug.Module{Path: "example.org/bench", Version: "v1.2.3"}, Deps: []*debug.Module{
				{Path: libraryPath, Version: "v1.1.0", Replace: &debug.Module{Path: "../library"}},
			}},
			"example.org/bench v1.2.3, library (devel)\ncommit unknown\n",
		},
	} {
		m := Machine{Library: devel, Commit: "unknown"}
		m.build(&c.info)
		var text strings.Builder
		if err := m.print(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text.String(), c.want) {
			t.Errorf("%q, want it to begin with %q", &text, c.want)
		}
	}
}
