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

func TestMoveCarriesTheStreamOver(t *testing.T) {
	lt := looptest.New(t, looptest.WithLoops(2))
	to := lt.Loops()[1]
	after := &recorder{data: func(c *loop.Conn, b []byte) { c.Send(frame("new ")) }}
	before := &recorder{}
	before.data = func(c *loop.Conn, b []byte) {
		c.Send(frame("old "))
		c.Send(frame("older "))
		c.MoveTo(to, b[2:], after.accept)
		b[2] = '?' // MoveTo has copied
		c.Send(frame("lost"))
		c.Close()
	}
	c := lt.Connect(before.accept)
	c.Feed([]byte("abcd"))
	c.Feed([]byte("efg")) // while on the way
	lt.Run()
	if got := after.got.String(); got != "cdefg" {
		t.Fatalf("the new handler got %q", got)
	}
	if got := string(c.Sent()); got != "old older new new " {
		t.Fatalf("sent %q", got)
	}
	if before.reads != 1 || before.closes != 0 || before.flushes != 0 {
		t.Fatalf("the old handler was called: %d reads, %d closes, %d flushes", before.reads, before.closes, before.flushes)
	}
	if after.conn.Loop() != to || after.conn == before.conn {
		t.Fatal("the connection has not moved")
	}
	c.PeerClose()
	if after.err != io.EOF || after.closes != 1 {
		t.Fatalf("closed %d times with %v", after.closes, after.err)
	}
	if s := lt.Stats(); s.Connections != 0 || s.LostMoves != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestMoveOfABlockedConnection(t *testing.T) {
	lt := looptest.New(t, looptest.WithLoops(2))
	r := &recorder{}
	c := lt.Connect(r.accept)
	c.BlockAfter(2)
	lt.Loop().PostFunc(func() { r.conn.Send(frame("abcdef")) })
	lt.Run()
	lt.Loop().PostFunc(func() { r.conn.MoveTo(lt.Loops()[1], nil, r.accept) })
	lt.Run()
	c.Unblock()
	lt.Run()
	if got := string(c.Sent()); got != "abcdef" || r.flushes != 1 {
		t.Fatalf("sent %q, %d flushes", got, r.flushes)
	}
}

func TestMoveToOwnLoop(t *testing.T) {
	lt := looptest.New(t)
	after := &recorder{}
	before := &recorder{data: func(c *loop.Conn, b []byte) { c.MoveTo(c.Loop(), b[1:], after.accept) }}
	c := lt.Connect(before.accept)
	c.Feed([]byte("abc"))
	c.Feed([]byte("d"))
	if before.got.String() != "abc" || after.got.String() != "bcd" {
		t.Fatalf("got %q and %q", before.got.String(), after.got.String())
	}
}

func TestFailedMoveIsReported(t *testing.T) {
	lt := looptest.New(t, looptest.WithLoops(2))
	before, after := &recorder{}, &recorder{}
	before.data = func(c *loop.Conn, b []byte) { c.MoveTo(lt.Loops()[1], b, after.accept) }
	c := lt.Connect(before.accept)
	c.FailMove(syscall.EMFILE)
	c.Feed([]byte("x"))
	lt.Run()
	if after.closes != 1 || !errors.Is(after.err, loop.ErrLostMove) || !errors.Is(after.err, syscall.EMFILE) {
		t.Fatalf("the new handler got %d Closed, with %v", after.closes, after.err)
	}
	if s := lt.Stats(); s.LostMoves != 1 || s.Connections != 0 || before.closes != 0 || !c.Closed() {
		t.Fatalf("%+v", s)
	}
}

// TestBytesArriveBeforeTheMove has bytes arrive after another connection's
// handler has ordered the move, but before it is carried out.
func TestBytesArriveBeforeTheMove(t *testing.T) {
	lt := looptest.New(t, looptest.WithLoops(2))
	before, after := &recorder{}, &recorder{}
	c := lt.Connect(before.accept)
	other := lt.Connect((&recorder{data: func(*loop.Conn, []byte) {
		before.conn.MoveTo(lt.Loops()[1], []byte("a"), after.accept)
	}}).accept)
	other.Feed([]byte("x"))
	c.Feed([]byte("b"))
	c.Feed([]byte("c"))
	lt.Run()
	if after.got.String() != "abc" || before.reads != 0 {
		t.Fatalf("the new handler got %q, the old one %d reads", after.got.String(), before.reads)
	}
}

func TestPeerClosesBeforeTheMove(t *testing.T) {
	lt := looptest.New(t, looptest.WithLoops(2))
	before, after := &recorder{}, &recorder{}
	c := lt.Connect(before.accept)
	other := lt.Connect((&recorder{data: func(*loop.Conn, []byte) {
		before.conn.Send(frame("x"))
		before.conn.MoveTo(lt.Loops()[1], []byte("unread"), func(c *loop.Conn) loop.Handler {
			c.Send(frame("y"))
			c.CloseAfterFlush(time.Second)
			if c.MoveTo(lt.Loop(), nil, nil) {
				t.Error("a lost connection moves")
			}
			c.Close()
			return after.accept(c)
		})
	}}).accept)
	other.Feed([]byte("x"))
	c.PeerClose()
	lt.Run()
	if before.closes != 0 || after.closes != 1 || after.err != io.EOF || after.got.Len() != 0 {
		t.Fatalf("the old handler got %d Closed; the new one %d, with %v", before.closes, after.closes, after.err)
	}
	if after.conn.Loop() != lt.Loops()[1] || after.conn.RemoteAddr() != looptest.RemoteAddr {
		t.Fatalf("%v of loop %d", after.conn.RemoteAddr(), after.conn.Loop().Index())
	}
	if lt.Alarms() != 0 {
		t.Fatal("a timer is left")
	}
	if s := lt.Stats(); s.LostMoves != 1 || s.Connections != 1 || s.Discarded != 2 {
		t.Fatalf("%+v", s)
	}
}
