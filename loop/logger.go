package loop

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"
)

// quietLogger gives gnet's messages to slog at debug level: what matters of
// them is reported as errors and counters. gnet makes it the process's default,
// which is shared by all engines. The application's handler may end its
// goroutine, so it runs on another one than gnet's.
type quietLogger struct {
	log    *slog.Logger
	failed func(error) // is told of the system's errors
}

func (q quietLogger) logf(level, format string, args []any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if q.log.Enabled(context.Background(), slog.LevelDebug) {
			q.log.Debug("gnet: "+fmt.Sprintf(format, args...), "gnetLevel", level)
		}
	}()
	<-done
}

// Debugf implements gnet's logger, as the following methods do.
func (q quietLogger) Debugf(format string, args ...any) { q.logf("debug", format, args) }
func (q quietLogger) Infof(format string, args ...any)  { q.logf("info", format, args) }
func (q quietLogger) Warnf(format string, args ...any)  { q.logf("warn", format, args) }
func (q quietLogger) Errorf(format string, args ...any) {
	for _, arg := range args {
		if err, ok := arg.(unix.Errno); ok {
			q.failed(err)
		}
	}
	q.logf("error", format, args)
}

// Fatalf does not end the process.
func (q quietLogger) Fatalf(format string, args ...any) { q.logf("fatal", format, args) }
