// Package safelog makes the application's logger safe to call from anywhere:
// its handler is user code, and may panic where a panic would end the process.
// And it bounds what peers can cause to be logged: at level Info and above, 10
// records of a kind in a second, and one that counts the rest.
package safelog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
)

// Wrap returns l, or the default logger when l is nil, without its panics and
// with a bound. A record that its handler panics at is lost. A handler that
// ends its goroutine by runtime.Goexit still does. Of the records at level Info
// and above with the same message, 10 pass in a second; then one more does,
// with the same message and the number of the others in the attribute "more".
// Records below that level are not bounded.
func Wrap(l *slog.Logger) *slog.Logger {
	if l == nil {
		l = slog.Default()
	}
	if _, ok := l.Handler().(handler); ok {
		return l
	}
	return slog.New(handler{l.Handler(), &limiter{recent: make(map[string]*recent)}})
}

type handler struct {
	slog.Handler
	limiter *limiter // shared with the handlers derived from it
}

// Enabled implements slog.Handler, as the following methods do.
func (h handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer func() {
		if recover() != nil {
			enabled = false
		}
	}()
	return h.Handler.Enabled(ctx, level)
}

// Handle drops r if there are too many like it.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !h.limiter.pass(h, &r) {
		return nil
	}
	return h.handle(ctx, r)
}

// handle reports a panic as an error. If the handler locks the thread, it is
// unlocked: it may be that of an event loop (see loop.Contain).
func (h handler) handle(ctx context.Context, r slog.Record) (err error) {
	locked := threadLocked()
	defer func() {
		if !locked {
			runtime.UnlockOSThread()
		}
		if v := recover(); v != nil {
			err = fmt.Errorf("safelog: the handler has panicked: %v", v)
		}
	}()
	return h.Handler.Handle(ctx, r)
}

// threadLocked reports whether the calling goroutine has locked its thread. It
// costs a microsecond.
func threadLocked() bool {
	var b [128]byte
	header, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte("]:"))
	return bytes.HasSuffix(header, []byte("locked to thread"))
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.limiter}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.limiter}
}

// Unwrap returns the application's handler.
func (h handler) Unwrap() slog.Handler { return h.Handler }

// Rewrap returns next with the same protection and the same bounds.
func (h handler) Rewrap(next slog.Handler) slog.Handler { return handler{next, h.limiter} }
