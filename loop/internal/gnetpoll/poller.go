//go:build linux

package gnetpoll

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

type eventLoop = gnet.EventLoop

// poller is the backend of one loop and holds its sockets.
type poller struct {
	e         *Engine
	index     int
	loop      backend.Loop
	el        atomic.Pointer[eventLoop] // gnet's loop; nil until bound
	unbound   error                     // gnet's epoll instance was not found
	goroutine string                    // on which gnet runs the loop
	current   gnet.Conn                 // whose event gnet is handling
	closing   bool                      // current is to be closed
	timer     *time.Timer
	iovecs    []unix.Iovec
	parker    parker
	turns     atomic.Int32 // see maxTurns; only the loop changes it

	// Guarded by parker.mu.
	turning bool // gnet is running a turn
	owed    bool // another one, for which gnet is summoned when that has ended
	ended   bool // gnet ends: its eventfd may be closed, and reused
}

var (
	_ backend.Backend = (*poller)(nil)
	_ backend.Sockets = (*poller)(nil)
)

// maxTurns bounds the turns that run before gnet is asked for events, so that
// goroutines that post cannot keep the loop from its connections.
const maxTurns = 8

// settle ends the handling of gc's event. gnet must not close a connection
// while it is handling it, but closes it for this result.
func (p *poller) settle(gc gnet.Conn) gnet.Action {
	p.current = nil
	if p.closing {
		p.closing = false
		gc.SetContext(nil)
		return gnet.Close
	}
	return gnet.None
}

// Run is a turn: gnet calls it after the events of a poll, and again at once
// when it is summoned meanwhile.
func (p *poller) Run(context.Context) error {
	p.turns.Add(1)
	p.parker.mu.Lock()
	p.parker.summoned, p.turning = false, true
	p.parker.mu.Unlock()
	p.loop.Turn()
	p.parker.mu.Lock()
	defer p.parker.mu.Unlock()
	p.turning = false
	if p.owed {
		p.owed = false
		p.turns.Store(0)
		go p.summonLater() // when gnet has left its queue
	}
	return nil
}

// Idle parks, and runs what is posted meanwhile, until gnet has something to
// do.
func (p *poller) Idle(c backend.Conn) {
	if c != nil {
		p.turns.Store(0)
	}
	for !p.closing && p.parker.begin() {
		end, woken := p.parker.park()
		switch {
		case end == byWake:
			p.turns.Store(0)
		case end == atOnce && p.turns.Add(1) >= maxTurns:
			if p.parker.ready() {
				end = byEvents
			} else {
				p.turns.Store(0)
			}
		}
		switch {
		case end == byEvents:
			if woken {
				p.Wake()
			}
			return
		case end == atOnce:
			// gnet may have reported other events together with c's.
			p.loop.Continue(c)
		default:
			p.loop.Continue(nil)
		}
	}
}

// Wake ends the parking, or has gnet run a turn.
func (p *poller) Wake() {
	p.parker.mu.Lock()
	defer p.parker.mu.Unlock()
	// What is posted while the loop cannot be woken is run when it is bound,
	// or after gnet's end.
	el := p.el.Load()
	if p.parker.wake() || el == nil || p.ended {
		return
	}
	p.parker.summoned = true
	if p.turning && p.turns.Load() >= maxTurns {
		p.owed = true
		return
	}
	p.summon()
}

// summonLater is summon for another goroutine than the loop's.
func (p *poller) summonLater() {
	p.parker.mu.Lock()
	defer p.parker.mu.Unlock()
	if !p.ended {
		p.summon()
	}
}

// summon has gnet run a turn. parker.mu is held, and gnet has not ended.
func (p *poller) summon() {
	if err := (*p.el.Load()).Execute(context.Background(), p); err != nil {
		p.e.cfg.Logger.Error("loop: cannot wake a loop", "error", err)
	}
}

// Unread asks gnet's epoll instance. Until that is known there may always be
// events.
func (p *poller) Unread() bool { return !p.parker.found() || p.parker.ready() }

// Now is the time since epoch.
func (p *poller) Now() int64 { return int64(time.Since(epoch)) }

// epoch is a little in the past, so that Now is positive from the start.
var epoch = time.Now().Add(-time.Second)

// SetTimer uses one of the runtime's timers.
func (p *poller) SetTimer(at int64) {
	d := time.Duration(at - p.Now())
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.loop.Tick)
		return
	}
	p.timer.Reset(d)
}

