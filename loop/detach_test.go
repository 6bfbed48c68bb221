package loop_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// detached receives what Detach gives.
type detached chan loop.Detached

func (d detached) next(to loop.Detached) { d <- to }

func TestDetachTakesTheStreamOut(t *testing.T) {
	next := make(detached, 1)
	r := &recorder{data: func(c *loop.Conn, b []byte) {
		c.Send(frame("one "))
		c.Send(frame("two "))
		if !c.Detach(b[2:], next.next) || c.Detach(nil, nil) {
			t.Error("Detach has not told its success")
		}
		b[2] = '?' // Detach has copied
		c.Send(frame("lost"))
		c.Close()
	}}
	e := start(t, loop.Config{Loops: 1}, r.accept)
	client := dial(t, e)
	client.Write([]byte("abcd"))
	d := <-next
	if d.Err != nil {
		t.Fatal(d.Err)
	}
	defer d.Conn.Close()
	if !bytes.HasPrefix([]byte("cd"), d.Unread) || len(d.Unread) == 0 || string(d.Unsent) != "one two " {
		t.Fatalf("unread %q, unsent %q", d.Unread, d.Unsent)
	}
	d.Conn.Write(append(d.Unsent, "three"...))
	client.Write([]byte("ef"))
	d.Conn.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "one two three" {
		t.Fatalf("the client got %q, %v", got, err)
	}
	client.CloseWrite()
	if got, err := io.ReadAll(d.Conn); err != nil || string(got) != "ef" {
		t.Fatalf("what followed is %q, %v", got, err)
	}
	if s := e.Stats(); s.Connections != 0 || s.Discarded != 1 {
		t.Fatalf("%+v", s)
	}
}

// TestDetachOfALostConnection has the peer go before, or the loop have no stream to
// give.
func TestDetachOfALostConnection(t *testing.T) {
	t.Run("peer", func(t *testing.T) {
		lt := looptest.New(t)
		next := make(detached, 1)
		before := &recorder{}
		c := lt.Connect(before.accept)
		other := lt.Connect((&recorder{data: func(*loop.Conn, []byte) {
			before.conn.Send(frame("x"))
			before.conn.Detach(nil, next.next)
		}}).accept)
		other.Feed([]byte("x"))
		c.PeerClose()
		lt.Run()
		if d := <-next; d.Err != io.EOF || d.Conn != nil {
			t.Fatalf("%+v", d)
		}
		if s := lt.Stats(); s.Connections != 1 || s.Discarded != 1 || before.closes != 0 {
			t.Fatalf("%+v", s)
		}
	})
	t.Run("memory", func(t *testing.T) {
		lt := looptest.New(t)
		next := make(detached, 1)
		r := &recorder{data: func(c *loop.Conn, _ []byte) { c.Detach(nil, next.next) }}
		c := lt.Connect(r.accept)
		c.Feed([]byte("x"))
		lt.Run()
		if d := <-next; !errors.Is(d.Err, errors.ErrUnsupported) || !c.Closed() {
			t.Fatalf("%+v", d)
		}
	})
	t.Run("goroutines", func(t *testing.T) {
		next := make(detached, 1)
		r := &recorder{data: func(c *loop.Conn, _ []byte) { c.Detach(nil, next.next) }}
		e := start(t, loop.Config{Loops: 1}, (&recorder{}).accept)
		mine, theirs := net.Pipe()
		if err := e.Adopt(theirs, nil, r.accept); err != nil {
			t.Fatal(err)
		}
		mine.Write([]byte("x"))
		if d := <-next; !errors.Is(d.Err, errors.ErrUnsupported) {
			t.Fatalf("%+v", d)
		}
		if _, err := mine.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("the peer sees %v", err)
		}
	})
}
