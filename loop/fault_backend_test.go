package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/internal/interpose"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// The commands of a faultServer's clients. Each is one byte; the server answers
// most with the same byte.
const (
	doEcho    = 'e'
	doPieces  = 'v' // answers with pieces
	doFlood   = 'b' // answers with more than is written at once
	doPause   = 'p' // pauses, resumes, and answers
	doMove    = 'm' // moves to the other loop and answers there
	doDetach  = 'd' // leaves the engine and answers with the net.Conn
	doEnd     = 'q' // answers, ends the sending half, and waits for the peer
	doClose   = 'c'
	anyFaults = "eevvppmmqb" // for the random ones
)

// pieces is what the server sends by several pieces, in one call.
var pieces = [][]byte{pattern(20 << 10), pattern(30 << 10), pattern(9 << 10)}

// flood is more than a loop writes to a connection at once.
var flood = pattern(1 << 20)

// faultServer is an engine with two loops whose backend fails by a plan.
type faultServer struct {
	*loop.Engine
	t testing.TB

	mu     sync.Mutex
	plan   interpose.Plan
	ends   map[string][]error // by peer: the errors that Closed was given, of the last connection with its port
	frames []*loop.Frame      // each with one reference more than it is sent with
}

func startFaulty(t testing.TB) *faultServer {
	s := &faultServer{t: t, ends: make(map[string][]error)}
	defer loop.InterposeFaults(s.decide)()
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2, SocketSendBuffer: 64 << 10}, func(c *loop.Conn) loop.Handler {
		return s.handler(c.RemoteAddr().String())
	})
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.Engine = e
	s.mu.Unlock()
	return s
}

// other is the loop that c is not on.
func (s *faultServer) other(c *loop.Conn) *loop.Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Loops()[1-c.Loop().Index()]
}

func (s *faultServer) decide(call interpose.Call, peer net.Addr) (interpose.Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plan == nil || peer == nil {
		return interpose.Fault{}, false
	}
	return s.plan(call, peer)
}

// follow sets the plan.
func (s *faultServer) follow(p interpose.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = p
}

// frame returns a frame that is looked at in the end.
func (s *faultServer) frame(b []byte) *loop.Frame {
	f := frame(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, f.Retain())
	return f
}

// ended returns what Closed was given for a peer.
func (s *faultServer) ended(peer string) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends[peer]
}

// finish waits until the clients' connections are gone, and looks for what is
// left of them.
func (s *faultServer) finish() {
	s.t.Helper()
	s.follow(nil)
	for i, l := range s.Loops() {
		var left string
		wait.Until(s.t, "a loop without connections", func() bool {
			done := make(chan struct{})
			l.PostFunc(func() { left = loop.Residue(l); close(done) })
			wait.For(s.t, fmt.Sprint("a sign of life of loop ", i), done)
			return !strings.Contains(left, "connections")
		})
		if left != "" {
			s.t.Errorf("loop %d has %s", i, left)
		}
	}
	shutdown(s.t, s.Engine)
	if st := s.Stats(); st.Panics > 0 {
		s.t.Errorf("%d panics", st.Panics)
	}
	for i, f := range s.frames {
		if n := f.Refs(); n != 1 {
			s.t.Errorf("frame %d of %d has %d references too many", i, len(s.frames), n-1)
		}
	}
}

// faultHandler serves a client.
type faultHandler struct {
	s      *faultServer
	peer   string
	closed int
}

// handler returns that of a new connection. The port may have been that of an
// earlier one.
func (s *faultServer) handler(peer string) *faultHandler {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ends, peer)
	return &faultHandler{s: s, peer: peer}
}

