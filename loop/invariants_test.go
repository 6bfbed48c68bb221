//go:build invariants

package loop_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// violated calls f and returns the text of the invariant that it violates.
func violated(f func()) (what string) {
	defer func() {
		what, _ = recover().(string)
		what = strings.TrimPrefix(what, "invariant broken: ")
	}()
	f()
	return ""
}

func TestReleasedFrameIsFound(t *testing.T) {
	for name, use := range map[string]func(c *loop.Conn, f *loop.Frame){
		"retained": func(_ *loop.Conn, f *loop.Frame) { f.Retain() },
		"sent":     func(c *loop.Conn, f *loop.Frame) { c.Send(f) },
	} {
		t.Run(name, func(t *testing.T) {
			c := looptest.New(t).Connect(func(*loop.Conn) loop.Handler { return echo{} })
			f := frame("hello")
			kept := f.B
			f.Release()
			if want := bytes.Repeat([]byte{invariants.Garbage}, 5); !bytes.Equal(kept, want) {
				t.Errorf("what was kept of a released frame reads %q", kept)
			}
			if what := violated(func() { use(c.Conn(), f) }); !strings.Contains(what, "after its release") {
				t.Errorf("it violates %q", what)
			}
		})
	}
}

// keeper is a handler that keeps what it only borrowed.
type keeper struct{ b []byte }

func (k *keeper) Data(_ *loop.Conn, b []byte) { k.b = b }
func (k *keeper) Flushed(*loop.Conn)          {}
func (k *keeper) Closed(*loop.Conn, error)    {}

func TestKeptDataIsGarbage(t *testing.T) {
	k := new(keeper)
	c := looptest.New(t).Connect(func(*loop.Conn) loop.Handler { return k })
	c.Feed([]byte("hello"))
	if want := bytes.Repeat([]byte{invariants.Garbage}, 5); !bytes.Equal(k.b, want) {
		t.Errorf("what was kept of the data reads %q", k.b)
	}
}

// loopOwned has a call of each loop-owned method.
var loopOwned = map[string]func(c *loop.Conn){
	"Conn.Admit":           func(c *loop.Conn) { c.Admit(1, 1, 1) },
	"Conn.Blocked":         func(c *loop.Conn) { c.Blocked() },
	"Conn.Close":           func(c *loop.Conn) { c.Close() },
	"Conn.CloseAfterFlush": func(c *loop.Conn) { c.CloseAfterFlush(time.Second) },
	"Conn.Crowded":         func(c *loop.Conn) { c.Crowded() },
	"Conn.Detach":          func(c *loop.Conn) { c.Detach(nil, func(loop.Detached) {}) },
	"Conn.Held":            func(c *loop.Conn) { c.Held() },
	"Conn.HungUp":          func(c *loop.Conn) { c.HungUp() },
	"Conn.Idle":            func(c *loop.Conn) { c.Idle() },
	"Conn.MakeRoom":        func(c *loop.Conn) { c.MakeRoom(1, 1) },
	"Conn.Mark":            func(c *loop.Conn) { c.Mark() },
	"Conn.MoveTo":          func(c *loop.Conn) { c.MoveTo(c.Loop(), nil, acceptEcho) },
	"Conn.Overflow":        func(c *loop.Conn) { c.Overflow() },
	"Conn.Pause":           func(c *loop.Conn) { c.Pause(nil) },
	"Conn.Paused":          func(c *loop.Conn) { c.Paused() },
	"Conn.Queued":          func(c *loop.Conn) { c.Queued() },
	"Conn.Resume":          func(c *loop.Conn) { c.Resume() },
	"Conn.Send":            func(c *loop.Conn) { c.Send(frame("x")) },
	"Conn.SetHandler":      func(c *loop.Conn) { c.SetHandler(echo{}) },
	"Conn.Taken":           func(c *loop.Conn) { c.Taken() },
	"Conn.Unreachable":     func(c *loop.Conn) { c.Unreachable(time.Second) },
	"Conn.Weight":          func(c *loop.Conn) { c.Weight() },
	"Loop.AfterFunc":       func(c *loop.Conn) { c.Loop().AfterFunc(time.Second, func() {}) },
	"Loop.Arm":             func(c *loop.Conn) { c.Loop().Arm(new(loop.Timer), time.Second) },
	"Loop.Cancel":          func(c *loop.Conn) { c.Loop().Cancel(new(loop.Timer)) },
	"Loop.Contain":         func(c *loop.Conn) { c.Loop().Contain(loop.TaskFunc(func() {})) },
	"Loop.Excess":          func(c *loop.Conn) { c.Loop().Excess() },
	"Loop.Hold":            func(c *loop.Conn) { c.Loop().Hold(1) },
	"Loop.HoldQueued":      func(c *loop.Conn) { c.Loop().HoldQueued(1) },
	"Loop.Late":            func(c *loop.Conn) { c.Loop().Late(0) },
	"Loop.Now":             func(c *loop.Conn) { c.Loop().Now() },
	"Loop.OnFull":          func(c *loop.Conn) { c.Loop().OnFull(func() {}) },
}

