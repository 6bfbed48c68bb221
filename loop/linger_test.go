package loop_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// lingering starts an engine that sends "bye" at the first bytes of a
// connection and closes it. closed gets the error of Closed.
func lingering(t *testing.T, d time.Duration) (e *loop.Engine, closed chan error) {
	closed = make(chan error, 1)
	e = start(t, loop.Config{Loops: 1}, func(*loop.Conn) loop.Handler {
		return &recorder{
			data:   func(c *loop.Conn, _ []byte) { c.Send(frame("bye")); c.CloseAfterFlush(d) },
			closed: func(_ *loop.Conn, err error) { closed <- err },
		}
	})
	return e, closed
}

// TestLastWordsSurviveUnreadBytes has the peer go on sending after the answer
// that ends the connection: closing at once would reset the connection, and
// take the answer along.
func TestLastWordsSurviveUnreadBytes(t *testing.T) {
	e, closed := lingering(t, time.Minute)
	for range 20 {
		c := dial(t, e)
		for range 30 {
			if _, err := c.Write(bytes.Repeat([]byte("x"), 100<<10)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
			t.Fatalf("%q, %v", got, err)
		}
		select {
		case err := <-closed:
			t.Fatalf("closed with %v before the peer", err)
		default:
		}
		c.Close()
		if err := <-closed; err != nil {
			t.Fatalf("closed with %v", err)
		}
	}
}

func TestPeerThatHasSentEOFIsNotWaitedFor(t *testing.T) {
	e, closed := lingering(t, time.Minute)
	c := dial(t, e)
	c.Write([]byte("x"))
	c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := <-closed; err != nil {
		t.Fatalf("closed with %v", err)
	}
}

func TestLingeringEndsAtItsDeadline(t *testing.T) {
	e, closed := lingering(t, 20*time.Millisecond)
	c := dial(t, e)
	began := time.Now()
	c.Write([]byte("x"))
	if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := <-closed; err != nil || time.Since(began) < 20*time.Millisecond {
		t.Fatalf("closed with %v after %v", err, time.Since(began))
	}
	for {
		if _, err := c.Write([]byte("x")); err != nil {
			if errors.Is(err, net.ErrClosed) {
				t.Fatal(err)
			}
			return // the kernel resets the connection
		}
	}
}

// TestFloodAfterTheEndIsNotRead: a peer that goes on sending is read for a
// while, then not any more, and the connection ends at its deadline all the
// same.
func TestFloodAfterTheEndIsNotRead(t *testing.T) {
	loops := looptest.New(t)
	var closed error = errors.New("not closed")
	c := loops.Connect(func(*loop.Conn) loop.Handler {
		return &recorder{
			data:   func(c *loop.Conn, _ []byte) { c.Send(frame("bye")); c.CloseAfterFlush(time.Second) },
			closed: func(_ *loop.Conn, err error) { closed = err },
		}
	})
	c.Feed([]byte("x"))
	chunk := make([]byte, 64<<10)
	const most = 16 << 20
	for range most/len(chunk) + 100 {
		c.Feed(chunk)
	}
	if got := string(c.Sent()); got != "bye" || !c.SentEOF() || c.Closed() {
		t.Fatalf("sent %q, end %v, closed %v", got, c.SentEOF(), c.Closed())
	}
	if read := most + 100*len(chunk) - c.Unread(); read < most || read > most+len(chunk) {
		t.Errorf("%d bytes were read, want %d", read, most)
	}
	if n := c.Conn().Held(); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
	loops.Advance(2 * time.Second)
	if closed != nil || !c.Closed() {
		t.Errorf("closed with %v", closed)
	}
}

// TestLingeringEndsThoughThePeerTakesALittle has a peer that takes a byte every
// four seconds of what was queued before CloseAfterFlush.
func TestLingeringEndsThoughThePeerTakesALittle(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{}
	peer := lt.Connect(r.accept)
	peer.Block()
	lt.Loop().PostFunc(func() {
		r.conn.Send(frame(strings.Repeat("x", 1000)))
		r.conn.CloseAfterFlush(5 * time.Second)
	})
	lt.Run()
	took := time.Duration(0)
	for ; !peer.Closed(); took += 4 * time.Second {
		if took > 40*time.Second {
			t.Fatal("the connection is still there after 40 s")
		}
		peer.Unblock()
		peer.BlockAfter(1)
		lt.Advance(4 * time.Second)
	}
	if took < 24*time.Second {
		t.Errorf("it was closed after %v though the peer took something", took)
	}
	if s := lt.Stats(); s.Discarded != 1 {
		t.Errorf("%d frames were discarded", s.Discarded)
	}
}
