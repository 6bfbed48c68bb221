package safelog_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/safelog"
)

// faulty is a handler that panics in the method where.
type faulty struct {
	slog.Handler
	where string
}

func (f faulty) Enabled(ctx context.Context, l slog.Level) bool {
	if f.where == "Enabled" {
		panic("a bug")
	}
	return f.Handler.Enabled(ctx, l)
}

func (f faulty) Handle(ctx context.Context, r slog.Record) error {
	if f.where == "Handle" {
		panic("a bug")
	}
	return f.Handler.Handle(ctx, r)
}

func TestPanicsEndHere(t *testing.T) {
	for _, tc := range []struct{ where, want string }{
		{"", "level=INFO msg=hello group.a=1"}, {"Enabled", ""}, {"Handle", ""},
	} {
		var b bytes.Buffer
		plain := slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		safelog.Wrap(slog.New(faulty{plain, tc.where})).Info("hello", slog.Group("group", "a", 1))
		if got := strings.TrimSpace(b.String()); got != tc.want {
			t.Errorf("panic in %q: got %q, want %q", tc.where, got, tc.want)
		}
	}
	var b bytes.Buffer
	safelog.Wrap(slog.New(slog.NewTextHandler(&b, nil))).WithGroup("g").With("a", 1).Info("hello", "b", 2)
	if got := b.String(); !strings.Contains(got, "g.a=1 g.b=2") {
		t.Errorf("got %q", got)
	}
}

func TestWrapOnce(t *testing.T) {
	if l := safelog.Wrap(nil); safelog.Wrap(l) != l {
		t.Error("it is wrapped twice")
	}
}

// locker is a handler that locks its thread.
type locker struct{ slog.Handler }

func (l locker) Handle(context.Context, slog.Record) error {
	runtime.LockOSThread()
	return nil
}

// TestThreadsStayLocked: a goroutine that has locked its thread has so after a
// record, and one that has not has not.
func TestThreadsStayLocked(t *testing.T) {
	plain := slog.NewTextHandler(io.Discard, nil)
	for _, h := range []slog.Handler{plain, locker{plain}} {
		for _, lock := range []bool{false, true} {
			done := make(chan bool)
			go func() {
				if lock {
					runtime.LockOSThread()
				}
				safelog.Wrap(slog.New(h)).Info("hello")
				done <- strings.Contains(string(debug.Stack()), "locked to thread]")
			}()
			if locked := <-done; locked != lock {
				t.Errorf("handler %T: locked before %v, after %v", h, lock, locked)
			}
		}
	}
}
