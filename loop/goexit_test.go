package loop_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// ends are how a callback can end other than by returning.
var ends = map[string]func(){
	"panic":                  func() { panic("a bug") },
	"Goexit":                 runtime.Goexit,
	"Goexit, thread locked":  func() { runtime.LockOSThread(); runtime.Goexit() },
	"panic in a deferred":    func() { defer func() { panic("a second bug") }(); runtime.Goexit() },
	"Goexit during a panic":  func() { defer runtime.Goexit(); panic("a bug") },
	"return, thread locked":  runtime.LockOSThread,
	"Goexit after a recover": func() { defer func() { recover(); runtime.Goexit() }(); panic("a bug") },
}

// troubled echoes, until a byte other than 'x' comes: then the callback that
// the byte names ends as the test wants.
type troubled struct {
	end   func()
	after chan string // what ran after the trouble on the same loop
	arm   bool
}

func (h *troubled) Data(c *loop.Conn, b []byte) {
	l := c.Loop()
	switch b[0] {
	case 'd':
		h.end()
	case 'f':
		h.arm = true
		c.Send(frame(b))
	case 'c':
		h.arm = true
		c.Close()
	case 't':
		for i := range 3 {
			l.PostFunc(func() { defer func() { l.PostFunc(func() { h.after <- fmt.Sprint("later ", i) }) }(); h.end() })
			l.PostFunc(func() { h.after <- fmt.Sprint(i) })
		}
	case 'a':
		l.AfterFunc(time.Millisecond, h.end)
		l.AfterFunc(time.Millisecond, func() { h.after <- "timer" })
	default:
		c.Send(frame(b))
	}
}

func (h *troubled) Flushed(*loop.Conn) {
	if h.arm {
		h.arm = false
		h.end()
	}
}

func (h *troubled) Closed(*loop.Conn, error) {
	h.after <- "closed"
	if h.arm {
		h.end()
	}
}

func TestCallbacksEndInAnyWay(t *testing.T) {
	for name, end := range ends {
		for _, kind := range []string{"polled", "by goroutines"} {
			t.Run(name+", "+kind, func(t *testing.T) { testCallbacksEnd(t, end, kind == "by goroutines") })
		}
	}
}

func testCallbacksEnd(t *testing.T, end func(), byGoroutines bool) {
	before := descriptors()
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2, Logger: slog.New(slog.DiscardHandler)}, acceptEcho)
	if err != nil {
		t.Fatal(err)
	}
	after := make(chan string, 100)
	// On each loop one connection is there from the start.
	connect := func(l *loop.Loop, accept func(*loop.Conn) loop.Handler) net.Conn {
		t.Helper()
		ours, theirs := socketPair(t)
		if byGoroutines {
			theirs = struct{ net.Conn }{theirs}
		}
		if err := e.AdoptWith(theirs, loop.AdoptOptions{Loop: l}, accept); err != nil {
			t.Fatal(err)
		}
		ours.SetDeadline(time.Now().Add(wait.Patience))
		return ours
	}
	echoes := func(c net.Conn) {
		t.Helper()
		c.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal("a connection is not served:", err)
		}
	}
	wants := func(what string) {
		t.Helper()
		if got := wait.For(t, what, after); got != what {
			t.Fatalf("got %q, want %q", got, what)
		}
	}
	for _, l := range e.Loops() {
		old := connect(l, acceptEcho)
		echoes(old)
		for _, place := range "dfcta" {
			c := connect(l, func(*loop.Conn) loop.Handler { return &troubled{end: end, after: after} })
			echoes(c)
			fmt.Fprintf(c, "%c", place)
			switch place {
			case 't':
				wants("0")
				wants("1")
				wants("2")
				wants("later 0")
				wants("later 1")
				wants("later 2")
			case 'a':
				wants("timer")
			case 'f':
				io.ReadFull(c, make([]byte, 1))
			case 'c':
				io.Copy(io.Discard, c)
				wants("closed")
			}
			echoes(old)
			if c.Close(); place != 'c' {
				wants("closed")
			}
		}
		c := connect(l, func(*loop.Conn) loop.Handler { end(); return echo{} })
		echoes(old)
		c.Close()
		young := connect(l, acceptEcho)
		echoes(young)
		young.Close()
		old.Close()
	}
	connect(e.Loops()[0], func(*loop.Conn) loop.Handler { return &troubled{end: end, after: after, arm: true} })
	shutdown(t, e)
	wants("closed")
	// The last connection's other end is open.
	if left := awaitNothingLeft(before + 1); left != "" {
		t.Error("left behind:", left)
	}
}

