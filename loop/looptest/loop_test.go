package looptest_test

import (
	"io"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

type echo struct{ err error }

func (e *echo) Data(c *loop.Conn, b []byte) {
	f := loop.NewFrame()
	f.B = append(f.B, b...)
	c.Send(f)
}
func (e *echo) Flushed(*loop.Conn)             {}
func (e *echo) Closed(_ *loop.Conn, err error) { e.err = err }

func TestPeerSeesWhatIsSent(t *testing.T) {
	lt := looptest.New(t)
	h := &echo{}
	c := lt.Connect(func(*loop.Conn) loop.Handler { return h })
	c.BlockAfter(2)
	c.Feed([]byte("hello"))
	if got := string(c.Sent()); got != "he" {
		t.Fatalf("sent %q", got)
	}
	c.Unblock()
	if got := string(c.Sent()); got != "" {
		t.Fatalf("sent %q before Run", got)
	}
	lt.Run()
	if got := string(c.Sent()); got != "llo" {
		t.Fatalf("sent %q", got)
	}
	c.PeerClose()
	c.Feed([]byte("x"))
	if h.err != io.EOF || !c.Closed() || len(c.Sent()) != 0 {
		t.Fatalf("closed with %v", h.err)
	}
}

func TestSentEOF(t *testing.T) {
	lt := looptest.New(t)
	h := &echo{}
	c := lt.Connect(func(*loop.Conn) loop.Handler { return h })
	if c.SentEOF() {
		t.Fatal("EOF at once")
	}
	lt.Loop().PostFunc(func() { c.Conn().CloseAfterFlush(time.Second) })
	lt.Run()
	if !c.SentEOF() || c.Closed() {
		t.Fatal("no half-closed connection")
	}
	c.PeerClose()
	if !c.Closed() || h.err != nil {
		t.Fatalf("closed %v with %v", c.Closed(), h.err)
	}
}

func TestRunUntilWaitsForOtherGoroutines(t *testing.T) {
	lt := looptest.New(t)
	ran := 0
	go func() {
		for range 100 {
			lt.Loop().PostFunc(func() { ran++ })
		}
	}()
	lt.RunUntil(func() bool { return ran == 100 })
}

// TestRunTakesWhatWasPosted: a task has run after Run also when the loop was
// about to be woken by another goroutine, which was preempted before that.
func TestRunTakesWhatWasPosted(t *testing.T) {
	lt := looptest.New(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				lt.Loop().PostFunc(func() {})
			}
		}
	}()
	for range 20_000 {
		ran := false
		lt.Loop().PostFunc(func() { ran = true })
		if lt.Run(); !ran {
			t.Error("Run has left a task behind")
			break
		}
	}
	close(stop)
	<-stopped
}

func TestAdvanceMovesTheClockOnlyOnDemand(t *testing.T) {
	lt := looptest.New(t)
	l := lt.Loop()
	var at []time.Duration
	var began int64
	l.PostFunc(func() {
		began = l.Now()
		for _, d := range []time.Duration{3 * time.Second, time.Second, 2 * time.Second} {
			l.AfterFunc(d, func() { at = append(at, time.Duration(l.Now()-began).Truncate(100*time.Millisecond)) })
		}
	})
	lt.Run()
	if len(at) != 0 {
		t.Fatal("Run moved the clock")
	}
	lt.Advance(2500 * time.Millisecond)
	if len(at) != 2 || at[0] != time.Second || at[1] != 2*time.Second {
		t.Fatalf("fired at %v", at)
	}
}
