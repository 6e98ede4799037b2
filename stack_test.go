package spatialdropout_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// grow makes the stack of the goroutine large.
//
//go:noinline
func grow(n int) int {
	var room [64]int
	room[n%64] = n
	if n == 0 {
		return 0
	}
	return grow(n-1) + room[n%64]
}

// The factors of a small call are on the stack of a goroutine, which a garbage collection
// may move in the middle of the call.
func TestSmallCallsSurviveMovedStacks(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 16, 1, 2)
	m := draw(t, newDropout(t, 0), x.geom)
	var stop atomic.Bool
	done := make(chan bool)
	go func() {
		for !stop.Load() {
			runtime.GC()
		}
		close(done)
	}()
	limit := 2 * time.Second
	if testing.Short() {
		limit /= 4
	}
	var factors [32]float32
	fill(factors[:], 1)
	want, wrong := filled[float32](x.length, 3), 0
	for begin := time.Now(); time.Since(begin) < limit && wrong == 0; {
		ready := make(chan int)
		go func() {
			grow(100)
			var y, v [64]float32 // of the caller, on its stack as well
			dst, src := y[:x.length], v[:x.length]
			failed := 0
			for range 500 {
				fill(dst, 1)
				fill(src, 2)
				if err := spatialdropout.AddTo(dst, src, m, x.geom); err != nil || !same(dst, want) {
					failed++
				}
				kernel.Planes(kernel.Add, dst, src, factors[:], nil, 2)
				if dst[0] != 5 || !same(dst[1:], dst[:len(dst)-1]) {
					failed++
				}
			}
			ready <- failed
		}()
		wrong = <-ready
	}
	stop.Store(true)
	<-done
	if wrong > 0 {
		t.Errorf("%d of 500 calls give something else in one goroutine", wrong)
	}
}

// Small calls keep their factors on the stack, which moves when a collection shrinks it.
func TestStacksShrinkUnderApply(t *testing.T) {
	g := dense(t, layout.NCHW, 1, 3, 2, 2).geom
	m := draw(t, newDropout(t, 0.5), g)
	for c := range 3 {
		m.Set(0, c, c != 1)
	}
	ones, want := filled[float32](12, 1), []float32{2, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2, 2}
	machine.CheckShrinkingStacks(t, func() string {
		y := make([]float32, 12)
		if err := spatialdropout.Apply(y, ones, m, g); err != nil {
			return err.Error()
		}
		if !same(y, want) {
			return fmt.Sprintf("got %v, want %v", y, want)
		}
		return ""
	})
}
