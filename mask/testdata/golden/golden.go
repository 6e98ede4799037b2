// Package golden reads what other frameworks drew and computed, recorded by the
// scripts in this directory. It is for tests alone.
package golden

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spatialdropout/spatialdropout/mask"
)

//go:embed *.json
var files embed.FS

// File is what one version of a framework gave.
type File struct {
	Name      string
	Framework string
	Versions  map[string]string
	Script    string
	Cases     []Case // with data
	Long      []Case // masks of many trials
	Sequences []Case // calls of different shapes and rates that share a generator
}

// Case is a seed and calls that follow each other.
type Case struct {
	Stream, API string
	Seed        any // a number or a list of them
	X64, Fold   bool
	Path        []string // of a module of Flax Linen
	Counter     int      // which of its draws it is
	Layer       int      // of Flax NNX
	Rate        float64
	Dtype       string
	Layout      string
	Shape       []int
	Jit         bool // compiled as a whole
	Plain       bool // called by itself, without a gradient
	X, DY       string
	Trials      int
	Calls       []Call
}

// Call is one of a case. In a sequence every call has a shape and a rate of its own.
type Call struct {
	Step       uint64
	Mask, Bits string
	Y, DX      string
	Training   *bool
	Rate       float64
	Dtype      string
	Layout     string
	Shape      []int
}

// Files returns all there is.
func Files() ([]File, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []File
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		f := File{Name: e.Name()}
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber() // seeds of 64 bits
		if err := d.Decode(&f); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		if len(f.Cases)+len(f.Long)+len(f.Sequences) == 0 {
			return nil, fmt.Errorf("%s holds nothing", e.Name())
		}
		all = append(all, f)
	}
	return all, nil
}

// Of returns the stream of a case.
func (f File) Of(c Case) (mask.Stream, error) {
	name := strings.TrimSuffix(c.Stream, "-original")
	text := name + ":" + strings.ReplaceAll(strings.Trim(fmt.Sprint(c.Seed), "[]"), " ", ",")
	if strings.HasSuffix(name, "tensorflow") && c.Dtype != "" {
		text += "/" + c.Dtype
	}
	for _, o := range []struct {
		text string
		set  bool
	}{
		{"/xla", c.Stream == "tensorflow" && c.Jit},
		{"/x64", c.X64 || strings.HasSuffix(f.Script, "--x64")},
		{"/fold", c.Fold},
		{"/original", name != c.Stream},
		{"/path=" + strings.Join(c.Path, "."), len(c.Path) > 0},
		{fmt.Sprint("/call=", c.Counter), c.Counter > 0},
		{fmt.Sprint("/count=", c.Layer), c.Layer > 0},
	} {
		if o.set {
			text += o.text
		}
	}
	return mask.ParseStream(text)
}

// Channels returns the samples and channels of a shape.
func Channels(layout string, shape []int) (samples, channels int) {
	return shape[strings.Index(layout, "N")], shape[strings.Index(layout, "C")]
}

// Text writes a mask as the files have it.
func Text(m *mask.Mask) string {
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

// Want returns the mask of a call of so many trials.
func (c Call) Want(trials int) (string, error) {
	if c.Bits == "" {
		return c.Mask, nil
	}
	bytes, err := hex.DecodeString(c.Bits)
	if err != nil || len(bytes) != (trials+7)/8 {
		return "", fmt.Errorf("%d bytes of %d trials, %v", len(bytes), trials, err)
	}
	var b strings.Builder
	for i := range trials {
		b.WriteByte('0' + bytes[i/8]>>(i%8)&1)
	}
	return b.String(), nil
}

// Unlike returns why the outputs or the gradients of a case are not computed again,
// though its masks are; empty where they are.
func (f File) Unlike(c Case) (y, dx string) {
	switch {
	case c.Rate == 1 && strings.HasPrefix(c.Stream, "jax"):
		dx = "the gradient of a division by 0"
	case c.Stream == "keras-torch" && strings.HasSuffix(c.Dtype, "float16") && c.Rate > 0 && c.Rate < 1 && c.Rate != 0.5:
		y = "Keras divides halves by a float32"
		dx = y
	case c.Stream == "onednn":
		y, dx = "oneDNN computes its factor from the rate as a float32", "no gradients were recorded"
	case c.Plain:
		dx = "no gradients were recorded"
	case f.Old() && strings.Contains(c.API, "alpha") && c.Dtype == "bfloat16" && c.Rate > 0 && c.Rate < 1:
		y = "before version 2 PyTorch rounded the scalars of alpha dropout to the half"
	}
	return y, dx
}

// Old reports whether the data are of PyTorch before version 2.
func (f File) Old() bool { return strings.HasPrefix(f.Versions["torch"], "1.") }

// XLA reports whether a case was computed by XLA's division.
func (f File) XLA(c Case) bool {
	return strings.Contains(c.Stream, "jax") || strings.Contains(c.Stream, "flax")
}

// Compiled reports whether XLA knew the divisor of the outputs, or of the gradients, so
// that it multiplied by the reciprocal. Both are false where the framework is not XLA's.
func (f File) Compiled(c Case) (y, dx bool) {
	if !f.XLA(c) {
		return false, false
	}
	elements := 1
	for _, d := range c.Shape {
		elements *= d
	}
	// It knows the divisor of a gradient, unless the tensor has one element only.
	return c.Jit || c.Plain, c.Jit || elements > 1
}

// Flushes reports whether the framework took subnormal numbers for zeros. Those of
// float16 are normal numbers in float32, in which it computes.
func (f File) Flushes(c Case) bool {
	switch {
	case c.Dtype == "float16" || strings.Contains(c.Stream, "torch") || c.Stream == "onednn":
		return false
	case c.Stream == "jax" || c.Stream == "jax-original":
		return true
	}
	return c.Rate > 0 // at rate 0 layers return their input
}
