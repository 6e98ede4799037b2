package machine

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/race"
)

// CheckStacks runs a function on stacks that are full at one depth after the other, on
// every tier. The function keeps operands in arrays on its stack, which must then move
// while assembly uses them, and says what is wrong with the results.
func CheckStacks(t *testing.T, onStack func() (wrong string)) {
	EveryTier(t, func(t *testing.T) {
		for frames := range 700 { // of 32 bytes or so: the stack doubles several times
			wrong := make(chan string)
			go func() {
				deep(frames, func() { wrong <- onStack() })
			}()
			if s := <-wrong; s != "" {
				t.Fatalf("below %d frames: %s", frames, s)
			}
		}
	})
}

// deep calls f below so many frames.
//
//go:noinline
func deep(frames int, f func()) {
	if frames > 0 {
		deep(frames-1, f)
		return
	}
	f()
}

// CheckShrinkingStacks runs a function over and over on stacks that garbage collections
// shrink, and so move, at any call that the function makes: also at those that checkptr adds
// under the race detector. The function keeps operands in arrays on its stack, and says what
// is wrong with the results.
func CheckShrinkingStacks(t *testing.T, onStack func() (wrong string)) {
	const users = 2
	end := time.Now().Add(time.Second / 4)
	if race.Enabled && !testing.Short() {
		end = end.Add(3 * time.Second)
	}
	wrong := make(chan string, users)
	var group sync.WaitGroup
	for range users {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) {
				wide(0) // the next collection finds the stack too large
				for range 100 {
					if s := onStack(); s != "" {
						wrong <- s
						return
					}
				}
			}
		}()
	}
	for time.Now().Before(end) {
		runtime.GC()
	}
	group.Wait()
	close(wrong)
	for s := range wrong {
		t.Error(s)
	}
}

// wide takes a stack of more than 64 KiB.
//
//go:noinline
func wide(i int) byte {
	var room [64 << 10]byte
	room[i]++
	return room[len(room)-1-i]
}
