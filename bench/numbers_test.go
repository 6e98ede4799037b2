package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Whatever the number, the command ends soon, and says which flag is wrong.
func TestAbsurdNumbersAreUsageErrors(t *testing.T) {
	x := save(t, 2, 3, 4, 4)
	bad := []string{"-1", "-9223372036854775808", "18446744073709551616", "1e400", "NaN", "Inf", "-Inf", "1.5", "", "0x", "٣", strings.Repeat("9", 100_000)}
	input := []string{"-input", x, "-layout", "NCHW", "-json"}
	for flag, more := range map[string][]string{
		"-rate":           {"2", "-0.1", "1.0000001"},
		"-step":           nil,
		"-sample-offset":  {"9223372036854775808"},
		"-batch":          {"0", "9223372036854775808", "1"}, // the tensor has 2 samples
		"-channel-offset": {"9223372036854775807", "16777216"},
		"-channels":       {"0", "9223372036854775808", "2", "16777217"}, // it has 3 channels
		"-workers":        {"1025", "9223372036854775807"},
		"-rounds":         {"10001", "9223372036854775807"},
		"-seed":           nil,
		"-tune-budget":    {"0s", "-1s", "3601s", "1", "9223372036854775807ns"},
	} {
		for _, number := range append(more, bad...) {
			args := append(input, flag, number)
			if flag == "-rounds" {
				args = []string{flag, number}
			}
			status, stdout, stderr := bench(args...)
			if status != 2 || stdout != "" || !strings.Contains(stderr, "want") || !strings.Contains(stderr, flag[1:]) || len(stderr) > 2500 {
				t.Errorf("%s %.30q: status %d, stdout %.100q, stderr of %d bytes %.300q, want status 2 and what is expected", flag, number, status, stdout, len(stderr), stderr)
			}
		}
	}
}

// The greatest numbers that the flags take give a result, or an error, with every stream.
func TestGreatestNumbers(t *testing.T) {
	x := save(t, 2, 3, 4, 4)
	for _, stream := range mask.StreamNames() {
		for _, flags := range []string{
			"-step 18446744073709551615", "-batch 9223372036854775807", "-sample-offset 9223372036854775807",
			"-sample-offset 4611686018427387904 -batch 9223372036854775807 -step 9223372036854775807", "-workers 1024",
			"-sample-offset 9223372036854775807 -step 18446744073709551615", "-channel-offset 9223372036854775807 -channels 9223372036854775807",
			"-channel-offset 1048576 -sample-offset 4611686018427387904",
		} {
			args := append(strings.Fields(flags), "-stream", stream, "-input", x, "-layout", "NCHW", "-json")
			status, stdout, stderr := bench(args...)
			if done := status == 0 && stderr == "" && strings.HasPrefix(stdout, "{"); !done && !(status == 2 && stdout == "" && strings.Contains(stderr, "want")) {
				t.Errorf("bench %v: status %d, stdout %.100q, stderr %q", args, status, stdout, stderr)
			}
		}
	}
	// Trials are counted in 64 bits, and would begin again.
	status, _, stderr := bench("-sample-offset", "9223372036854775807", "-input", x, "-layout", "NCHW", "-json")
	if status != 2 || !strings.Contains(stderr, "-sample-offset 9223372036854775807") || !strings.Contains(stderr, "want fewer than 2⁶⁴ channels") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	// So would the numbers of a generator.
	status, _, stderr = bench("-step", "18446744073709551615", "-stream", "pytorch:0", "-input", x, "-layout", "NCHW", "-json")
	if status != 2 || !strings.Contains(stderr, "-step 18446744073709551615, want fewer calls: 12 numbers") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// A file of 80 bytes may claim any shape that has a zero.
func TestAnEmptyTensorHasNoGiganticMask(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("the shapes need 64 bits")
	}
	giga := 1 << 30
	for _, c := range []struct {
		shape  []int
		status int
	}{
		{[]int{giga << 10, 4, 0, 2}, 1},
		{[]int{4, giga << 10, 0, 2}, 1},
		{[]int{giga << 1, giga >> 1, 0, 1}, 1},
		{[]int{1 << 10, 1<<10 + 1, 0, 2}, 1},
		{[]int{1 << 10, 1 << 10, 0, 2}, 0},
		{[]int{0, giga << 10, 4, 2}, 0},
		{[]int{2, 0, giga, giga >> 10}, 0},
		{[]int{1, 1, giga << 10, 0}, 0},
	} {
		path := filepath.Join(t.TempDir(), "x.npy")
		if err := npy.Of([]float32{}, c.shape...).WriteFile(path); err != nil {
			t.Fatal(err)
		}
		for _, stream := range []string{"philox", "pytorch"} {
			status, _, stderr := bench("-input", path, "-layout", "NCHW", "-stream", stream, "-output", path+".y.npy")
			if status != c.status || c.status == 1 && !strings.Contains(stderr, "no elements and") {
				t.Errorf("%v: status %d, stderr %q, want status %d", c.shape, status, stderr, c.status)
			}
		}
		if c.status > 0 {
			continue
		}
		in, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := os.ReadFile(path + ".y.npy"); err != nil || string(in) != string(out) {
			t.Errorf("%v: the result is %q (%v), want the empty tensor", c.shape, out, err)
		}
	}
}

// The picture of a plane is bounded, whatever its proportions.
func TestPicturesOfNarrowPlanesAreSmall(t *testing.T) {
	for _, dims := range [][3]int{{1, 1 << 30, 1}, {1, 1, 1 << 30}, {384, 1 << 20, 1}, {384, 1, 1 << 20}, {2, 10, 1}, {384, 1, 1}} {
		g := gridOf(dims[0], dims[1], dims[2])
		if g.width() > sideWidth || g.height() > max(8*sideWidth, 30*dims[0]) || g.rows*g.columns < dims[0] {
			t.Errorf("%d planes of %d×%d: %d×%d pixels, %+v", dims[0], dims[1], dims[2], g.width(), g.height(), g)
		}
	}
	x := save(t, 1, 1, 100_000, 1)
	if status, _, stderr := bench("-input", x, "-layout", "NCHW", "-png", x+".png"); status != 0 {
		t.Fatal(stderr)
	}
	f, err := os.Open(x + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > 1<<20 {
		t.Errorf("%v bytes (%v)", info.Size(), err)
	}
}

func TestLongErrorsAreQuotedInPart(t *testing.T) {
	for text, want := range map[string]string{
		"short":                   "short",
		strings.Repeat("x", 1000): strings.Repeat("x", 1000),
		strings.Repeat("é", 1000): strings.Repeat("é", 1000),
		strings.Repeat("é", 5000): strings.Repeat("é", 800) + " … (4000 characters) … " + strings.Repeat("é", 200),
		strings.Repeat("x", 1001): strings.Repeat("x", 800) + " … (1 characters) … " + strings.Repeat("x", 200),
	} {
		if got := excerpt(text); got != want {
			t.Errorf("%d bytes become %q", len(text), got)
		}
	}
}