// Close closes the socket, when gnet has handled its event.
func (p *poller) Close(s backend.Socket) {
	gc := s.(gnet.Conn)
	if gc == p.current {
		p.closing = true
		return
	}
	gc.SetContext(nil)
	if err := gc.EventLoop().Close(gc); err != nil {
		p.e.cfg.Logger.Debug("loop: closing a descriptor", "error", err)
	}
}

// Holds accepts what is nothing but a descriptor, which gnet takes.
func (p *poller) Holds(nc net.Conn) bool {
	switch nc := nc.(type) {
	case *net.TCPConn:
		return true
	case *net.UnixConn:
		return nc.LocalAddr().Network() == "unix"
	}
	return false
}

// arrival accompanies a connection through gnet to the loop.
type arrival struct {
	handoff any
	came    bool // gnet has registered it; set on the loop's goroutine
	opened  bool // the loop has not refused it; as came
}

// errUnwatched is the reason of a connection that gnet could not register with
// its epoll instance: the kernel is short of memory, or the user of
// registrations. gnet does not report which.
var errUnwatched = errors.New("loop: the system does not watch the descriptor")

// Enroll has gnet open nc.
func (p *poller) Enroll(nc net.Conn, handoff any) error {
	if nc.RemoteAddr() == nil { // gnet would panic, and leak a descriptor
		_ = nc.Close()
		return os.NewSyscallError("getpeername", unix.ENOTCONN)
	}
	select {
	case <-p.e.ready:
	case <-p.e.ended:
		_ = nc.Close()
		return backend.ErrShutdown
	}
	p.parker.inhibit()
	defer p.parker.allow()
	a := &arrival{handoff: handoff}
	opened, err := (*p.el.Load()).Enroll(gnet.NewContext(context.Background(), a), nc)
	if err != nil {
		_ = nc.Close()
		return err
	}
	select {
	case res := <-opened:
		switch {
		case res.Err != nil || a.opened:
			return res.Err
		case a.came:
			return backend.ErrRejected
		}
		return errUnwatched
	case <-p.e.ended:
		if a.opened { // the result has come too, and the loop has the handoff
			return nil
		}
		return backend.ErrShutdown
	}
}

// Detach duplicates the descriptor, so that the original's close does not end
// the stream.
func (p *poller) Detach(s backend.Socket) (any, error) {
	fd, err := p.e.reserve.dup(s.Fd())
	p.Close(s)
	return fd, os.NewSyscallError("fcntl", err)
}

// Release opens the duplicate as a net.Conn.
func (p *poller) Release(s backend.Socket, taken func(net.Conn, error)) {
	stream, err := p.Detach(s)
	switch {
	case err != nil:
		go taken(nil, err)
	case !p.e.cfg.Host.BeginAttach():
		_ = unix.Close(stream.(int))
		go taken(nil, backend.ErrShutdown)
	default:
		go func() {
			nc, err := p.e.openStream(stream.(int))
			p.e.cfg.Host.EndAttach()
			taken(nc, err)
		}()
	}
}

// Attach opens the duplicate on this loop, waiting for descriptors if it must.
func (p *poller) Attach(stream, handoff any, failed func(error)) {
	if !p.e.cfg.Host.BeginAttach() {
		_ = unix.Close(stream.(int))
		failed(backend.ErrShutdown)
		return
	}
	go func() {
		defer p.e.cfg.Host.EndAttach()
		p.e.moves <- struct{}{} // descriptors for few moves at a time
		defer func() { <-p.e.moves }()
		if err := p.enter(stream.(int), handoff); err != nil {
			failed(err)
		}
	}()
}

// enter opens the stream with descriptor fd, which is consumed, on the loop.
func (p *poller) enter(fd int, handoff any) error {
	f := os.NewFile(uintptr(fd), "")
	defer p.e.reserve.fill()
	defer f.Close()
	for try := 1; ; try++ {
		nc, err := net.FileConn(f)
		if err == nil {
			err = p.Enroll(nc, handoff)
		}
		if !scarce(err) || try == moveTries || p.e.cfg.Host.Stopping() {
			return err
		}
		time.Sleep(moveRetry)
	}
}

// close is called when gnet has ended.
func (p *poller) close() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.parker.close()
}
