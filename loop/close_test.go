package loop_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

func TestCloseReasons(t *testing.T) {
	for _, tc := range []struct {
		name string
		act  func(lt *looptest.Loops, c *looptest.Conn)
		want error
	}{
		{"own close", func(lt *looptest.Loops, c *looptest.Conn) { lt.Loop().PostFunc(c.Conn().Close); lt.Run() }, nil},
		{"own close, twice", func(lt *looptest.Loops, c *looptest.Conn) {
			lt.Loop().PostFunc(func() { c.Conn().Close(); c.Conn().Close() })
			lt.Run()
		}, nil},
		{"peer's close", func(lt *looptest.Loops, c *looptest.Conn) { c.PeerClose() }, io.EOF},
		{"own close, then the peer's before it is carried out", func(lt *looptest.Loops, c *looptest.Conn) {
			other := lt.Connect((&recorder{data: func(*loop.Conn, []byte) { c.Conn().Close() }}).accept)
			other.Feed([]byte("x"))
			c.PeerClose()
			lt.Run()
		}, nil},
		{"panic", func(lt *looptest.Loops, c *looptest.Conn) { c.Feed([]byte("panic")) }, loop.ErrPanic},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lt := looptest.New(t)
			r := &recorder{data: func(c *loop.Conn, b []byte) { panic(string(b)) }}
			c := lt.Connect(r.accept)
			tc.act(lt, c)
			if r.closes != 1 || r.err != tc.want {
				t.Fatalf("closed %d times with %v, want once with %v", r.closes, r.err, tc.want)
			}
			if !c.Closed() {
				t.Fatal("the socket is open")
			}
			if r.conn.RemoteAddr() != looptest.RemoteAddr {
				t.Fatalf("RemoteAddr after close is %v", r.conn.RemoteAddr())
			}
			c.Conn().Close()
			lt.Run()
			if r.closes != 1 {
				t.Fatal("Closed was called again")
			}
		})
	}
}

func TestNilHandlerClosesTheConnection(t *testing.T) {
	lt := looptest.New(t)
	if c := lt.Connect(func(*loop.Conn) loop.Handler { return nil }); !c.Closed() {
		t.Fatal("the connection is open")
	}
}

