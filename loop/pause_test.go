//go:build linux

package loop_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestPauseKeepsWhatCame: what a handler has not used, what was read together
// with it and what came later are delivered in this order, and then the end.
func TestPauseKeepsWhatCame(t *testing.T) {
	lt := looptest.New(t)
	r := new(recorder)
	c := lt.Connect(r.accept)
	r.data = func(lc *loop.Conn, b []byte) {
		if r.reads == 1 {
			lc.Pause(b[1:])
			lc.Pause([]byte("!"))
		}
	}
	c.Feed([]byte("abc"))
	c.Feed([]byte("def"))
	c.PeerClose()
	lt.Advance(time.Minute)
	if r.got.String() != "abc" || r.closes != 0 || !c.Conn().Paused() || c.Conn().Held() != 3 || c.Unread() != 3 {
		t.Fatalf("paused: got %q, closed %d, held %d, unread %d", r.got.String(), r.closes, c.Conn().Held(), c.Unread())
	}
	lt.Loop().PostFunc(c.Conn().Resume)
	lt.Loop().PostFunc(c.Conn().Resume)
	lt.Run()
	if got := r.got.String(); got != "abcbc!def" || r.closes != 1 || r.err != io.EOF {
		t.Fatalf("resumed: got %q, closed %d times with %v", got, r.closes, r.err)
	}
}

// TestPauseAgain: a handler may pause whenever it is given something.
func TestPauseAgain(t *testing.T) {
	lt := looptest.New(t)
	var got []byte
	r := &recorder{data: func(c *loop.Conn, b []byte) {
		got = append(got, b[0])
		c.Pause(b[1:])
	}}
	c := lt.Connect(r.accept)
	c.Feed([]byte("abc"))
	c.Feed([]byte("de"))
	for range 10 {
		lt.Loop().PostFunc(c.Conn().Resume)
		lt.Run()
	}
	if string(got) != "abcde" {
		t.Fatalf("got %q", got)
	}
}

// TestPausedEnds: a paused connection can be closed, with and without a flush,
// and moved with what it holds.
func TestPausedEnds(t *testing.T) {
	paused := func(t *testing.T, loops int) (*looptest.Loops, *looptest.Conn, *recorder) {
		lt := looptest.New(t, looptest.WithLoops(loops))
		r := &recorder{data: func(c *loop.Conn, b []byte) { c.Pause(b) }}
		c := lt.Connect(r.accept)
		c.Feed([]byte("abc"))
		return lt, c, r
	}
	t.Run("Close", func(t *testing.T) {
		lt, c, r := paused(t, 1)
		lt.Loop().PostFunc(c.Conn().Close)
		lt.Run()
		if r.closes != 1 || r.err != nil || !c.Closed() || r.reads != 1 {
			t.Fatalf("closed %d times with %v", r.closes, r.err)
		}
	})
	t.Run("CloseAfterFlush", func(t *testing.T) {
		lt, c, r := paused(t, 1)
		lt.Loop().PostFunc(func() { c.Conn().CloseAfterFlush(time.Second) })
		lt.Run()
		c.PeerClose()
		lt.Run()
		if r.closes != 1 || r.err != nil || !c.Closed() || r.reads != 1 {
			t.Fatalf("closed %d times with %v after %d reads", r.closes, r.err, r.reads)
		}
	})
	t.Run("MoveTo", func(t *testing.T) {
		lt, c, _ := paused(t, 2)
		next := new(recorder)
		lt.Loop().PostFunc(func() { c.Conn().MoveTo(lt.Loops()[1], []byte("0"), next.accept) })
		lt.Run()
		c.Feed([]byte("d"))
		if next.got.String() != "0abcd" {
			t.Fatalf("got %q", next.got.String())
		}
	})
	t.Run("MoveTo its own loop", func(t *testing.T) {
		lt, c, _ := paused(t, 1)
		next := new(recorder)
		lt.Loop().PostFunc(func() { c.Conn().MoveTo(lt.Loop(), []byte("0"), next.accept) })
		lt.Run()
		c.Feed([]byte("d"))
		if next.got.String() != "0abcd" || c.Conn().Paused() {
			t.Fatalf("got %q, paused %v", next.got.String(), c.Conn().Paused())
		}
	})
}

// sink counts what it gets and pauses after every read until it is let go.
type sink struct {
	conn    *loop.Conn
	got     atomic.Int64
	sum     []byte
	free    bool
	closed  chan error
	stopped chan struct{}
}

func newSink() *sink { return &sink{closed: make(chan error, 1), stopped: make(chan struct{}, 1)} }

func (s *sink) accept(c *loop.Conn) loop.Handler {
	s.conn = c
	return s
}

func (s *sink) Data(c *loop.Conn, b []byte) {
	n := min(len(b), 1000)
	if s.free {
		n = len(b)
	}
	s.sum = append(s.sum, b[:n]...)
	s.got.Add(int64(n))
	if !s.free {
		c.Pause(b[n:])
		select {
		case s.stopped <- struct{}{}:
		default:
		}
	}
}

func (s *sink) Flushed(*loop.Conn) {}

func (s *sink) Closed(_ *loop.Conn, err error) { s.closed <- err }

// letGo resumes for good.
func (s *sink) letGo() {
	s.conn.Loop().PostFunc(func() {
		s.free = true
		s.conn.Resume()
	})
}

func onLoop[T any](c *loop.Conn, f func() T) T {
	result := make(chan T)
	c.Loop().PostFunc(func() { result <- f() })
	return <-result
}

