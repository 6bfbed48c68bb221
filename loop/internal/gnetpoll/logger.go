//go:build linux

package gnetpoll

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"
)

// logger gives gnet's messages to slog at debug level; the important ones are
// also reported as errors and counters. gnet makes it the default of the
// process, shared by all engines. The application's handler may end its
// goroutine, so it runs on another one than gnet's.
type logger struct {
	log    *slog.Logger
	failed func(error) // gets the system's errors
}

func (l logger) logf(level, format string, args []any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if l.log.Enabled(context.Background(), slog.LevelDebug) {
			l.log.Debug("gnet: "+fmt.Sprintf(format, args...), "gnetLevel", level)
		}
	}()
	<-done
}

// Debugf implements gnet's logger, as the following methods do.
func (l logger) Debugf(format string, args ...any) { l.logf("debug", format, args) }
func (l logger) Infof(format string, args ...any)  { l.logf("info", format, args) }
func (l logger) Warnf(format string, args ...any)  { l.logf("warn", format, args) }
func (l logger) Errorf(format string, args ...any) {
	for _, arg := range args {
		if err, ok := arg.(unix.Errno); ok {
			l.failed(err)
		}
	}
	l.logf("error", format, args)
}

// Fatalf does not end the process.
func (l logger) Fatalf(format string, args ...any) { l.logf("fatal", format, args) }
