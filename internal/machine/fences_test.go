//go:build linux

package machine

import (
	"strings"
	"testing"
	"unsafe"
)

func TestFencesFault(t *testing.T) {
	f := newFenced(t, 1)
	for _, end := range []bool{false, true} {
		at := f.at(end, 1)
		*(*byte)(at)++
		step := -1
		if end {
			step = 1
		}
		if fault := Faulted(func() { *(*byte)(unsafe.Add(at, step))++ }); fault == nil {
			t.Errorf("no fault beyond the fence, end %v", end)
		} else if got, want := beyond(fault, []Operand{{Name: "it"}}, []fenced{f}), map[bool]string{false: "before it", true: "after it"}[end]; !strings.HasSuffix(got, want) {
			t.Errorf("the fault is said to be %s, want %s", got, want) // some CPUs report only the page
		}
	}
}