// acceptedBy returns the connection of a new client of an engine with cfg.
func acceptedBy(t *testing.T, cfg loop.Config) *loop.Conn {
	t.Helper()
	conns := make(chan *loop.Conn, 1)
	dial(t, start(t, cfg, func(c *loop.Conn) loop.Handler { conns <- c; return echo{} }))
	c := wait.For(t, "a connection", conns)
	wait.For(t, "the end of its first burst", onLoopAsync(c, func() {}))
	return c
}

// onLoopAsync runs f on c's loop and closes the channel.
func onLoopAsync(c *loop.Conn, f func()) <-chan struct{} {
	ran := make(chan struct{})
	c.Loop().PostFunc(func() { f(); close(ran) })
	return ran
}

// TestForeignCallsAreFound calls the loop-owned methods on the test's goroutine
// while the loop is idle. None of them does anything.
func TestForeignCallsAreFound(t *testing.T) {
	c := acceptedBy(t, loop.Config{Loops: 1})
	for name, call := range loopOwned {
		// The burst that has closed the channel may not have ended yet.
		wait.Until(t, name+" is found", func() bool {
			what := violated(func() { call(c) })
			return what == "loop: "+name+" is called on another goroutine than the loop's"
		})
	}
}

// TestForeignCallsAreFoundDuringABurst calls a method while the loop is busy,
// where only some of the calls are checked.
func TestForeignCallsAreFoundDuringABurst(t *testing.T) {
	c := acceptedBy(t, loop.Config{Loops: 1})
	busy, free := make(chan struct{}), make(chan struct{})
	c.Loop().PostFunc(func() { close(busy); <-free })
	defer close(free)
	wait.For(t, "a busy loop", busy)
	found := 0
	for range 10 * 64 {
		if violated(func() { c.Loop().Excess() }) != "" {
			found++
		}
	}
	if found != 10 {
		t.Errorf("%d of 640 calls were found, want 10", found)
	}
}

func TestCallsFromAnotherLoopAreFound(t *testing.T) {
	c := acceptedBy(t, loop.Config{Loops: 1})
	other := acceptedBy(t, loop.Config{Loops: 1})
	wait.Until(t, "it is found", func() bool {
		what := ""
		wait.For(t, "a task", onLoopAsync(other, func() { what = violated(func() { c.Close() }) }))
		return what != ""
	})
}

// TestDelegatesAct has a goroutine act for a loop that waits for it, as one
// that the goroutine makes does not.
func TestDelegatesAct(t *testing.T) {
	c := acceptedBy(t, loop.Config{Loops: 1})
	l := c.Loop()
	wait.For(t, "the delegates", onLoopAsync(c, func() {
		for range 64 { // one of them is checked
			ended := make(chan string)
			acts := loop.Delegate(func() { l.Now() })
			go func() { ended <- violated(acts) }()
			if what := <-ended; what != "" {
				t.Errorf("a delegate violates %q", what)
			}
		}
		found := 0
		for range 64 {
			ended := make(chan string)
			go loop.Delegate(func() {
				go func() { ended <- violated(func() { l.Now() }) }()
			})()
			if <-ended != "" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d of 64 calls by other goroutines were found, want 1", found)
		}
	}))
}
