package main

import (
	"context"
	"os"
	"time"
)

// echo is how long a second signal of the same kind is ignored: timeout(1) and
// make(1) send one to the program and one to its process group.
const echo = 200 * time.Millisecond

// serve waits for the end of the server. The first signal starts a Shutdown,
// which drains the server, the second ends it at once.
func (p *program) serve(signals <-chan os.Signal) int {
	ended := make(chan error, 1)
	go func() { ended <- p.srv.Wait() }()
	var first os.Signal
	within := p.Drain.Notice.Duration + p.Drain.Spread.Duration + p.ShutdownTimeout.Duration
	select {
	case err := <-ended:
		p.log.Error("the server has ended", "error", err)
		return exitError
	case first = <-signals:
		p.state.Drain()
		p.log.Info("shutting down", "signal", first.String(), "within", within)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	go func() {
		awaitSecond(ctx, first, signals)
		cancel()
	}()
	if err := p.srv.Shutdown(ctx); err != nil {
		p.log.Warn("ended before everything was done", "error", err)
		return exitError
	}
	return exitDone
}

// awaitSecond returns when ctx is done, or when a signal has come that is not
// an echo of the first.
func awaitSecond(ctx context.Context, first os.Signal, signals <-chan os.Signal) {
	since := time.Now()
	for {
		select {
		case s := <-signals:
			if s != first || time.Since(since) >= echo {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
