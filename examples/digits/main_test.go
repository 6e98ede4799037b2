package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var files = []string{"report.txt", "curves.svg", "curves.png", "maps.svg", "maps.png"}

// A small run writes a report and pictures, and the same ones however many networks are trained
// at a time.
func TestRun(t *testing.T) {
	d, err := load[float32]()
	if err != nil {
		t.Fatal(err)
	}
	d.validation, d.test = d.validation.part(0, 40), d.test.part(0, 60)
	var want map[string][]byte
	for _, workers := range []string{"1", "3"} {
		dir := filepath.Join(t.TempDir(), "made", "here")
		var stdout, stderr bytes.Buffer
		o, err := parse([]string{"-samples", "10", "-seeds", "2", "-pilots", "1", "-rates", "0.2,0.5", "-epochs", "3", "-workers", workers, "-out", dir}, &stderr)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.run(d, &stdout, &stderr); err != nil {
			t.Fatal(err)
		}
		got := map[string][]byte{}
		for _, name := range files {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = data
			if want != nil && !bytes.Equal(data, want[name]) {
				t.Errorf("%s depends on the number of workers", name)
			}
			switch filepath.Ext(name) {
			case ".txt":
				if stdout.String() != string(data) {
					t.Errorf("%s is not what was printed", name)
				}
			case ".png":
				if _, err := png.Decode(bytes.NewReader(data)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case ".svg":
				for d := xml.NewDecoder(bytes.NewReader(data)); ; {
					if _, err := d.Token(); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			}
		}
		want = got
	}
	for _, line := range []string{"10 training images a network, 3 steps of 10 images, head average, seed 1\n", "60 test images, 2 networks of each kind", " of 2 "} {
		if !strings.Contains(string(want["report.txt"]), line) {
			t.Errorf("the report lacks %q:\n%s", line, want["report.txt"])
		}
	}
}

// Each kind of network learns its training set.
func TestNetworksLearn(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, for long under the race detector")
	}
	d, err := load[float32]()
	if err != nil {
		t.Fatal(err)
	}
	d.validation = d.validation.part(0, 100)
	for _, h := range []head{average, flattens} {
		p := plan{budget: budget{samples: 20, batch: 5, epochs: 60, learningRate: 0.01}, head: h, seed: 1}
		for _, k := range kinds {
			out, err := train(trial{setting: setting{k, afterBoth, 0.2}}, p, d, validating)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.last().training; got.error > 0.1 || got.loss > 0.5 {
				t.Errorf("%v, %v: training set %+v, want an error of at most 0.1", h, k, got)
			}
		}
	}
}

func TestRefusedFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-seeds 1", "-seeds 1, want 2 or more"},
		{"-pilots 0", "-pilots 0, want 1 or more"},
		{"-workers 0", "-workers 0, want 1 or more"},
		{"-epochs 0", "-epochs 0, want 1 or more"},
		{"-batch 0", "-batch 0, want 1 or more"},
		{"-learning-rate NaN", "-learning-rate NaN, want a positive number"},
		{"-rates 0.1,1", `rate "1", want a number between 0 and 1`},
		{"-head mean", `head "mean", want average or dense`},
		{"more", `argument "more", want flags only`},
	} {
		var stderr bytes.Buffer
		if status := run(strings.Fields(c.args), io.Discard, &stderr); status != 2 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: status %d, want 2 and %q:\n%s", c.args, status, c.want, &stderr)
		}
	}
	dir := filepath.Join(t.TempDir(), "out")
	var stderr bytes.Buffer
	if status := run([]string{"-samples", "1000", "-seeds", "3", "-out", dir}, io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), "want 3000 images at most in all") {
		t.Errorf("too many images: status %d, want 1:\n%s", status, &stderr)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a refused run has made its directory")
	}
}
