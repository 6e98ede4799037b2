package mask_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// golden is what a framework drew: see testdata/golden/README.md.
type golden struct {
	Framework string
	Versions  map[string]string
	Cases     []goldenCase
	Long      []goldenCase
	Sequences []goldenCase
}

type goldenCase struct {
	Stream, API string
	Seed        any // a number or a list of them
	Path        []any
	Rate        float64
	Dtype       string
	Layout      string
	Shape       []int
	Trials      int
	Calls       []goldenCall
}

type goldenCall struct {
	goldenCase // in a sequence, where every call has its own
	Step       uint64
	Mask       string
	Bits       string
	Training   *bool
}

// goldenFiles returns the files of golden data by their names.
func goldenFiles(t *testing.T) map[string]golden {
	t.Helper()
	names, err := filepath.Glob("testdata/golden/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files of golden data, %v", len(names), err)
	}
	all := map[string]golden{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&g); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(g.Cases)+len(g.Long)+len(g.Sequences) == 0 {
			t.Fatalf("%s holds nothing", name)
		}
		all[filepath.Base(name)] = g
	}
	return all
}

// stream returns the stream of a case.
func (c goldenCase) stream(t *testing.T) mask.Stream {
	t.Helper()
	text := c.Stream + ":" + strings.ReplaceAll(strings.Trim(fmt.Sprint(c.Seed), "[]"), " ", ",")
	if c.Stream == "tensorflow" || c.Stream == "keras-tensorflow" {
		text += "/" + c.Dtype
	}
	for _, p := range c.Path {
		text += fmt.Sprint("/", p)
	}
	if c.Stream == "jax-original" {
		text = "jax" + strings.TrimPrefix(text, "jax-original") + "/original"
	}
	s, err := mask.ParseStream(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// channelsOf returns samples and channels of a shape.
func channelsOf(layout string, shape []int) (samples, channels int) {
	return shape[0], shape[strings.Index(layout, "C")]
}

// text writes a mask as golden data have it.
func text(m *mask.Mask) string {
	var b strings.Builder
	for n := range m.Samples() {
		for c := range m.Channels() {
			if m.Kept(n, c) {
				b.WriteByte('1')
			} else {
				b.WriteByte('0')
			}
		}
	}
	return b.String()
}

// bits8 returns the trials that a hexadecimal string packs.
func bits8(t *testing.T, packed string, trials int) string {
	t.Helper()
	bytes, err := hex.DecodeString(packed)
	if err != nil || len(bytes) != (trials+7)/8 {
		t.Fatalf("%d bytes of %d trials, %v", len(bytes), trials, err)
	}
	var b strings.Builder
	for i := range trials {
		b.WriteByte('0' + bytes[i/8]>>(i%8)&1)
	}
	return b.String()
}

// Every mask that a framework drew is drawn again, call after call.
func TestMasksAreThoseOfTheFrameworks(t *testing.T) {
	seen := map[string]int{}
	for name, g := range goldenFiles(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range append(g.Cases, g.Long...) {
				s := c.stream(t)
				samples, channels := 1, c.Trials
				if c.Shape != nil {
					samples, channels = channelsOf(c.Layout, c.Shape)
				}
				at := mask.Place{}
				for _, call := range c.Calls {
					want := call.Mask
					if c.Shape == nil {
						want = bits8(t, call.Bits, c.Trials)
					}
					got := text(drawnBy(t, s, samples, channels, c.Rate, at))
					if got != want {
						t.Fatalf("%v, %s, rate %v, %s %v: call %d at %+v draws\n%.200s, want\n%.200s", s, c.API, c.Rate, c.Dtype, c.Shape, call.Step, at, got, want)
					}
					at = s.After(at, samples, channels, c.Rate)
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
	m, err := mask.New(samples, channels, rate, mask.Select)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Draw(m, at); err != nil {
		t.Fatal(err)
	}
	return m
}

// Layers of different size and rate share a generator, and some calls draw nothing:
// evaluation and empty tensors, and where a framework says so rates 0 and 1.
func TestSequencesAreThoseOfTheFrameworks(t *testing.T) {
	for name, g := range goldenFiles(t) {
		t.Run(name, func(t *testing.T) {
			for _, q := range g.Sequences {
				s := q.stream(t)
				at := mask.Place{}
				for i, call := range q.Calls {
					if call.Training != nil && !*call.Training {
						continue
					}
					samples, channels := channelsOf(call.Layout, call.Shape)
					for _, d := range call.Shape {
						if d == 0 {
							samples = 0
						}
					}
					if got := text(drawnBy(t, s, samples, channels, call.Rate, at)); got != call.Mask {
						t.Fatalf("%v, call %d at %+v, rate %v, %v: draws\n%.200s, want\n%.200s", s, i, at, call.Rate, call.Shape, got, call.Mask)
					}
					before := at
					at = s.After(at, samples, channels, call.Rate)
					if strings.HasPrefix(q.Stream, "keras") && call.Rate == 0 {
						at = before // Keras takes no seed at rate 0, here every draw is a step
					}
				}
			}
		})
	}
}
