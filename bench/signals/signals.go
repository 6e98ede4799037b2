// Package signals lets a command clean up when it is interrupted.
package signals

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interrupt is the error of a command that a signal interrupted.
type Interrupt struct{ Signal syscall.Signal }

func (i Interrupt) Error() string {
	if i.Signal == syscall.SIGINT {
		return "interrupted"
	}
	return i.Signal.String()
}

// Status returns the exit status of an interrupted command: 128 plus the number of the
// signal, which is also what shells report for a command that the signal killed.
func (i Interrupt) Status() int { return 128 + int(i.Signal) }

// Context returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, with an
// [Interrupt] as its cause. Afterwards these signals have their default effect, so that a
// second one kills the process. Signals that the process ignores stay ignored: nohup
// ignores SIGHUP, and a shell's background jobs ignore SIGINT.
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
