package mask_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// Layers on JAX draw by its original generator as well, where a program sets that.
func TestLayersOnOriginalJAXAreThoseOfTheFrameworks(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/original/*.json")
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var recorded struct {
			Rows []struct {
				Stream            string
				Samples, Channels int
				Rate              float64
				Masks             []string
			}
		}
		if err := json.Unmarshal(data, &recorded); err != nil || len(recorded.Rows) < 25 {
			t.Fatalf("%s: %d rows, %v", name, len(recorded.Rows), err)
		}
		for _, r := range recorded.Rows {
			s, at := parse(r.Stream), mask.Place{}
			for _, want := range r.Masks {
				if got := golden.Text(drawnBy(t, s, r.Samples, r.Channels, r.Rate, at)); got != want {
					t.Errorf("%v, %d×%d at rate %v, step %d:\n%.100s, want\n%.100s", s, r.Samples, r.Channels, r.Rate, at.Step, got, want)
				}
				at = s.After(at, r.Samples, r.Channels, r.Rate)
			}
		}
	}
}
