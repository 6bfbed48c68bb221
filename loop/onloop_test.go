package loop_test

import (
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// teller says for each byte where it was received.
type teller struct{ told chan bool }

func (h teller) Data(c *loop.Conn, _ []byte) { h.told <- loop.OnLoop() }

func (h teller) Flushed(*loop.Conn) {}

func (h teller) Closed(*loop.Conn, error) { h.told <- loop.OnLoop() }

// TestOnLoop asks in callbacks of each kind, also those after one that has
// ended its goroutine, and elsewhere.
func TestOnLoop(t *testing.T) {
	told := make(chan bool, 10)
	e := start(t, loop.Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)}, func(*loop.Conn) loop.Handler {
		told <- loop.OnLoop()
		return teller{told}
	})
	wants := func(what string) {
		t.Helper()
		select {
		case on := <-told:
			if !on {
				t.Errorf("%s is not on a loop", what)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s does not come", what)
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
			l.PostFunc(func() { told <- loop.OnLoop() })
			wants("a task")
			l.PostFunc(func() { l.AfterFunc(time.Millisecond, func() { told <- loop.OnLoop() }) })
			wants("a timer")
			l.PostFunc(func() {
				l.Contain(loop.TaskFunc(func() { told <- loop.OnLoop() }))
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
