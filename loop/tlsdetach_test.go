package loop_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// leaver echoes, and leaves the engine for each "leave".
type leaver struct{ left chan loop.Detached }

func (h leaver) Data(c *loop.Conn, b []byte) {
	if i := bytes.Index(b, []byte("leave")); i >= 0 {
		c.Send(frame(b[:i]))
		c.Detach(b[i+len("leave"):], func(d loop.Detached) { h.left <- d })
		return
	}
	c.Send(frame(b))
}
func (leaver) Flushed(*loop.Conn)       {}
func (leaver) Closed(*loop.Conn, error) {}

// TestTLSLeavesAndComesBack: a TLS connection leaves the engine with what is
// queued, is read and written as a net.Conn, and comes back.
func TestTLSLeavesAndComesBack(t *testing.T) {
	if !loop.Polled {
		t.Skip("goroutines drive TLS connections, which can't leave")
	}
	h := leaver{make(chan loop.Detached, 1)}
	accept := func(*loop.Conn) loop.Handler { return h }
	e := startTLS(t, loop.Config{Loops: 1}, accept)
	c := mustDialTLS(t, e, nil)
	for range 5 {
		exchange(t, c, []byte("here"))
		io.WriteString(c, "queued leave and what follows")
		d := wait.For(t, "the connection", h.left)
		if d.Err != nil || string(d.Unread) != " and what follows" {
			t.Fatalf("%q, %v", d.Unread, d.Err)
		}
		if _, err := d.Conn.Write(d.Unsent); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("queued "))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "queued " {
			t.Fatalf("%q, %v", got, err)
		}
		go io.Copy(d.Conn, io.LimitReader(d.Conn, 200_000))
		exchange(t, c, make([]byte, 199_990))
		io.WriteString(c, "0123456789")
		if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "read in part")
		if _, err := io.ReadFull(d.Conn, make([]byte, len("read "))); err != nil {
			t.Fatal(err)
		}
		if err := e.Adopt(d.Conn, []byte("unread, "), accept); err != nil {
			t.Fatal(err)
		}
		want := "unread, in part"
		got = make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if st := e.Stats(); st.Connections != 1 || st.Handshakes != 1 {
		t.Errorf("%+v", st)
	}
}
