// Package safelog makes the application's logger safe to call from anywhere:
// its handler is user code, and may panic where a panic would end the process.
package safelog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
)

// Wrap returns l, or the default logger when l is nil, without its panics: a
// record that its handler panics at is lost. A handler that ends its goroutine
// by runtime.Goexit still does.
func Wrap(l *slog.Logger) *slog.Logger {
	if l == nil {
		l = slog.Default()
	}
	if _, ok := l.Handler().(handler); ok {
		return l
	}
	return slog.New(handler{l.Handler()})
}

type handler struct{ slog.Handler }

// Enabled implements slog.Handler, as the following methods do.
func (h handler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer func() {
		if recover() != nil {
			enabled = false
		}
	}()
	return h.Handler.Enabled(ctx, level)
}

// Handle reports a panic as an error. If the handler locks the thread, it is
// unlocked: it may be that of an event loop (see loop.Contain).
func (h handler) Handle(ctx context.Context, r slog.Record) (err error) {
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
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
