package cpu

import (
	"runtime"
	"testing"
)

func TestCPUPrintsAsNameAndCaches(t *testing.T) {
	c := CPU{Name: "Pentium", L1: 8 << 10, L2: 256 << 10, L3: 3 << 20}
	if got, want := c.String(), "Pentium (L1 8 KiB, L2 256 KiB, L3 3072 KiB)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestThisCPU(t *testing.T) {
	want := describe()
	if want.Name == "" {
		want.Name = "unknown " + runtime.GOARCH + " processor"
	}
	got := This()
	t.Log(got)
	if got != want || got.L1 < 0 || got.L2 < 0 || got.L3 < 0 {
		t.Errorf("%+v, want %+v", got, want)
	}
}
