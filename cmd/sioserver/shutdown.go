package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// echo is how long the first signal may be heard again: timeout(1) and make(1)
// send it to the program and to its process group.
const echo = 200 * time.Millisecond

// serve waits for the server's end, which the first signal asks for and the
// second no longer waits for.
func serve(srv *sio.Server, log *slog.Logger, o options, signals <-chan os.Signal) int {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve() }()
	var first os.Signal
	select {
	case err := <-ended:
		log.Error("the server has ended", "error", err)
		return exitError
	case first = <-signals:
		log.Info("shutting down", "signal", first.String(), "within", o.shutdownTimeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.shutdownTimeout)
	defer cancel()
	go func() {
		awaitSecond(ctx, first, signals)
		cancel()
	}()
	if err := srv.Shutdown(ctx); err != nil {
		log.Warn("ended before everything was done", "error", err)
		return exitError
	}
	return exitDone
}

// awaitSecond returns when ctx is done or a signal has come that is not the
// first one's echo.
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