func (h *faultHandler) Data(c *loop.Conn, b []byte) {
	for i, do := range append([]byte(nil), b...) {
		own := []byte{do}
		switch do {
		case doPieces:
			for _, p := range pieces {
				c.Send(h.s.frame(p))
			}
		case doFlood:
			c.Send(h.s.frame(flood))
			c.Send(h.s.frame(own))
		case doPause:
			c.Pause(b[i+1:])
			c.Loop().AfterFunc(time.Millisecond, func() {
				c.Resume()
				c.Send(h.s.frame(own))
			})
			return
		case doMove:
			c.Send(h.s.frame(own)) // goes along
			c.MoveTo(h.s.other(c), b[i+1:], func(*loop.Conn) loop.Handler { return h })
			return
		case doDetach:
			c.Send(h.s.frame(own)) // goes along
			c.Detach(b[i+1:], h.detached)
			return
		case doEnd:
			c.Send(h.s.frame(own))
			c.CloseAfterFlush(time.Minute)
			return
		case doClose:
			c.Close()
			return
		default:
			c.Send(h.s.frame(own))
		}
	}
}

func (h *faultHandler) detached(d loop.Detached) {
	if d.Err == nil {
		d.Conn.Write(d.Unsent)
		d.Conn.Close()
	}
	h.Closed(nil, d.Err)
}

func (*faultHandler) Flushed(*loop.Conn) {}

func (h *faultHandler) Closed(_ *loop.Conn, err error) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.s.ends[h.peer] = append(h.s.ends[h.peer], err)
	if h.closed++; h.closed > 1 {
		h.s.t.Errorf("Closed was called %d times for %s", h.closed, h.peer)
	}
}

// faultClient is a client of a faultServer.
type faultClient struct {
	*net.TCPConn
	peer string
}

func (s *faultServer) dial() *faultClient {
	s.t.Helper()
	c := dial(s.t, s.Engine)
	c.SetDeadline(time.Now().Add(wait.Patience))
	return &faultClient{c, c.LocalAddr().String()}
}

