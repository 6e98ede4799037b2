package kernel

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// reported returns what f writes to standard error.
func reported(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	f()
	os.Stderr = before
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEnvironmentSetsTheBytesForStoresPastTheCache(t *testing.T) {
	const standard = 32 << 20
	for value, want := range map[string]int{
		"": standard, "0": 0, "1": 1, "007": 7, "33554431": standard - 1, "1048576": 1 << 20,
		// More than any memory means never.
		fmt.Sprint(math.MaxInt): math.MaxInt, "9223372036854775808": math.MaxInt, "18446744073709551615": math.MaxInt,
	} {
		got := -1
		if warning := reported(t, func() { got = streamFrom(value) }); got != want || warning != "" {
			t.Errorf("%q is %d with warning %q, want %d", value, got, warning, want)
		}
	}
	for _, value := range []string{"-1", "+1", " 1", "1 ", "32M", "32MiB", "1e6", "1.5", "0x10", "1_000", "many", "\n", "18446744073709551616", strings.Repeat("9", 100)} {
		got := -1
		warning := reported(t, func() { got = streamFrom(value) })
		if got != standard {
			t.Errorf("%q is %d, want the default", value, got)
		}
		for _, w := range []string{"SPATIALDROPOUT_STREAM: ", fmt.Sprintf("%q", value), "want a number of bytes"} {
			if !strings.Contains(warning, w) || strings.Count(warning, "\n") != 1 {
				t.Errorf("%q warns %q, want one line with %q", value, warning, w)
			}
		}
	}
}

func TestSetStreamBytesSetsWhatIsReturned(t *testing.T) {
	before := StreamBytes()
	defer SetStreamBytes(before)
	// It may be set in the environment of the tests.
	if want := streamFrom(os.Getenv("SPATIALDROPOUT_STREAM")); before != want {
		t.Errorf("%d bytes at the start, want %d", before, want)
	}
	for _, bytes := range []int{0, 1, 64, 1 << 20, math.MaxInt} {
		if SetStreamBytes(bytes); StreamBytes() != bytes {
			t.Errorf("%d bytes after %d were set", StreamBytes(), bytes)
		}
	}
	SetStreamBytes(12345)
	for _, bytes := range []int{-1, -64, math.MinInt} {
		func() {
			defer func() {
				message := fmt.Sprint(recover())
				for _, w := range []string{"kernel: ", fmt.Sprintf("%d bytes", bytes), "0 or more"} {
					if !strings.Contains(message, w) {
						t.Errorf("SetStreamBytes(%d) panics with %q, want it to contain %q", bytes, message, w)
					}
				}
			}()
			SetStreamBytes(bytes)
		}()
		if StreamBytes() != 12345 {
			t.Errorf("SetStreamBytes(%d) panicked and set %d", bytes, StreamBytes())
		}
	}
}
