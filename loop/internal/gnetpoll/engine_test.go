//go:build linux

package gnetpoll

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// testHost is what an engine serves.
type testHost struct{ ended chan error }

func (h *testHost) Ended(err error)      { h.ended <- err }
func (*testHost) Accepted(int, net.Conn) {}
func (*testHost) BeginAttach() bool      { return true }
func (*testHost) EndAttach()             {}
func (*testHost) Stopping() bool         { return false }

// testLoop echoes what its connections send. An 'r' releases the connection.
type testLoop struct {
	p        *poller
	released chan net.Conn

	mu    sync.Mutex
	tasks []func()
	ticks chan struct{}
}

type testConn struct {
	s backend.Socket
	p *poller
}

func (c *testConn) Backend() backend.Backend { return c.p }

func (l *testLoop) Open(s backend.Socket, _ net.Addr, _ any) backend.Conn {
	return &testConn{s, l.p}
}

func (l *testLoop) Receive(c backend.Conn, b []byte) {
	s := c.(*testConn).s
	if b[0] == 'r' {
		l.p.Release(s, func(nc net.Conn, _ error) { l.released <- nc })
		return
	}
	_, _ = l.p.Send(s.Fd(), b)
	l.run()
	l.p.Idle(c)
}

func (l *testLoop) Lose(backend.Conn, error) {}

func (l *testLoop) Turn() {
	l.run()
	l.p.Idle(nil)
}

func (l *testLoop) Continue(backend.Conn) { l.run() }

func (l *testLoop) Tick() { l.ticks <- struct{}{} }

func (l *testLoop) Writable(uint32) {}

func (l *testLoop) post(f func()) {
	l.mu.Lock()
	l.tasks = append(l.tasks, f)
	l.mu.Unlock()
	l.p.Wake()
}

func (l *testLoop) run() {
	l.mu.Lock()
	tasks := l.tasks
	l.tasks = nil
	l.mu.Unlock()
	for _, f := range tasks {
		f()
	}
}

// testEngine is an engine that listens, and its loops.
type testEngine struct {
	*Engine
	t     *testing.T
	host  *testHost
	loops []*testLoop
}