// ask sends a command and looks for its answer. It returns an error when the
// connection ends instead.
func (c *faultClient) ask(do byte) error {
	if _, err := c.Write([]byte{do}); err != nil {
		return err
	}
	want := []byte{do}
	switch do {
	case doPieces:
		want = bytes.Join(pieces, nil)
	case doFlood:
		want = append(bytes.Clone(flood), do)
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if n > 0 && !bytes.Equal(got[:n], want[:n]) {
		return errWrongBytes
	}
	return err
}

var errWrongBytes = errors.New("other bytes than those that were sent")

// faultCase has a call fail while a command is carried out.
type faultCase struct {
	call  interpose.Call
	do    byte
	polls bool // only where the poller holds the connections
}

var faultCases = []faultCase{
	{interpose.Send, doEcho, false},
	{interpose.Sendv, doPieces, true},
	{interpose.Send, doFlood, false},
	{interpose.CloseWrite, doEnd, false},
	{interpose.Pause, doPause, true},
	{interpose.Resume, doPause, true},
	{interpose.Watch, doFlood, true},
	{interpose.Detach, doMove, true},
	{interpose.Attach, doMove, true},
	{interpose.Release, doDetach, true},
}

// faultErrors are those with which any call may fail.
var faultErrors = []error{
	syscall.ECONNRESET, syscall.EPIPE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EINVAL, syscall.EMFILE,
	syscall.EBADF, syscall.EINTR, syscall.EAGAIN,
}

// TestCallsThatFail has each call of the backend fail once with each error. The
// connection ends, and its handler gets the error; a connection whose stream is
// to end by CloseAfterFlush ends without one, and one that was on its way has
// ErrLostMove too. Other connections of both loops go on, and nothing is left.
func TestCallsThatFail(t *testing.T) {
	s := startFaulty(t)
	defer s.finish()
	var others []*faultClient
	for range 4 { // on both loops, mostly
		others = append(others, s.dial())
	}
	for _, fc := range faultCases {
		for _, failure := range faultErrors {
			for _, part := range []int{0, 5000} {
				if fc.polls && !loop.Polled || part > 0 && fc.call != interpose.Send && fc.call != interpose.Sendv {
					continue
				}
				name := fmt.Sprintf("%v of %c fails with %v after %d bytes", fc.call, fc.do, failure, part)
				victim := s.dial()
				defer victim.Close()
				if err := victim.ask(doEcho); err != nil {
					t.Fatalf("%s: before it: %v", name, err)
				}
				done := false
				s.follow(func(call interpose.Call, peer net.Addr) (interpose.Fault, bool) {
					if done || call != fc.call || peer.String() != victim.peer {
						return interpose.Fault{}, false
					}
					done = true
					return interpose.Fault{Err: failure, Part: part}, true
				})
				err := victim.ask(fc.do)
				if err == nil && part == 0 && fc.call != interpose.CloseWrite {
					t.Errorf("%s: the command was carried out", name)
				}
				if err == nil { // the answer was sent before
					_, err = io.ReadFull(victim, make([]byte, 1))
				}
				if timeout, ok := err.(net.Error); err == nil || err == errWrongBytes || ok && timeout.Timeout() {
					t.Errorf("%s: the client sees %v", name, err)
				}
				wait.Until(t, name+": the end", func() bool { return len(s.ended(victim.peer)) > 0 })
				got := s.ended(victim.peer)[0]
				switch fc.call {
				case interpose.CloseWrite:
					if got != nil {
						t.Errorf("%s: closed with %v", name, got)
					}
				case interpose.Detach, interpose.Attach:
					if !errors.Is(got, loop.ErrLostMove) || !errors.Is(got, failure) {
						t.Errorf("%s: closed with %v", name, got)
					}
				default:
					if !errors.Is(got, failure) {
						t.Errorf("%s: closed with %v", name, got)
					}
				}
				for i, c := range others {
					if err := c.ask(doEcho); err != nil {
						t.Fatalf("%s: connection %d beside it: %v", name, i, err)
					}
				}
			}
		}
	}
	for _, c := range others {
		if err := c.ask(doFlood); err != nil {
			t.Error("in the end:", err)
		}
		c.Close()
	}
}

// TestReadsThatFail has reading fail where goroutines read.
func TestReadsThatFail(t *testing.T) {
	if loop.Polled {
		t.Skip("gnet reads; see TestSystemCallsThatFail")
	}
	s := startFaulty(t)
	defer s.finish()
	for _, failure := range faultErrors {
		victim, other := s.dial(), s.dial()
		if err := errors.Join(victim.ask(doEcho), other.ask(doEcho)); err != nil {
			t.Fatal(err)
		}
		s.follow(func(call interpose.Call, peer net.Addr) (interpose.Fault, bool) {
			return interpose.Fault{Err: failure}, call == interpose.Read && peer.String() == victim.peer
		})
		victim.Write([]byte{doEcho}) // ends the read that waits
		wait.Until(t, "the end", func() bool { return len(s.ended(victim.peer)) > 0 })
		if got := s.ended(victim.peer)[0]; !errors.Is(got, failure) {
			t.Errorf("closed with %v, want %v", got, failure)
		}
		if err := other.ask(doEcho); err != nil {
			t.Errorf("%v: the connection beside it: %v", failure, err)
		}
		victim.Close()
		other.Close()
	}
}

// TestShortWrites has the kernel take a part of what it is offered, or nothing,
// each time: all arrives, once and in order.
func TestShortWrites(t *testing.T) {
	if !loop.Polled {
		t.Skip("a net.Conn's Write is never short without an error: see TestShortWriteOfAStream")
	}
	s := startFaulty(t)
	defer s.finish()
	for _, part := range []int{0, 1, 2, 127, 4095, 9 << 10} {
		c := s.dial()
		calls := 0
		s.follow(func(call interpose.Call, peer net.Addr) (interpose.Fault, bool) {
			calls++
			return interpose.Fault{Part: part}, (call == interpose.Send || call == interpose.Sendv) && calls%3 != 0
		})
		for _, do := range []byte{doEcho, doPieces, doFlood, doPause, doMove, doPieces, doEnd} {
			if err := c.ask(do); err != nil {
				t.Errorf("%d bytes at a time, %c: %v", part, do, err)
			}
		}
		c.Close()
	}
}

// TestShortWriteOfAStream adopts a connection whose Write breaks the contract
// of io.Writer: the connection ends, for the stream would lack bytes.
func TestShortWriteOfAStream(t *testing.T) {
	s := startFaulty(t)
	defer s.finish()
	near, far := net.Pipe()
	defer far.Close()
	short := func(call interpose.Call, _ net.Addr) (interpose.Fault, bool) {
		return interpose.Fault{Part: 1}, call == interpose.Send
	}
	if err := s.Adopt(interpose.NewConn(near, short), nil, func(*loop.Conn) loop.Handler { return s.handler("adopted") }); err != nil {
		t.Fatal(err)
	}
	far.SetDeadline(time.Now().Add(wait.Patience))
	if _, err := far.Write([]byte{doPieces}); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(far); err != nil || len(got) != 1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	wait.Until(t, "the end", func() bool { return len(s.ended("adopted")) > 0 })
	if got := s.ended("adopted")[0]; got != io.ErrShortWrite {
		t.Errorf("closed with %v", got)
	}
}

// TestFaultyAdopted has the opening of a connection fail that is brought.
func TestFaultyAdopted(t *testing.T) {
	s := startFaulty(t)
	defer s.finish()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, failure := range append([]error{nil}, faultErrors...) {
		far, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		near, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := &faultClient{far.(*net.TCPConn), far.LocalAddr().String()}
		s.follow(func(call interpose.Call, _ net.Addr) (interpose.Fault, bool) {
			return interpose.Fault{Err: failure}, call == interpose.Enroll && failure != nil
		})
		err = s.Adopt(near, nil, func(*loop.Conn) loop.Handler { return s.handler(c.peer) })
		if loop.Polled && !errors.Is(err, failure) || !loop.Polled && err != nil {
			t.Errorf("Adopt returns %v, want %v", err, failure)
		}
		c.SetDeadline(time.Now().Add(wait.Patience))
		if got := c.ask(doEcho); (got == nil) != (err == nil) {
			t.Errorf("after %v from Adopt the client sees %v", err, got)
		}
		c.Close()
	}
}

// TestRandomFaults has one call in thirty fail in some way, for clients that do
// everything. Each client gets the right bytes until its connection ends; those
// that no fault can end are served; nothing is left.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s := startFaulty(t)
			defer s.finish()
			rnd := rand.New(rand.NewPCG(seed, 14))
			spared := s.dial()
			faults := 0
			s.follow(func(call interpose.Call, peer net.Addr) (interpose.Fault, bool) {
				if peer.String() == spared.peer || rnd.IntN(30) > 0 {
					return interpose.Fault{}, false
				}
				faults++
				f := interpose.Fault{Err: faultErrors[rnd.IntN(len(faultErrors))], Part: rnd.IntN(3) * rnd.IntN(10_000)}
				if loop.Polled && (call == interpose.Send || call == interpose.Sendv) && rnd.IntN(4) > 0 {
					f.Err = nil
				}
				return f, true
			})
			var clients sync.WaitGroup
			for i := range 16 {
				rnd := rand.New(rand.NewPCG(seed, uint64(i)))
				clients.Go(func() {
					for range 12 {
						c, err := net.Dial("tcp", s.Addr().String())
						if err != nil {
							t.Error(err)
							return
						}
						c.SetDeadline(time.Now().Add(wait.Patience))
						client := &faultClient{c.(*net.TCPConn), c.LocalAddr().String()}
						for err == nil && rnd.IntN(8) > 0 {
							err = client.ask(anyFaults[rnd.IntN(len(anyFaults))])
						}
						if timeout, ok := err.(net.Error); err == errWrongBytes || ok && timeout.Timeout() {
							t.Errorf("the client sees %v", err)
						}
						if rnd.IntN(3) == 0 {
							c.Write([]byte{doFlood}) // and go without reading
						}
						c.Close()
					}
				})
			}
			for range 20 {
				if err := spared.ask(doPieces); err != nil {
					t.Error("without faults:", err)
				}
			}
			clients.Wait()
			if err := spared.ask(doFlood); err != nil {
				t.Error("without faults:", err)
			}
			spared.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			if faults == 0 {
				t.Error("there was no fault")
			}
		})
	}
}
