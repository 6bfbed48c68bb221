package loop_test

import (
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// asking is a handler whose callbacks send what OnLoop returns.
type asking struct{ answers chan bool }

func (h asking) Data(*loop.Conn, []byte)  { h.answers <- loop.OnLoop() }
func (h asking) Flushed(*loop.Conn)       {}
func (h asking) Closed(*loop.Conn, error) { h.answers <- loop.OnLoop() }

// TestOnLoop asks in callbacks of each kind, also those after one that has
// ended its goroutine, and elsewhere.
func TestOnLoop(t *testing.T) {
	answers := make(chan bool, 10)
	e := start(t, loop.Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)}, func(*loop.Conn) loop.Handler {
		answers <- loop.OnLoop()
		return asking{answers}
	})
	wants := func(what string) {
		t.Helper()
		if !wait.For(t, what, answers) {
			t.Errorf("%s is not on a loop", what)
		}
	}
	for range 3 {
		c := dial(t, e)
		wants("accept")
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		wants("Data")
		c.Close()
		wants("Closed")
		for _, l := range e.Loops() {
			l.PostFunc(func() { answers <- loop.OnLoop() })
			wants("a task")
			l.PostFunc(func() { l.AfterFunc(time.Millisecond, func() { answers <- loop.OnLoop() }) })
			wants("a timer")
			l.PostFunc(func() {
				l.Contain(loop.TaskFunc(func() { answers <- loop.OnLoop() }))
				l.Contain(loop.TaskFunc(runtime.Goexit))
			})
			wants("what is contained")
			l.PostFunc(runtime.Goexit)
		}
	}
	elsewhere := make(chan bool)
	go func() { elsewhere <- loop.OnLoop() }()
	if <-elsewhere || loop.OnLoop() {
		t.Error("every goroutine is a loop's")
	}
}
