package goroutine

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// testHost passes on what an engine calls.
type testHost struct {
	ended    chan error
	accepted chan acceptedConn
	proceed  chan struct{} // nil unless Accepted is to wait
}

type acceptedConn struct {
	loop int
	nc   net.Conn
}

func newTestHost() *testHost {
	return &testHost{ended: make(chan error, 1), accepted: make(chan acceptedConn, 100)}
}

func (h *testHost) Ended(err error) { h.ended <- err }

func (h *testHost) Accepted(loop int, nc net.Conn) {
	h.accepted <- acceptedConn{loop, nc}
	if h.proceed != nil {
		<-h.proceed
	}
}

func (*testHost) BeginAttach() bool { return true }
func (*testHost) EndAttach()        {}
func (*testHost) Stopping() bool    { return false }

// testLoop counts turns and ticks.
type testLoop struct {
	backend.Loop
	turns, ticks chan struct{}
}

func newTestLoop() *testLoop {
	return &testLoop{turns: make(chan struct{}, 1000), ticks: make(chan struct{}, 1)}
}

func (l *testLoop) Turn() { l.turns <- struct{}{} }
func (l *testLoop) Tick() { l.ticks <- struct{}{} }

// buffer is a log that goroutines write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) count(s string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.b.String(), s)
}

// startEngine starts an engine. If listener is not nil, it replaces the
// engine's.
func startEngine(t *testing.T, host *testHost, loops int, log io.Writer, listener func(net.Listener) net.Listener) (*Engine, []*testLoop) {
	t.Helper()
	e, err := New(backend.Config{
		Host: host, Listen: true, Addr: "127.0.0.1:0", Loops: loops, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if listener != nil {
		e.listener = listener(e.listener)
	}
	var all []*testLoop
	var up []backend.Loop
	for range loops {
		l := newTestLoop()
		all, up = append(all, l), append(up, l)
	}
	if err := e.Start(up); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Halt()
		e.Halt()
		if err := wait.For(t, "the engine's end", host.ended); err != nil {
			t.Error(err)
		}
		e.Close()
	})
	return e, all
}

func dial(t *testing.T, e *Engine) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestAcceptGivesOneAtATime has two loops that do not finish with a connection:
// each gets one, and the third waits.
func TestAcceptGivesOneAtATime(t *testing.T) {
	host := newTestHost()
	host.proceed = make(chan struct{})
	e, _ := startEngine(t, host, 2, io.Discard, nil)
	t.Cleanup(func() { close(host.proceed) }) // before the engine's end
	for range 3 {
		dial(t, e)
	}
	first := wait.For(t, "the first connection", host.accepted)
	second := wait.For(t, "the second connection", host.accepted)
	if first.loop == second.loop {
		t.Errorf("both are for loop %d", first.loop)
	}
	select {
	case third := <-host.accepted:
		t.Errorf("loop %d gets another one", third.loop)
	default:
	}
	host.proceed <- struct{}{}
	third := wait.For(t, "the third connection", host.accepted)
	for _, c := range []acceptedConn{first, second, third} {
		c.nc.Close()
	}
}

// failing is a listener whose Accept fails as often as it is asked to.
type failing struct {
	net.Listener
	mu   sync.Mutex
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	fails := f.left > 0
	f.left--
	f.mu.Unlock()
	if fails {
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

func TestAcceptGoesOnAfterFailures(t *testing.T) {
	host := newTestHost()
	var log buffer
	const failures = 3
	e, _ := startEngine(t, host, 1, &log, func(ln net.Listener) net.Listener {
		return &failing{Listener: ln, left: failures}
	})
	dial(t, e)
	wait.For(t, "the connection", host.accepted).nc.Close()
	if n := e.AcceptFailures(); n != failures {
		t.Errorf("%d failures are counted, want %d", n, failures)
	}
	wait.Until(t, "the log has the cause", func() bool { return log.count(syscall.EMFILE.Error()) > 0 })
	if n := log.count("level=WARN"); n != 1 {
		t.Errorf("the log has %d warnings, want 1", n)
	}
}

// TestAcceptReportsTheEndOfFailures sets back the time of the last failure.
func TestAcceptReportsTheEndOfFailures(t *testing.T) {
	host := newTestHost()
	var log buffer
	e, _ := startEngine(t, host, 1, &log, nil)
	e.accepts.Failed(syscall.EMFILE)
	e.accepts.Succeeded()
	e.accepts.mu.Lock()
	if !e.accepts.logged {
		t.Error("the end is reported at once")
	}
	e.accepts.last = time.Now().Add(-2 * acceptQuiet)
	e.accepts.mu.Unlock()
	e.accepts.Succeeded()
	e.accepts.Succeeded()
	wait.Until(t, "the log has the end", func() bool { return log.count("accepting connections again") > 0 })
	if n := log.count("level=INFO"); n != 1 {
		t.Errorf("the log has the end %d times", n)
	}
}

// TestHaltEndsFailingAccept ends an engine that can't accept.
func TestHaltEndsFailingAccept(t *testing.T) {
	host := newTestHost()
	e, _ := startEngine(t, host, 2, io.Discard, func(ln net.Listener) net.Listener {
		return &failing{Listener: ln, left: 1 << 30}
	})
	wait.Until(t, "accept fails", func() bool { return e.AcceptFailures() > 0 })
}

func TestStopAcceptingClosesTheListener(t *testing.T) {
	host := newTestHost()
	e, _ := startEngine(t, host, 2, io.Discard, nil)
	if err := e.StopAccepting(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", e.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, %v", c, err)
	}
	e.tasks.Wait() // the goroutines that accept
}

func TestWakeRunsATurn(t *testing.T) {
	host := newTestHost()
	e, loops := startEngine(t, host, 2, io.Discard, nil)
	for i, l := range loops {
		be, sockets := e.Backend(i)
		if sockets != nil {
			t.Errorf("loop %d has sockets", i)
		}
		for range 3 {
			be.Wake()
			wait.For(t, "a turn", l.turns)
		}
		if be.Unread() {
			t.Error("the kernel has something unread")
		}
	}
	if n := len(loops[0].turns); n != 0 {
		t.Errorf("loop 0 has run %d turns more", n)
	}
}

func TestTimerTicksInTime(t *testing.T) {
	host := newTestHost()
	e, loops := startEngine(t, host, 1, io.Discard, nil)
	be, _ := e.Backend(0)
	be.SetTimer(be.Now() + int64(time.Hour))
	for _, d := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		at := be.Now() + int64(d)
		be.SetTimer(at)
		wait.For(t, "a tick", loops[0].ticks)
		if now := be.Now(); now < at {
			t.Errorf("it ticks %v early", time.Duration(at-now))
		}
	}
	if be.Now() <= 0 {
		t.Error("the clock is not positive")
	}
}

func TestExhaustedComparesDescriptors(t *testing.T) {
	near, far := tcp(t)
	defer near.Close()
	unplain, _ := pipe(t)
	plain, piped := new(Stream), new(Stream)
	plain.Init(near, nil)
	piped.Init(unplain, nil)
	for _, tc := range []struct {
		name   string
		socket backend.Socket
		maxFD  int
		want   bool
	}{
		{"a low number", plain, 1 << 30, false},
		{"a high number", plain, 0, true},
		{"no descriptor", piped, 0, false},
	} {
		if got := (&Engine{maxFD: tc.maxFD}).Exhausted(tc.socket); got != tc.want {
			t.Errorf("%s: %t, want %t", tc.name, got, tc.want)
		}
	}
	far.Close()
}
