package machine

import "testing"

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