func TestCloseAfterFlush(t *testing.T) {
	const patience = time.Second
	sent := func(t *testing.T, c *looptest.Conn, r *recorder, want string, eof bool) {
		t.Helper()
		if got := string(c.Sent()); got != want || c.SentEOF() != eof || r.closes != 0 || c.Closed() {
			t.Fatalf("sent %q and EOF %v, want %q and %v; closed %d times", got, c.SentEOF(), want, eof, r.closes)
		}
	}
	for _, tc := range []struct {
		name    string
		blocked bool
		act     func(t *testing.T, lt *looptest.Loops, c *looptest.Conn, r *recorder)
	}{
		{"the peer closes", false, func(t *testing.T, lt *looptest.Loops, c *looptest.Conn, r *recorder) {
			sent(t, c, r, "bye", true)
			c.Feed([]byte("ignored"))
			lt.Advance(patience - 10*time.Millisecond)
			sent(t, c, r, "", true)
			c.PeerClose()
		}},
		{"the peer fails", false, func(_ *testing.T, _ *looptest.Loops, c *looptest.Conn, _ *recorder) { c.PeerFail(syscall.ECONNRESET) }},
		{"the peer does not close", false, func(t *testing.T, lt *looptest.Loops, c *looptest.Conn, r *recorder) {
			sent(t, c, r, "bye", true)
			lt.Advance(patience + 10*time.Millisecond)
		}},
		{"the peer reads late", true, func(t *testing.T, lt *looptest.Loops, c *looptest.Conn, r *recorder) {
			lt.Advance(patience / 2)
			sent(t, c, r, "", false)
			c.Unblock()
			lt.Run()
			sent(t, c, r, "bye", true)
			lt.Advance(patience/2 + 10*time.Millisecond)
		}},
		{"the peer does not read", true, func(t *testing.T, lt *looptest.Loops, c *looptest.Conn, r *recorder) {
			lt.Advance(patience - 10*time.Millisecond)
			sent(t, c, r, "", false)
			lt.Advance(20 * time.Millisecond)
		}},
		{"a write fails", true, func(_ *testing.T, lt *looptest.Loops, c *looptest.Conn, _ *recorder) {
			c.Break(syscall.ECONNRESET)
			c.Unblock()
			lt.Run()
		}},
		{"Close", false, func(_ *testing.T, lt *looptest.Loops, c *looptest.Conn, _ *recorder) {
			lt.Loop().PostFunc(c.Conn().Close)
			lt.Run()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lt := looptest.New(t)
			r := &recorder{data: func(c *loop.Conn, b []byte) {
				c.Send(frame("bye"))
				c.CloseAfterFlush(patience)
				c.Send(frame("more"))
				c.CloseAfterFlush(time.Hour)
				c.MoveTo(c.Loop(), []byte("more"), func(*loop.Conn) loop.Handler { panic("moved") })
			}}
			c := lt.Connect(r.accept)
			if tc.blocked {
				c.Block()
			}
			c.Feed([]byte("x"))
			tc.act(t, lt, c, r)
			if r.closes != 1 || r.err != nil || !c.Closed() || r.got.String() != "x" || r.flushes != 0 {
				t.Fatalf("closed %d times with %v, got %q, %d flushes", r.closes, r.err, r.got.String(), r.flushes)
			}
			lt.Advance(time.Hour)
			if lt.Alarms() != 0 || r.closes != 1 {
				t.Fatalf("a timer is left, or it is closed twice")
			}
			if s := lt.Stats(); s.Panics != 0 || s.Connections != 0 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

func TestCloseAfterFlushOfNothing(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{}
	c := lt.Connect(r.accept)
	lt.Loop().PostFunc(func() { r.conn.CloseAfterFlush(time.Second) })
	lt.Run()
	if !c.SentEOF() || c.Closed() {
		t.Fatalf("sent EOF %v, closed %v", c.SentEOF(), c.Closed())
	}
	c.PeerClose()
	if r.closes != 1 || r.err != nil {
		t.Fatalf("closed %d times with %v", r.closes, r.err)
	}
	r = &recorder{}
	c = lt.Connect(r.accept)
	c.Break(nil)
	lt.Loop().PostFunc(func() { r.conn.CloseAfterFlush(time.Second) })
	lt.Run()
	if r.closes != 1 || r.err != nil || !c.Closed() {
		t.Fatalf("of a reset connection: closed %d times with %v", r.closes, r.err)
	}
}

func TestHalfClosedPeerGetsWhatIsQueued(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{}
	c := lt.Connect(r.accept)
	other := lt.Connect((&recorder{data: func(*loop.Conn, []byte) { r.conn.Send(frame("late")) }}).accept)
	other.Feed([]byte("x"))
	c.PeerClose()
	if got := string(c.Sent()); got != "late" || r.err != io.EOF {
		t.Fatalf("sent %q, closed with %v", got, r.err)
	}
}

func TestPanicsAreContained(t *testing.T) {
	lt := looptest.New(t)
	ran := 0
	bystander := &recorder{}
	lt.Connect(bystander.accept)
	r := &recorder{closed: func(*loop.Conn, error) { panic("closed") }}
	r.flushed = func(*loop.Conn) { panic("flushed") }
	r.data = func(c *loop.Conn, b []byte) { c.Send(frame(b)) }
	c := lt.Connect(r.accept)
	c.Feed([]byte("x"))
	lt.Run()
	if !errors.Is(r.err, loop.ErrPanic) {
		t.Fatalf("closed with %v", r.err)
	}
	if c := lt.Connect(func(*loop.Conn) loop.Handler { panic("accept") }); !c.Closed() {
		t.Error("a panicking accept leaves the connection open")
	}
	lt.Loop().PostFunc(func() { ran++ })
	lt.Loop().PostFunc(func() { panic("task") })
	lt.Loop().PostFunc(func() { ran++ })
	lt.Loop().PostFunc(func() {
		lt.Loop().AfterFunc(time.Millisecond, func() { panic("timer") })
		lt.Loop().AfterFunc(time.Millisecond, func() { ran++ })
	})
	lt.Advance(time.Second)
	if ran != 3 {
		t.Errorf("%d of 3 bystanders ran", ran)
	}
	if s := lt.Stats(); s.Panics != 5 || s.Connections != 1 || bystander.closes != 0 {
		t.Errorf("%+v", s)
	}
}

// TestLateNotice lets the notice that a blocked connection waited for arrive
// after the connection has gone.
func TestLateNotice(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{}
	c := lt.Connect(r.accept)
	c.Block()
	lt.Loop().PostFunc(func() { r.conn.Send(frame("x")) })
	lt.Run()
	lt.Loop().PostFunc(r.conn.Close)
	c.Unblock()
	lt.Run()
	if len(c.Sent()) != 0 || r.closes != 1 || r.flushes != 0 || lt.Stats().Panics != 0 {
		t.Fatalf("%d closes, %d flushes, %+v", r.closes, r.flushes, lt.Stats())
	}
}
