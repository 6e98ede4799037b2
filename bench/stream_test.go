package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/mask"
)

// A seed may be part of -stream, as State and the documentation of streams write it.
func TestStreamsWithASeed(t *testing.T) {
	x := save(t, 2, 30, 2, 2)
	apply := func(args ...string) (status int, stdout, stderr string) {
		return bench(append(args, "-input", x, "-layout", "NCHW", "-json")...)
	}
	for _, c := range []struct{ first, second []string }{
		{[]string{"-stream", "pytorch:7"}, []string{"-stream", "pytorch", "-seed", "7"}},
		{[]string{"-stream", "jax:7/fold"}, []string{"-stream", "jax/fold", "-seed", "7"}},
		{[]string{"-stream", "tensorflow:7,8/xla"}, []string{"-stream", "tensorflow/xla", "-seed", "7,8"}},
		{[]string{"-stream", "pytorch:-1"}, []string{"-stream", "pytorch", "-seed", "-1"}},
		{[]string{"-stream", "philox"}, []string{"-stream", "philox:42"}},
		{[]string{"-stream", "pytorch:7"}, []string{"-stream", "pytorch:7", "-seed", "7"}},
		{[]string{"-stream", "flax-linen:7/path=A.B:3"}, []string{"-stream", "flax-linen/path=A.B:3", "-seed", "7"}},
	} {
		status, first, stderr := apply(c.first...)
		if status != 0 {
			t.Errorf("%v: %s", c.first, stderr)
		}
		if _, second, stderr := apply(c.second...); first != second {
			t.Errorf("%v gives\n%s\nand %v\n%s\n%s", c.first, first, c.second, second, stderr)
		}
	}
	for _, c := range []struct {
		args       []string
		want, dont string
	}{
		{[]string{"-stream", "pytorch:0", "-seed", "7"}, "-seed 7 and -stream pytorch:0, want the seed in one of them", "pytorch:0:"},
		{[]string{"-stream", "nosuch"}, `stream "nosuch": unknown name "nosuch"`, "42"},
		{[]string{"-stream", "nosuch:3"}, `stream "nosuch:3": unknown name "nosuch"`, "42"},
		{[]string{"-stream", "jax/nosuch"}, `stream "jax/nosuch": unknown option "nosuch"`, "42"},
		{[]string{"-stream", "pytorch:x"}, `seed "x"`, "42"},
		{[]string{"-stream", "pytorch:0:1"}, `seed "0:1"`, "42"},
		{[]string{"-stream", "pytorch:"}, `seed ""`, "42"},
		{[]string{"-seed", "x"}, `seed "x"`, "42"},
	} {
		status, stdout, stderr := apply(c.args...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) || strings.Contains(stderr, c.dont) {
			t.Errorf("%v: status %d, stderr %q, want status 2, %q and no %q", c.args, status, stderr, c.want, c.dont)
		}
	}
}

