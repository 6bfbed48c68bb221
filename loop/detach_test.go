package loop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
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
			t.Error("Detach does not return true, or it does twice")
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

// TestDetachUnderLoad detaches while both directions are busy: no byte is lost,
// doubled or out of order.
func TestDetachUnderLoad(t *testing.T) {
	upward, downward := pattern(1<<20), pattern(4<<20)
	for detachAt := range 12 {
		t.Run(fmt.Sprint("after reads: ", detachAt+1), func(t *testing.T) {
			next := make(detached, 1)
			var got []byte
			reads, sent := 0, 0
			r := &recorder{data: func(c *loop.Conn, b []byte) {
				for range 8 {
					f := loop.NewFrame()
					f.B = append(f.B, downward[sent:sent+30_000]...)
					sent += 30_000
					c.Send(f)
				}
				if reads++; reads <= detachAt {
					got = append(got, b...)
					return
				}
				got = append(got, b[:len(b)/2]...)
				c.Detach(b[len(b)/2:], next.next)
			}}
			e := start(t, loop.Config{Loops: 1}, r.accept)
			client := dial(t, e)
			go func() {
				for b := range slices.Chunk(upward, 5000) {
					client.Write(b)
				}
				client.CloseWrite()
			}()
			d := <-next
			if d.Err != nil {
				t.Fatal(d.Err)
			}
			defer d.Conn.Close()
			go func() {
				d.Conn.Write(d.Unsent)
				d.Conn.(*net.TCPConn).CloseWrite()
			}()
			down := make(chan []byte)
			go func() {
				b, _ := io.ReadAll(client)
				down <- b
			}()
			rest, err := io.ReadAll(d.Conn)
			if err != nil || !bytes.Equal(slices.Concat(got, d.Unread, rest), upward) {
				t.Errorf("%d, %d and %d bytes have come, %v", len(got), len(d.Unread), len(rest), err)
			}
			if b := <-down; !bytes.Equal(b, downward[:sent]) {
				t.Errorf("the client got %d of %d bytes", len(b), sent)
			}
		})
	}
}

// pattern returns n bytes, no two parts of which are alike.
func pattern(n int) []byte {
	b := make([]byte, 0, n)
	for i := uint32(0); len(b) < n; i++ {
		b = binary.BigEndian.AppendUint32(b, i)
	}
	return b
}

// TestDetachOfALostConnection has the peer go before, or the loop have no
// stream to give.
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