func startEngine(t *testing.T, loops int) *testEngine {
	t.Helper()
	host := &testHost{make(chan error, 1)}
	e, err := New(backend.Config{
		Host: host, Listen: true, Addr: "127.0.0.1:0", Loops: loops, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	te := &testEngine{Engine: e, t: t, host: host}
	var up []backend.Loop
	for _, p := range e.pollers {
		l := &testLoop{p: p, released: make(chan net.Conn, 1), ticks: make(chan struct{}, 1)}
		te.loops = append(te.loops, l)
		up = append(up, l)
	}
	if err := e.Start(up); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(te.stop)
	return te
}

// stop ends the engine, unless it has ended.
func (e *testEngine) stop() {
	if e.host == nil {
		return
	}
	e.Halt()
	if err := e.await(); err != nil {
		e.t.Error(err)
	}
}

func (e *testEngine) await() error {
	e.t.Helper()
	select {
	case err := <-e.host.ended:
		e.Close()
		e.host = nil
		return err
	case <-time.After(wait.Patience):
		return errors.New("the engine does not end")
	}
}

func (e *testEngine) dial() net.Conn {
	e.t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(wait.Patience))
	return c
}

// An idle loop parks, wakes up for whatever comes, and then parks again.
func TestIdleLoopParks(t *testing.T) {
	e := startEngine(t, 2)
	post := func() {
		t.Helper()
		for _, l := range e.loops {
			ran := make(chan struct{})
			l.post(func() { close(ran) })
			wait.For(t, "a task", ran)
		}
	}
	// A loop that has last closed a connection waits in gnet until the next
	// burst.
	parked := func() {
		t.Helper()
		for _, p := range e.pollers {
			wait.Until(t, "parked", func() bool {
				post()
				runtime.Gosched()
				p.parker.mu.Lock()
				defer p.parker.mu.Unlock()
				return p.parker.parking && !p.parker.roused
			})
		}
	}
	echo := func(c net.Conn) {
		t.Helper()
		b := []byte("?")
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
	}
	post()
	for range 5 {
		parked()
		post()
		parked()
		l := e.loops[1]
		l.post(func() { l.p.SetTimer(l.p.Now() + int64(time.Millisecond)) })
		<-l.ticks
		parked()
		c := e.dial()
		echo(c)
		post()
		parked()
		echo(c)
		parked()
		near, far := connected(t)
		if err := l.p.Enroll(near, nil); err != nil {
			t.Fatal(err)
		}
		post()
		parked()
		echo(far)
		far.Close()
		c.Close()
		post()
	}
	parked()
}

// connected returns both ends of a TCP connection.
func connected(t *testing.T) (near, far net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if far, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	far.SetDeadline(time.Now().Add(wait.Patience))
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// When gnet ends by itself it closes its listening sockets. Their numbers may
// have other owners by the time that the engine is asked to close them.
func TestClosingListenersSparesOtherFiles(t *testing.T) {
	e := startEngine(t, 2)
	var other [2]int
	if err := unix.Pipe2(other[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(other[0])
	defer unix.Close(other[1])
	e.listeners.mu.Lock()
	list := append([]listener(nil), e.listeners.list...)
	e.listeners.mu.Unlock()

	e.runner.halt()
	for _, ln := range list {
		wait.Until(t, "closed by gnet", func() bool {
			_, err := unix.FcntlInt(uintptr(ln.fd), unix.F_GETFD, 0)
			return err == unix.EBADF
		})
		if err := unix.Dup3(other[0], ln.fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.StopAccepting(); err != nil {
		t.Error(err)
	}
	for i := range list {
		e.listeners.failed(i)
	}
	if err := e.await(); err != nil {
		t.Error(err)
	}
	for _, ln := range list {
		if _, err := unix.FcntlInt(uintptr(ln.fd), unix.F_GETPIPE_SZ, 0); err != nil {
			t.Errorf("descriptor %d does not belong to the other file any more: %v", ln.fd, err)
		}
		unix.Close(ln.fd)
	}
}

// Connections that have left in descriptors of the reserve have others put in
// their place.
func TestReleaseRefillsTheReserve(t *testing.T) {
	e := startEngine(t, 1)
	e.reserve.close() // all were used
	c := e.dial()
	io.WriteString(c, "r")
	nc := <-e.loops[0].released
	if nc == nil {
		t.Fatal("the connection is lost")
	}
	nc.Close()
	wait.Until(t, "full", func() bool { return len(e.reserve) == cap(e.reserve) })
}

// endingLoop is a loop of gnet that opens a connection and ends.
type endingLoop struct {
	eventLoop
	ended chan struct{}
}

func (l endingLoop) Enroll(ctx context.Context, _ net.Conn) (<-chan gnet.RegisteredResult, error) {
	gnet.FromContext(ctx).(*arrival).opened = true
	opened := make(chan gnet.RegisteredResult, 1)
	opened <- gnet.RegisteredResult{}
	close(l.ended)
	return opened, nil
}

// A connection that the loop has opened has its handoff, also when the loop
// ends before Enroll returns: an error would have the handoff's frames released
// twice.
func TestEnrollAtTheEnd(t *testing.T) {
	nc, peer := net.Pipe()
	defer nc.Close()
	defer peer.Close()
	for range 50 { // both channels have something, and one is chosen
		e := &Engine{ready: make(chan struct{}), ended: make(chan struct{})}
		close(e.ready)
		p := &poller{e: e}
		var el eventLoop = endingLoop{ended: e.ended}
		p.el.Store(&el)
		if err := p.Enroll(nc, nil); err != nil {
			t.Fatal(err)
		}
	}
}
