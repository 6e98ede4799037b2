package main

import (
	"strings"
	"testing"
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