// TestPauseSlowsTheSenderDown: over a socket and driven by goroutines the
// sender blocks while the receiver is paused, and not a byte is lost, also when
// the sender leaves.
func TestPauseSlowsTheSenderDown(t *testing.T) {
	const size = 32 << 20
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	for _, tc := range []struct {
		name string
		dial func(t *testing.T, s *sink) net.Conn
	}{
		{"TCP", func(t *testing.T, s *sink) net.Conn {
			e := start(t, loop.Config{Loops: 1}, s.accept)
			nc, err := net.Dial("tcp", e.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			return nc
		}},
		{"goroutines", func(t *testing.T, s *sink) net.Conn {
			e := start(t, loop.Config{Loops: 1}, s.accept)
			mine, theirs := net.Pipe()
			if err := e.Adopt(theirs, nil, s.accept); err != nil {
				t.Fatal(err)
			}
			return mine
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSink()
			nc := tc.dial(t, s)
			sent := make(chan error, 1)
			go func() {
				_, err := nc.Write(want)
				nc.Close()
				sent <- err
			}()
			<-s.stopped
			select {
			case err := <-sent:
				t.Fatalf("the sender is done: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			if n := s.got.Load(); n != 1000 {
				t.Fatalf("got %d bytes while paused", n)
			}
			s.letGo()
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if err := <-s.closed; err != io.EOF {
				t.Fatalf("closed with %v", err)
			}
			if !bytes.Equal(s.sum, want) {
				t.Fatalf("got %d bytes, want %d", len(s.sum), len(want))
			}
		})
	}
}

// TestPausedPeerLeaves: what a peer has sent before it left, by a close or a
// reset, is read all the same, and that it has left can be asked for.
func TestPausedPeerLeaves(t *testing.T) {
	for _, reset := range []bool{false, true} {
		name := "close"
		if reset {
			name = "reset"
		}
		t.Run(name, func(t *testing.T) {
			s := newSink()
			e := start(t, loop.Config{Loops: 1}, s.accept)
			nc, err := net.Dial("tcp", e.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte("0123456789"), 10_000)
			if _, err := nc.Write(want); err != nil {
				t.Fatal(err)
			}
			<-s.stopped
			if onLoop(s.conn, func() bool { return s.conn.Unreachable(time.Hour) }) {
				t.Fatal("unreachable before it has left")
			}
			if reset {
				if err := nc.(*net.TCPConn).SetLinger(0); err != nil {
					t.Fatal(err)
				}
			}
			nc.Close()
			wait.Until(t, "it is noticed that the peer has left", func() bool {
				return onLoop(s.conn, func() bool { return s.conn.Unreachable(time.Hour) })
			})
			select {
			case err := <-s.closed:
				t.Fatalf("closed with %v while paused", err)
			default:
			}
			s.letGo()
			<-s.closed
			if !bytes.Equal(s.sum, want) {
				t.Fatalf("got %d bytes, want %d", len(s.sum), len(want))
			}
		})
	}
}

// TestShutdownWhilePaused: a paused connection does not keep an engine from
// ending.
func TestShutdownWhilePaused(t *testing.T) {
	s := newSink()
	e := start(t, loop.Config{Loops: 1}, s.accept)
	nc, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	<-s.stopped
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-s.closed; err != loop.ErrShutdown {
		t.Fatalf("closed with %v", err)
	}
}

// TestUnreachableHost: a peer whose host acknowledges nothing any more is
// found, though nothing says that it is gone. The cable is that of a network
// namespace of the test's own, which needs privileges.
func TestUnreachableHost(t *testing.T) {
	s := newSink()
	e := start(t, loop.Config{Loops: 1}, s.accept)
	cut, near, far := pairOnOwnCable(t)
	defer far.Close()
	if err := e.Adopt(near, nil, s.accept); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write(make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	<-s.stopped
	const patience = 20 * time.Millisecond
	unreachable := func() bool {
		return onLoop(s.conn, func() bool {
			s.conn.Send(frame("heartbeat"))
			return s.conn.Unreachable(patience)
		})
	}
	for begun := time.Now(); time.Since(begun) < 3*patience; {
		if onLoop(s.conn, func() bool { return s.conn.Unreachable(patience) }) {
			t.Fatal("unreachable though the host is there and nothing is on its way")
		}
	}
	cut()
	wait.Until(t, "it is noticed that the host is gone", unreachable)
}

// pairOnOwnCable returns the ends of a TCP connection over the loopback device
// of a new network namespace, and a function that takes that device down.
func pairOnOwnCable(t *testing.T) (cut func(), near, far net.Conn) {
	t.Helper()
	type result struct {
		cut       func() error
		near, far net.Conn
		err       error
	}
	made := make(chan result)
	go func() {
		// Never unlocked, so that the thread ends with its namespace.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{err: err}
			return
		}
		lo, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			made <- result{err: err}
			return
		}
		set := func(flags uint16) error {
			ifr, err := unix.NewIfreq("lo")
			if err != nil {
				return err
			}
			ifr.SetUint16(flags)
			return unix.IoctlIfreq(lo, unix.SIOCSIFFLAGS, ifr)
		}
		r := result{err: set(unix.IFF_UP), cut: func() error {
			defer unix.Close(lo)
			return set(0)
		}}
		if r.err == nil {
			r.near, r.far, r.err = tcpPair()
		}
		made <- r
	}()
	r := <-made
	if errors.Is(r.err, unix.EPERM) {
		t.Skip("no network namespaces for this user")
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	return func() {
		if err := r.cut(); err != nil {
			t.Fatal(err)
		}
	}, r.near, r.far
}

// tcpPair is called on the thread whose namespace the sockets are to be in, so
// it makes no other goroutine do it.
func tcpPair() (near, far net.Conn, err error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	at := &unix.SockaddrInet4{Port: ln.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(fd, at); err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	if far, err = net.FileConn(f); err != nil {
		return nil, nil, err
	}
	near, err = ln.Accept()
	return near, far, err
}
