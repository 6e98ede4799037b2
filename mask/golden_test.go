package mask_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

func goldenFiles(t *testing.T) []golden.File {
	t.Helper()
	files, err := golden.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func streamOf(t *testing.T, f golden.File, c golden.Case) mask.Stream {
	t.Helper()
	s, err := f.Of(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Streams draw every mask that was recorded from a framework, call after call.
func TestMasksAreThoseOfTheFrameworks(t *testing.T) {
	seen := map[string]int{}
	for _, f := range goldenFiles(t) {
		t.Run(f.Name, func(t *testing.T) {
			for _, c := range append(f.Cases, f.Long...) {
				s := streamOf(t, f, c)
				samples, channels := 1, c.Trials
				if c.Shape != nil {
					samples, channels = golden.Channels(c.Layout, c.Shape)
				}
				at := mask.Place{}
				for _, call := range c.Calls {
					want, err := call.Want(c.Trials)
					if err != nil {
						t.Fatal(err)
					}
					got := golden.Text(drawnBy(t, s, samples, channels, c.Rate, at))
					if got != want {
						t.Fatalf("%v, %s, rate %v, %s %v: call %d at %+v draws\n%.200s, want\n%.200s", s, c.API, c.Rate, c.Dtype, c.Shape, call.Step, at, got, want)
					}
					at = s.After(at, samples, channels, c.Rate)
					name, _, _ := strings.Cut(s.String(), ":")
					seen[name] += len(want)
					seen[c.Stream] += len(want)
				}
			}
		})
	}
	for _, name := range mask.StreamNames() {
		if name != "philox" && seen[name] == 0 {
			t.Errorf("there are no golden data of %s", name)
		}
	}
}

// drawnBy returns a new mask with one draw of a stream.
func drawnBy(t testing.TB, s mask.Stream, samples, channels int, rate float64, at mask.Place) *mask.Mask {
	t.Helper()
	m, err := mask.New(samples, channels, rate, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Draw(m, at); err != nil {
		t.Fatal(err)
	}
	return m
}

// Layers of different sizes and rates share a generator, and some calls draw nothing:
// evaluation, empty tensors, and in some frameworks the rates 0 and 1.
func TestSequencesAreThoseOfTheFrameworks(t *testing.T) {
	for _, f := range goldenFiles(t) {
		t.Run(f.Name, func(t *testing.T) {
			for _, q := range f.Sequences {
				s := streamOf(t, f, q)
				at := mask.Place{}
				for i, call := range q.Calls {
					if call.Training != nil && !*call.Training {
						continue
					}
					samples, channels := golden.Channels(call.Layout, call.Shape)
					for _, d := range call.Shape {
						if d == 0 {
							samples = 0
						}
					}
					if got := golden.Text(drawnBy(t, s, samples, channels, call.Rate, at)); got != call.Mask {
						t.Fatalf("%v, call %d at %+v, rate %v, %v: draws\n%.200s, want\n%.200s", s, i, at, call.Rate, call.Shape, got, call.Mask)
					}
					at = s.After(at, samples, channels, call.Rate)
				}
			}
		})
	}
}

// The table of streams names every stream, in order, and exactly the versions of which
// there are data.
func TestTableOfStreamsListsWhatWasCompared(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	// The package that draws, among those that a file names.
	drawing := map[string]string{"PyTorch": "torch", "Keras": "keras", "TensorFlow": "tensorflow", "JAX": "jax", "Flax": "flax", "oneDNN": "onednn"}
	want := map[string][]string{"philox": {"all"}}
	for _, f := range goldenFiles(t) {
		framework, _, _ := strings.Cut(f.Framework, " ")
		p := drawing[framework]
		version, _, _ := strings.Cut(f.Versions[p], "+")
		if version == "" {
			t.Fatalf("%s: no version of %q among %v", f.Name, p, f.Versions)
		}
		for _, c := range append(f.Cases, f.Long...) {
			name := strings.TrimSuffix(c.Stream, "-original")
			if v := p + " " + version; !slices.Contains(want[name], v) {
				want[name] = append(want[name], v)
			}
		}
	}
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|[^|]*\\|([^|]*)\\|[^|]*\\|[^|]*\\|$").FindAllStringSubmatch(string(text), -1) {
		names = append(names, row[1])
		var versions []string
		for i, v := range strings.Split(strings.TrimSpace(row[2]), ", ") {
			if i > 0 && !strings.Contains(v, " ") {
				p, _, _ := strings.Cut(versions[0], " ")
				v = p + " " + v // torch 1.13.1, 2.15.0
			}
			versions = append(versions, v)
		}
		slices.Sort(versions)
		slices.Sort(want[row[1]])
		if !slices.Equal(versions, want[row[1]]) {
			t.Errorf("%s: the table has %q, the data are of %q", row[1], versions, want[row[1]])
		}
	}
	if !slices.Equal(names, mask.StreamNames()) {
		t.Errorf("the table has %q, want %q", names, mask.StreamNames())
	}
}
