package loop

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// fdReserve is the number of descriptors, or an eighth of all if that is less,
// that are kept free for the rest of the process. A move needs up to three for
// itself while it lasts.
const (
	fdReserve = 4096
	maxMoves  = 16
)

// Listen binds cfg.Addr, starts the loops and returns when connections are
// accepted. Every new connection is announced by accept, on its loop, which
// returns the connection's handler; nil closes it. A port in use is reported
// by an error that matches syscall.EADDRINUSE, a forbidden one by
// syscall.EACCES.
func Listen(cfg Config, accept func(c *Conn) Handler) (*Engine, error) {
	if cfg.Addr == "" {
		cfg.Addr = ":0"
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	port, err := reserve(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	defer port.release()
	e, err := newEngine(cfg)
	if err == nil {
		e.addr = net.TCPAddrFromAddrPort(port.addr)
		e.door = &ticket{accept: accept}
		err = e.start(&server{e: e, addr: port.listen})
	}
	if err != nil {
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	if err := e.doors.learn(port.addr, e.reactor, e.maxFD); err != nil {
		e.stop()
		<-e.done
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	return e, nil
}

// Start starts the loops without a listener: Engine.Addr is nil, and all
// connections come by Engine.Adopt. cfg.Addr must be empty.
func Start(cfg Config) (*Engine, error) {
	if cfg.Addr != "" {
		return nil, fmt.Errorf("loop: Config.Addr is %q, must be empty for Start", cfg.Addr)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e, err := newEngine(cfg)
	if err == nil {
		err = e.start(&client{e: e, halted: make(chan struct{})})
	}
	if err != nil {
		return nil, fmt.Errorf("loop: start: %w", err)
	}
	return e, nil
}

func newEngine(cfg Config) (*Engine, error) {
	e := &Engine{
		cfg:     cfg,
		maxFD:   maxDescriptor(cfg.Loops),
		moves:   make(chan struct{}, maxMoves),
		spares:  make(spares, maxMoves),
		started: make(chan struct{}),
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	e.doors.log = cfg.Logger
	for i := range cfg.Loops {
		r := &reactor{e: e}
		r.rest.visit() // until all loops are bound
		r.loop = newLoop(i, r, cfg.Logger, cfg.MaxQueued, max(cfg.MaxQueuedTotal/cfg.Loops, 1))
		e.reactor = append(e.reactor, r)
		e.loops = append(e.loops, r.loop)
	}
	var err error
	if e.watcher, err = newWatcher(e.loops); err == nil {
		e.spares.fill()
	}
	return e, err
}

// start has h run until the engine ends, and returns when the loops are bound.
func (e *Engine) start(h host) error {
	e.host = h
	go func() { e.finish(h.run()) }()
	var err error
	select {
	case <-e.started:
		err = e.bindLoops()
	case <-e.done:
		err = e.err
	}
	if err != nil {
		e.stop()
		<-e.done
	}
	return err
}

// maxDescriptor is the highest descriptor that a connection may have.
func maxDescriptor(loops int) int {
	var rl unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rl); err != nil || rl.Cur > 1<<30 {
		return 1 << 30
	}
	return int(rl.Cur) - 1 - min(fdReserve, int(rl.Cur)/8) - 3*maxMoves - loops
}

// bindLoops learns all loops of gnet, by having it open one connection on
// each. They stay open for so long because gnet may choose the loop that has
// the fewest.
func (e *Engine) bindLoops() error {
	for range e.loops {
		nc, peer, err := socketpair()
		if err != nil {
			return err
		}
		defer unix.Close(peer) // by which gnet closes the other end
		if err := e.host.probe(nc); err != nil {
			return err
		}
	}
	for _, r := range e.reactor {
		if r.unbound != nil {
			return fmt.Errorf("gnet's epoll instance is not found: %w", r.unbound)
		}
		r.rest.leave()
	}
	close(e.ready)
	return nil
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
