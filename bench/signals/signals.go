// Package signals lets a command that is interrupted end in order.
package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interrupt is the signal that interrupted a command, as an error.
type Interrupt struct{ Signal syscall.Signal }

func (i Interrupt) Error() string {
	if i.Signal == syscall.SIGINT {
		return "interrupted"
	}
	return i.Signal.String()
}

// Status returns the exit status of a command that was interrupted, which shells
// show for one that the signal killed, too.
func (i Interrupt) Status() int { return 128 + int(i.Signal) }

// Context returns a context that is cancelled, with the [Interrupt] as its cause, by
// the first SIGINT, SIGTERM or SIGHUP. From then on these have their usual effect: a
// second one kills. What the process was told to ignore, as nohup and a shell's jobs
// in the background are, stays ignored.
func Context() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	first := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(first, s)
		}
	}
	go func() {
		s := <-first
		signal.Stop(first)
		cancel(Interrupt{s.(syscall.Signal)})
	}()
	return ctx
}
