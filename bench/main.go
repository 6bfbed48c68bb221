//go:build linux

// Command bench measures Socket.IO servers side by side: memory by number of
// clients, fan-out, round trips, handshakes and latency. Run it from the root
// of a checkout, on Linux: go run ./bench -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/sioserver/sioserver/bench/run"
)

func main() {
	// This goroutine makes the load. This thread starts the servers, so it must
	// not end before they do.
	runtime.LockOSThread()
	ctx, cancel := context.WithCancelCause(context.Background())
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupts
		cancel(run.Interrupted())
		signal.Stop(interrupts) // a second interrupt ends the process at once
	}()
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command runs the program and returns its exit status: 0, 1 when something
// failed, 2 for a wrong command line, 130 after an interrupt.
func command(ctx context.Context, args []string, out, log io.Writer) int {
	o, err := parseOptions(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 2
	}
	switch {
	case o.list:
		err = list(o, out)
	case o.draw != "":
		err = draw(o, out)
	default:
		err = measureAll(ctx, o, out, log)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, run.Interrupted()):
		fmt.Fprintln(log, "bench: interrupted; the result is partial")
		return 130
	default:
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
}