func socketPair(t *testing.T) (ours, theirs net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if ours, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// What one burst has to do for others is done although each callback ends it.
func TestGoexitLeavesTheBurstToOthers(t *testing.T) {
	e := start(t, loop.Config{Loops: 1, Logger: slog.New(slog.DiscardHandler)}, acceptEcho)
	const n = 5
	var flushed, closed atomic.Int32
	var mu sync.Mutex
	var conns []*loop.Conn
	var peers []net.Conn
	for range n {
		ours, theirs := socketPair(t)
		ours.SetDeadline(time.Now().Add(wait.Patience))
		peers = append(peers, ours)
		err := e.Adopt(theirs, nil, func(c *loop.Conn) loop.Handler {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
			return &recorder{
				flushed: func(*loop.Conn) { flushed.Add(1); runtime.Goexit() },
				closed:  func(*loop.Conn, error) { closed.Add(1); runtime.Goexit() },
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	e.Loops()[0].PostFunc(func() {
		for _, c := range slices.Clone(conns) {
			c.Send(frame([]byte("x")))
		}
	})
	for _, p := range peers {
		if _, err := io.ReadFull(p, make([]byte, 1)); err != nil {
			t.Fatal("a connection got nothing:", err)
		}
		// Flushed has closed it.
		if _, err := p.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("read: %v, want the end", err)
		}
	}
	ours, theirs := socketPair(t)
	if err := e.Adopt(theirs, nil, acceptEcho); err != nil {
		t.Fatal(err)
	}
	ours.Write([]byte("x"))
	if _, err := io.ReadFull(ours, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if flushed.Load() != n || closed.Load() != n {
		t.Errorf("%d times flushed, %d closed, want %d each", flushed.Load(), closed.Load(), n)
	}
	if p := e.Stats().Panics; p != 2*n {
		t.Errorf("%d panics are counted, want %d", p, 2*n)
	}
}

// faulty is an adopted connection of which one method ends in another way than
// by returning.
type faulty struct {
	net.Conn
	where string
	end   func()
}

func (f faulty) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if f.where == "Read" && n > 0 {
		f.end()
	}
	return n, err
}

func (f faulty) Write(b []byte) (int, error) {
	if f.where == "Write" {
		f.end()
	}
	return f.Conn.Write(b)
}

func (f faulty) Close() error {
	err := f.Conn.Close()
	if f.where == "Close" {
		f.end()
	}
	return err
}

func TestAdoptedConnectionsEndInAnyWay(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		for where, want := range map[string]error{"Read": loop.ErrPanic, "Write": loop.ErrPanic, "Close": io.EOF} {
			t.Run(where+", "+name, func(t *testing.T) {
				e := start(t, loop.Config{Loops: 1, Logger: slog.New(slog.DiscardHandler)}, acceptEcho)
				closed := make(chan error, 1)
				ours, theirs := socketPair(t)
				ours.SetDeadline(time.Now().Add(wait.Patience))
				err := e.Adopt(faulty{theirs, where, end}, nil, func(*loop.Conn) loop.Handler {
					return &recorder{
						data:   func(c *loop.Conn, b []byte) { c.Send(frame(b)) },
						closed: func(_ *loop.Conn, err error) { closed <- err },
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				ours.Write([]byte("x"))
				if where == "Close" {
					ours.(*net.TCPConn).CloseWrite()
				}
				if got, _ := io.ReadAll(ours); (string(got) == "x") != (where == "Close") {
					t.Errorf("got %q", got)
				}
				if err := wait.For(t, "the end", closed); err != want {
					t.Errorf("closed with %v, want %v", err, want)
				}
				shutdown(t, e)
				if p := e.Stats().Panics; p != 1 {
					t.Errorf("%d panics are counted, want 1", p)
				}
			})
		}
	}
}
