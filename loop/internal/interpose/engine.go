package interpose

import (
	"net"
	"os"
	"sync"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// New makes an engine by newEngine, with faults by plan.
func New(cfg backend.Config, newEngine func(backend.Config) (backend.Engine, error), plan Plan) (backend.Engine, error) {
	cfg.Host = &host{cfg.Host, plan}
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	return &engine{e, plan, make([]*sockets, cfg.Loops)}, nil
}

// host has what goroutines drive fail.
type host struct {
	backend.Host
	plan Plan
}

// Accepted implements backend.Host.
func (h *host) Accepted(loop int, nc net.Conn) { h.Host.Accepted(loop, NewConn(nc, h.plan)) }

type engine struct {
	backend.Engine
	plan  Plan
	loops []*sockets // nil for loops without sockets
}

// Backend implements backend.Engine, as Start does.
func (e *engine) Backend(i int) (backend.Backend, backend.Sockets) {
	be, inner := e.Engine.Backend(i)
	if inner == nil {
		return be, nil
	}
	s := &sockets{Backend: be, inner: inner, plan: e.plan, peers: make(map[int]net.Addr)}
	e.loops[i] = s
	return s, s
}

func (e *engine) Start(loops []backend.Loop) error {
	for i, s := range e.loops {
		if s != nil {
			s.Loop = loops[i]
			loops[i] = s.upcalls()
		}
	}
	return e.Engine.Start(loops)
}

// sockets is the backend of a loop whose calls fail by plan. It is loop-owned,
// except for what backend.Sockets has safe for concurrent use.
type sockets struct {
	backend.Backend
	Loop  backend.Loop
	inner backend.Sockets
	plan  Plan

	mu    sync.Mutex
	peers map[int]net.Addr // by descriptor
}

func (s *sockets) upcalls() backend.Loop { return &upcalls{s.Loop, s} }

// upcalls is the loop as the inner backend calls it: it learns of which peers
// the descriptors are, and hides from either side that there is another one
// between them.
type upcalls struct {
	backend.Loop
	s *sockets
}

// conn is a connection of the inner backend.
type conn struct {
	backend.Conn
	s *sockets
}

// Backend implements backend.Conn.
func (c *conn) Backend() backend.Backend { return c.s.Backend }

// Open implements backend.Loop, as the following methods do.
func (u *upcalls) Open(s backend.Socket, remote net.Addr, handoff any) backend.Conn {
	u.s.mu.Lock()
	u.s.peers[s.Fd()] = remote
	u.s.mu.Unlock()
	c := u.Loop.Open(s, remote, handoff)
	if c == nil {
		return nil
	}
	return &conn{c, u.s}
}

func (u *upcalls) Receive(c backend.Conn, b []byte) { u.Loop.Receive(c.(*conn).Conn, b) }

func (u *upcalls) Lose(c backend.Conn, err error) { u.Loop.Lose(c.(*conn).Conn, err) }

// fails asks the plan about a call for a descriptor.
func (s *sockets) fails(call Call, fd int) (Fault, bool) {
	s.mu.Lock()
	peer := s.peers[fd]
	s.mu.Unlock()
	return s.plan(call, peer)
}

// Send implements backend.Sockets, as the following methods do.
func (s *sockets) Send(fd int, b []byte) (int, error) {
	if f, ok := s.fails(Send, fd); ok {
		return f.send(len(b), func(n int) (int, error) { return s.inner.Send(fd, b[:n]) })
	}
	return s.inner.Send(fd, b)
}

func (s *sockets) Sendv(fd int, bufs [][]byte) (int, error) {
	if f, ok := s.fails(Sendv, fd); ok {
		var all []byte
		for _, b := range bufs {
			all = append(all, b...)
		}
		return f.send(len(all), func(n int) (int, error) { return s.inner.Send(fd, all[:n]) })
	}
	return s.inner.Sendv(fd, bufs)
}

// send sends the part of size bytes that goes out all the same: not all of
// them.
func (f Fault) send(size int, send func(n int) (int, error)) (int, error) {
	n := min(f.Part, size-1)
	if n > 0 {
		var err error
		if n, err = send(n); err != nil {
			return n, err
		}
	}
	return n, f.Err
}

func (s *sockets) CloseWrite(fd int) error {
	if f, ok := s.fails(CloseWrite, fd); ok {
		return f.Err
	}
	return s.inner.CloseWrite(fd)
}

func (s *sockets) Pause(so backend.Socket) error {
	if f, ok := s.fails(Pause, so.Fd()); ok {
		return f.Err
	}
	return s.inner.Pause(so)
}

func (s *sockets) Resume(so backend.Socket) error {
	if f, ok := s.fails(Resume, so.Fd()); ok {
		return f.Err
	}
	return s.inner.Resume(so)
}

func (s *sockets) Watch(fd int, id uint32, again bool) error {
	if f, ok := s.fails(Watch, fd); ok {
		return f.Err
	}
	return s.inner.Watch(fd, id, again)
}

func (s *sockets) Enroll(nc net.Conn, handoff any) error {
	if f, ok := s.plan(Enroll, nc.RemoteAddr()); ok {
		_ = nc.Close()
		return f.Err
	}
	return s.inner.Enroll(nc, handoff)
}

// detached is a stream on its way.
type detached struct {
	stream any
	peer   net.Addr
}

func (s *sockets) Detach(so backend.Socket) (any, error) {
	s.mu.Lock()
	d := detached{peer: s.peers[so.Fd()]}
	s.mu.Unlock()
	if f, ok := s.plan(Detach, d.peer); ok {
		s.inner.Close(so)
		return nil, f.Err
	}
	var err error
	d.stream, err = s.inner.Detach(so)
	return d, err
}

func (s *sockets) Attach(stream, handoff any, failed func(error)) {
	d := stream.(detached)
	if f, ok := s.plan(Attach, d.peer); ok {
		_ = os.NewFile(uintptr(d.stream.(int)), "").Close()
		failed(f.Err)
		return
	}
	s.inner.Attach(d.stream, handoff, failed)
}

func (s *sockets) Release(so backend.Socket, taken func(net.Conn, error)) {
	if f, ok := s.fails(Release, so.Fd()); ok {
		s.inner.Close(so)
		go taken(nil, f.Err)
		return
	}
	s.inner.Release(so, taken)
}
