package loop_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// hopper moves its connection to the next loop with every read that is not the
// replay of the read before.
type hopper struct {
	loops    []*loop.Loop
	replayed bool
}

func (h *hopper) Data(c *loop.Conn, b []byte) {
	if h.replayed {
		h.replayed = false
		c.Send(frame(b))
		return
	}
	to := h.loops[(c.Loop().Index()+1)%len(h.loops)]
	c.MoveTo(to, b, func(*loop.Conn) loop.Handler { return &hopper{h.loops, true} })
}

func (h *hopper) Flushed(*loop.Conn)       {}
func (h *hopper) Closed(*loop.Conn, error) {}

func TestThousandMovesLeakNoDescriptors(t *testing.T) {
	var e *loop.Engine
	ready := make(chan struct{})
	e = start(t, loop.Config{Loops: 3}, func(*loop.Conn) loop.Handler { <-ready; return &hopper{loops: e.Loops()} })
	close(ready)
	c := dial(t, e)
	b := make([]byte, 1)
	hop := func(i int) {
		if _, err := c.Write([]byte{byte(i)}); err != nil {
			t.Fatal(i, err)
		}
		if _, err := io.ReadFull(c, b); err != nil || b[0] != byte(i) {
			t.Fatal(i, b, err)
		}
	}
	hop(0)
	before := descriptors()
	for i := range 1000 {
		hop(i)
	}
	wait.Until(t, "as few descriptors as before", func() bool { return descriptors() <= before })
	if s := e.Stats(); s.LostMoves != 0 || s.Connections != 1 || s.Accepted != 1002 {
		t.Fatalf("%+v", s)
	}
}

func TestAdoptFromNetHTTP(t *testing.T) {
	e := start(t, loop.Config{Loops: 2}, acceptEcho)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		unread := make([]byte, rw.Reader.Buffered())
		io.ReadFull(rw, unread)
		if err := e.Adopt(nc, unread, acceptEcho); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	for range 20 {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\nearly ")
		io.WriteString(c, "late")
		got := make([]byte, len("early late"))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "early late" {
			t.Fatalf("%q, %v", got, err)
		}
		c.Close()
	}
}

func TestAdoptRefuses(t *testing.T) {
	e := start(t, loop.Config{Loops: 1}, acceptEcho)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.StopAccepting()
	if err := e.Adopt(c, nil, acceptEcho); !errors.Is(err, loop.ErrRejected) {
		t.Errorf("after StopAccepting: %v", err)
	}
	shutdown(t, e)
	if c, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := e.Adopt(c, nil, acceptEcho); !errors.Is(err, loop.ErrShutdown) {
		t.Errorf("after Shutdown: %v", err)
	}
}

// TestPeerResetsBeforeAStreamMoves is TestPeerResetsBeforeTheMove for
// connections that are driven by goroutines: they move, and the new handler
// gets the reset.
func TestPeerResetsBeforeAStreamMoves(t *testing.T) {
	e := start(t, loop.Config{Loops: 2}, acceptEcho)
	for range 5 {
		near, far := pair(t)
		reset, closed := make(chan struct{}), make(chan error, 1)
		after := &recorder{closed: func(_ *loop.Conn, err error) { closed <- err }}
		before := &recorder{data: func(c *loop.Conn, b []byte) {
			<-reset
			c.MoveTo(e.Loops()[1-c.Loop().Index()], b, after.accept)
		}}
		if err := e.Adopt(struct{ net.Conn }{near}, nil, before.accept); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := far.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		far.Close()
		close(reset)
		if err := wait.For(t, "the end", closed); !errors.Is(err, syscall.ECONNRESET) || after.got.String() != "x" {
			t.Fatalf("closed with %v, got %q", err, after.got.String())
		}
		if before.closes != 0 || after.conn.Loop() == before.conn.Loop() {
			t.Fatal("the connection has not moved")
		}
	}
	if s := e.Stats(); s.LostMoves != 0 {
		t.Fatalf("%+v", s)
	}
}
