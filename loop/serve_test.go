package loop_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// scripted is a listener whose Accept does what the script says, and then waits
// for Close.
type scripted struct {
	addr   net.Addr
	script chan func() (net.Conn, error)
	closed chan struct{}
	once   sync.Once
	calls  atomic.Int64
}

func newScripted(script ...func() (net.Conn, error)) *scripted {
	s := &scripted{addr: &net.TCPAddr{Port: 1}, script: make(chan func() (net.Conn, error), 100), closed: make(chan struct{})}
	for _, step := range script {
		s.script <- step
	}
	return s
}

func (s *scripted) Accept() (net.Conn, error) {
	s.calls.Add(1)
	select {
	case step := <-s.script:
		return step()
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *scripted) Close() error   { s.once.Do(func() { close(s.closed) }); return nil }
func (s *scripted) Addr() net.Addr { return s.addr }

// piped returns a step that accepts one end of a pipe, and the other end.
func piped() (step func() (net.Conn, error), peer net.Conn) {
	mine, theirs := net.Pipe()
	return func() (net.Conn, error) { return theirs, nil }, mine
}

// echoer echoes.
type echoer struct{}

func (echoer) Data(c *loop.Conn, b []byte) {
	f := loop.NewFrame()
	f.B = append(f.B, b...)
	c.Send(f)
}
func (echoer) Flushed(*loop.Conn)       {}
func (echoer) Closed(*loop.Conn, error) {}

func echoes(net.Conn) func(*loop.Conn) loop.Handler {
	return func(*loop.Conn) loop.Handler { return echoer{} }
}

func wantEchoOf(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(wait.Patience))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// startServing starts loops that end with the test.
func startServing(t *testing.T) *loop.Engine {
	t.Helper()
	e, err := loop.Start(loop.Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	return e
}

// TestServe: the listeners of one engine, of all kinds, are served together, and
// each ends for its own reason.
func TestServe(t *testing.T) {
	e := startServing(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	step, peer := piped()
	listeners := []net.Listener{tcp, unix, newScripted(step)}
	results := make([]chan error, len(listeners))
	for i, ln := range listeners {
		results[i] = make(chan error, 1)
		go func() { results[i] <- e.Serve(ln, echoes) }()
	}
	wait.Until(t, "listeners", func() bool { return len(e.Addrs()) == len(listeners) })
	defer peer.Close()
	wantEchoOf(t, peer)
	var conns []net.Conn
	for _, ln := range listeners[:2] {
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wantEchoOf(t, c)
		conns = append(conns, c)
	}
	_ = tcp.Close()
	if err := wait.For(t, "end of Serve", results[0]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
	wantEchoOf(t, conns[0]) // what it has accepted stays
	e.StopAccepting()
	for _, result := range results[1:] {
		if err := wait.For(t, "end of Serve", result); err != loop.ErrShutdown {
			t.Errorf("after StopAccepting: %v", err)
		}
	}
	wantEchoOf(t, conns[1])
	if _, err := net.Dial("unix", unix.Addr().String()); err == nil {
		t.Error("the unix socket is still open")
	}
	late := newScripted()
	if err := e.Serve(late, echoes); err != loop.ErrShutdown {
		t.Errorf("Serve after StopAccepting: %v", err)
	}
	<-late.closed
}

// temporary is an error as net/http retries it.
type temporary struct{ error }

func (temporary) Temporary() bool { return true }

// TestServeAfterFailures: shortages and temporary errors pass, others end Serve.
func TestServeAfterFailures(t *testing.T) {
	fails := func(err error) func() (net.Conn, error) { return func() (net.Conn, error) { return nil, err } }
	lasting := errors.New("it does not pass")
	e := startServing(t)
	step, peer := piped()
	defer peer.Close()
	ln := newScripted(
		fails(&net.OpError{Op: "accept", Err: syscall.EMFILE}),
		fails(temporary{errors.New("it passes")}),
		fails(&net.OpError{Op: "accept", Err: syscall.ENOBUFS}),
		step)
	result := make(chan error, 1)
	go func() { result <- e.Serve(ln, echoes) }()
	wantEchoOf(t, peer)
	if n := e.Stats().AcceptFailures; n != 3 {
		t.Errorf("%d failures of accept, want 3", n)
	}
	ln.script <- fails(lasting)
	if err := wait.For(t, "end of Serve", result); err != lasting {
		t.Errorf("got %v", err)
	}
	<-ln.closed
	wantEchoOf(t, peer)
}

// TestServeForeignListener: a listener that panics, or ends its goroutine, ends
// Serve; a connection that panics is lost alone.
func TestServeForeignListener(t *testing.T) {
	for name, step := range map[string]func() (net.Conn, error){
		"panic":  func() (net.Conn, error) { panic("accept") },
		"goexit": func() (net.Conn, error) { runtime.Goexit(); return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			e := startServing(t)
			if err := e.Serve(newScripted(step), echoes); !errors.Is(err, loop.ErrPanic) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("connection", func(t *testing.T) {
		e := startServing(t)
		step, peer := piped()
		defer peer.Close()
		first := true
		ln := newScripted(step)
		go func() {
			_ = e.Serve(ln, func(net.Conn) func(*loop.Conn) loop.Handler {
				if first {
					first = false
					step, peer = piped()
					ln.script <- step
					panic("choose")
				}
				return echoes(nil)
			})
		}()
		wait.Until(t, "panic", func() bool { return e.Stats().Panics == 1 })
		wantEchoOf(t, peer)
	})
}

// TestShutdownEndsServe: a listener whose connections come and go all the time
// does not keep the engine from its end.
func TestShutdownEndsServe(t *testing.T) {
	e, err := loop.Start(loop.Config{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- e.Serve(ln, echoes) }()
	var dialing sync.WaitGroup
	for range 4 {
		dialing.Go(func() {
			for {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					return
				}
				_ = c.Close()
			}
		})
	}
	wait.Until(t, "connections", func() bool { return e.Stats().Accepted > 100 })
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := wait.For(t, "end of Serve", result); err != loop.ErrShutdown {
		t.Errorf("got %v", err)
	}
	dialing.Wait()
}