// A tensor from the middle of a PyTorch program takes the state of its generator.
func TestStreamsFromAStateOfPyTorch(t *testing.T) {
	x := save(t, 2, 30, 2, 2)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, name := range []string{"pytorch", "pytorch-mkl"} {
		stream, err := mask.ParseStream(name + ":42/from=1234")
		if err != nil {
			t.Fatal(err)
		}
		state, err := mask.PyTorchState(stream, mask.Place{})
		if err != nil {
			t.Fatal(err)
		}
		file := write(name, state)
		status, got, stderr := bench("-stream", name, "-torch-state", file, "-input", x, "-layout", "NCHW", "-json", "-step", "3")
		_, want, _ := bench("-stream", name+":42/from=1234", "-input", x, "-layout", "NCHW", "-json", "-step", "3")
		if status != 0 || got != want || !strings.Contains(got, name+":42/from=1234") {
			t.Errorf("%s: status %d, %s\n%s, want\n%s", name, status, stderr, got, want)
		}
		// One that does not follow from its seed is in the text, which -stream takes.
		state[0]++
		foreign, err := mask.PyTorchFrom(state, name == "pytorch-mkl")
		if err != nil {
			t.Fatal(err)
		}
		_, got, stderr = bench("-stream", name, "-torch-state", write(name, state), "-input", x, "-layout", "NCHW", "-json")
		if _, want, _ := bench("-stream", foreign.String(), "-input", x, "-layout", "NCHW", "-json"); got != want || !strings.Contains(got, "/state=") {
			t.Errorf("%s: %s\n%s, want\n%s", name, stderr, got, want)
		}
		if status, _, stderr := bench("-stream", name, "-torch-state", file, "-input", x, "-layout", "NCHW", "-png", filepath.Join(dir, "x.png")); status != 0 {
			t.Errorf("%s: a picture: %s", name, stderr)
		}
	}
	file := filepath.Join(dir, "pytorch")
	short, none := write("short", make([]byte, 5055)), filepath.Join(dir, "none")
	input := []string{"-input", x, "-layout", "NCHW"}
	for _, c := range []struct {
		status int
		args   []string
		want   string
	}{
		{2, append(input, "-json", "-torch-state", file), "-stream philox with -torch-state, which has the seed, want -stream pytorch or"},
		{2, append(input, "-json", "-torch-state", file, "-stream", "pytorch:1"), "-stream pytorch:1 with -torch-state"},
		{2, append(input, "-json", "-torch-state", file, "-stream", "pytorch/from=3"), "-stream pytorch/from=3 with -torch-state"},
		{2, append(input, "-json", "-torch-state", file, "-stream", "pytorch", "-seed", "1"), "-seed 1 with -torch-state"},
		{2, append(input, "-json", "-torch-state", ""), "-torch-state is empty, want the name of a file"},
		{2, append(input, "-output", file, "-torch-state", file, "-stream", "pytorch"), fmt.Sprintf("-output %s is the file of -torch-state %[1]s, want another one", file)},
		{2, []string{"-torch-state", file, "-stream", "pytorch"}, "without -input or -png, want one of them"},
		{1, append(input, "-json", "-torch-state", none, "-stream", "pytorch"), "none: no such file or directory"},
		{1, append(input, "-json", "-torch-state", short, "-stream", "pytorch"), "short: mask: a state of PyTorch's generator with 5055 bytes, want 5056"},
		{1, append(input, "-json", "-torch-state", x, "-stream", "pytorch"), "x.npy: mask: a state of PyTorch's generator with"},
		{1, append(input, "-json", "-torch-state", "/dev/zero", "-stream", "pytorch"), "65536 bytes, want 5056"},
	} {
		status, stdout, stderr := bench(c.args...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: status %d, stdout %q, stderr %q, want status %d and %q", c.args, status, stdout, stderr, c.status, c.want)
		}
	}
}

// The channels of a tensor may be in several files, as its samples may: each draws its part.
func TestShardsOfChannels(t *testing.T) {
	whole := save(t, 3, 70, 2, 2)
	in, err := npy.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	data := in.Data.([]float32)
	const first, last = 13, 48
	var part []float32
	for n := range 3 {
		part = append(part, data[(n*70+first)*4:(n*70+last)*4]...)
	}
	file := filepath.Join(t.TempDir(), "part.npy")
	if err := npy.Of(part, 3, last-first, 2, 2).WriteFile(file); err != nil {
		t.Fatal(err)
	}
	result := func(args ...string) []float32 {
		path := filepath.Join(t.TempDir(), "y.npy")
		if status, _, stderr := bench(append(args, "-layout", "NCHW", "-step", "2", "-output", path)...); status != 0 {
			t.Fatalf("%v: %s", args, stderr)
		}
		y, err := npy.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return y.Data.([]float32)
	}
	for _, stream := range []string{"philox", "pytorch", "pytorch-mkl", "jax/original", "keras-torch"} {
		all := result("-input", whole, "-stream", stream)
		got := result("-input", file, "-stream", stream, "-channel-offset", fmt.Sprint(first), "-channels", "70")
		for n := range 3 {
			if want := all[(n*70+first)*4 : (n*70+last)*4]; !slices.Equal(got[n*len(want):(n+1)*len(want)], want) {
				t.Errorf("%s: sample %d of the part is another one", stream, n)
			}
		}
	}
	status, stdout, stderr := bench("-input", file, "-layout", "NCHW", "-json", "-channel-offset", "13", "-channels", "47")
	if want := "-channels 47 for channels 13 to 47, want a tensor that holds them"; status != 2 || stdout != "" || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %q, want status 2 and %q", status, stderr, want)
	}
}
