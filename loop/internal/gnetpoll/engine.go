//go:build linux

package gnetpoll

import (
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const (
	// fdReserve is the number of descriptors, or an eighth of all if that is
	// less, that are kept free for the rest of the process.
	fdReserve = 4096
	// maxMoves is how many moves may be under way at once. Each needs up to
	// three descriptors for itself while it lasts.
	maxMoves = 16
)

// Engine implements backend.Engine.
type Engine struct {
	cfg       backend.Config
	port      *port // reserved until gnet has it; nil without a listener
	addr      net.Addr
	pollers   []*poller
	watcher   *watcher
	maxFD     int           // a connection with a higher descriptor is rejected
	moves     chan struct{} // has room for as many moves as may be under way
	reserve   reserve       // for as many
	listeners listeners

	runner  runner
	started chan struct{} // gnet has all its loops
	ready   chan struct{} // every poller is bound to one of gnet's loops
	ended   chan struct{} // gnet has ended; err is set
	err     error
	binding sync.Mutex // held while a poller is bound
}

var _ backend.Engine = (*Engine)(nil)

// New returns an engine that is to be started. It has bound the port.
func New(cfg backend.Config) (*Engine, error) {
	e := &Engine{
		cfg:     cfg,
		maxFD:   maxDescriptor(cfg.Loops),
		moves:   make(chan struct{}, maxMoves),
		reserve: make(reserve, maxMoves),
		started: make(chan struct{}),
		ready:   make(chan struct{}),
		ended:   make(chan struct{}),
	}
	e.listeners.log = cfg.Logger
	e.runner = &client{e: e, halted: make(chan struct{})}
	if cfg.Listen {
		port, err := reservePort(cfg.Addr)
		if err != nil {
			return nil, err
		}
		e.port, e.addr = port, net.TCPAddrFromAddrPort(port.addr)
		e.runner = &server{e: e, addr: port.listen}
	}
	for i := range cfg.Loops {
		p := &poller{e: e, index: i}
		p.parker.inhibit() // until all loops are bound
		e.pollers = append(e.pollers, p)
	}
	var err error
	if e.watcher, err = newWatcher(); err != nil {
		e.releasePort()
		return nil, err
	}
	e.reserve.fill()
	return e, nil
}

func (e *Engine) releasePort() {
	if e.port != nil {
		e.port.release()
		e.port = nil
	}
}

// Addr is the address that was reserved.
func (e *Engine) Addr() net.Addr { return e.addr }

// Backend returns one poller as both.
func (e *Engine) Backend(i int) (backend.Backend, backend.Sockets) {
	return e.pollers[i], e.pollers[i]
}

// Start runs gnet and binds the loops.
func (e *Engine) Start(loops []backend.Loop) error {
	for i, p := range e.pollers {
		p.loop = loops[i]
	}
	e.watcher.start(loops)
	go func() {
		e.err = e.runner.run()
		close(e.ended)
		for _, p := range e.pollers {
			accepting.Delete(p.goroutine)
		}
		e.cfg.Host.Ended(e.err)
	}()
	defer e.releasePort()
	select {
	case <-e.started:
	case <-e.ended:
		if e.err == nil {
			return backend.ErrStopped
		}
		return e.err
	}
	if err := e.bind(); err != nil {
		return err
	}
	if e.port == nil {
		return nil
	}
	return e.listeners.learn(e.port.addr, e.pollers, e.maxFD)
}

// bind binds the pollers to gnet's loops, by having gnet open one connection on
// each. They stay open until all are bound because gnet may choose the loop
// that has the fewest.
func (e *Engine) bind() error {
	for range e.pollers {
		nc, peer, err := socketpair()
		if err != nil {
			return err
		}
		defer unix.Close(peer) // by which gnet closes the other end
		if err := e.runner.probe(nc); err != nil {
			return err
		}
	}
	for _, p := range e.pollers {
		if p.unbound != nil {
			return fmt.Errorf("gnet's epoll instance is not found: %w", p.unbound)
		}
		p.parker.allow()
	}
	close(e.ready)
	return nil
}

// StopAccepting closes the listening sockets.
func (e *Engine) StopAccepting() error { return e.listeners.close() }

// AcceptFailures is safe for concurrent use.
func (e *Engine) AcceptFailures() int64 { return e.listeners.failures.Load() }

// Exhausted compares numbers: the kernel hands out the lowest one that is free.
func (e *Engine) Exhausted(s backend.Socket) bool { return s.Fd() > e.maxFD }

// Halt tells gnet to end.
func (e *Engine) Halt() {
	select {
	case <-e.started:
		e.runner.halt()
	case <-e.ended:
	}
}

// Close closes the descriptors that are not gnet's.
func (e *Engine) Close() {
	for _, p := range e.pollers {
		p.close()
	}
	e.watcher.close()
	e.reserve.close()
}

// pollerOf returns the poller that is bound to gnet's loop el, binding a free
// one when there is none.
func (e *Engine) pollerOf(el eventLoop) *poller {
	for _, p := range e.pollers {
		if b := p.el.Load(); b != nil && *b == el {
			return p
		}
	}
	e.binding.Lock()
	defer e.binding.Unlock()
	for _, p := range e.pollers {
		if p.el.Load() == nil {
			bound := el // copied so that el does not escape
			p.el.Store(&bound)
			return p
		}
	}
	panic("loop: gnet has more loops than were asked for")
}

// openStream makes a net.Conn of descriptor fd, which is consumed.
func (e *Engine) openStream(fd int) (net.Conn, error) {
	e.moves <- struct{}{} // it needs a descriptor of its own: few at a time
	defer func() { <-e.moves }()
	f := os.NewFile(uintptr(fd), "")
	defer e.reserve.fill() // fd may be one of them
	defer f.Close()
	return net.FileConn(f)
}

// maxDescriptor is the highest descriptor that a connection may have.
func maxDescriptor(loops int) int {
	var rl unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rl); err != nil || rl.Cur > 1<<30 {
		return 1 << 30
	}
	return int(rl.Cur) - 1 - min(fdReserve, int(rl.Cur)/8) - 3*maxMoves - loops
}

func socketpair() (nc net.Conn, peer int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(fds[0]), "")
	defer f.Close()
	if nc, err = net.FileConn(f); err != nil {
		_ = unix.Close(fds[1])
	}
	return nc, fds[1], err
}
