package loop

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// fdReserve is the number of descriptors that are kept free for the rest of
// the process, beside one for each loop's accept.
const fdReserve = 64

// engines numbers the engines of the process.
var engines atomic.Int64

// Listen binds cfg.Addr, starts the loops and returns when connections are
// accepted. Every new connection is announced by accept, on its loop, which
// returns the connection's handler; nil closes it. A port in use is reported
// by an error that matches syscall.EADDRINUSE, a forbidden one by
// syscall.EACCES.
func Listen(cfg Config, accept func(c *Conn) Handler) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	port, err := reserve(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	defer port.release()
	e := &Engine{
		cfg:     cfg,
		addr:    net.TCPAddrFromAddrPort(port.addr),
		door:    &ticket{accept: accept},
		maxFD:   maxDescriptor(cfg.Loops),
		started: make(chan struct{}),
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	for i := range cfg.Loops {
		r := &reactor{e: e}
		r.loop = newLoop(i, r, cfg.Logger, cfg.MaxQueued)
		e.reactor = append(e.reactor, r)
		e.loops = append(e.loops, r.loop)
	}
	if e.watcher, err = newWatcher(e.loops); err != nil {
		return nil, fmt.Errorf("loop: %w", err)
	}
	go e.run(port.listen)
	select {
	case <-e.started:
		err = e.bindLoops()
	case <-e.done:
		err = e.err
	}
	if err != nil {
		e.stop()
		<-e.done
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	e.listeners = findListeners(port.addr, cfg.Loops, e.maxFD)
	return e, nil
}

// maxDescriptor is the highest descriptor that a connection may have.
func maxDescriptor(loops int) int {
	var rl unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rl); err != nil || rl.Cur > 1<<30 {
		return 1 << 30
	}
	return int(rl.Cur) - 1 - min(fdReserve, int(rl.Cur)/8) - loops
}

// run is the life of gnet.
func (e *Engine) run(addr string) {
	// gnet keeps its engines in a map by address for ever; the fragment makes
	// the key this engine's alone, so that it can be removed.
	key := "tcp://" + addr + "#" + strconv.FormatInt(engines.Add(1), 10)
	err := gnet.Run(&events{e: e}, key,
		gnet.WithNumEventLoop(e.cfg.Loops), gnet.WithReusePort(true), gnet.WithReuseAddr(true),
		gnet.WithTicker(true), gnet.WithLogger(quietLogger{e.cfg.Logger}),
		gnet.WithSocketRecvBuffer(e.cfg.SocketRecvBuffer), gnet.WithSocketSendBuffer(e.cfg.SocketSendBuffer))
	//lint:ignore SA1019 Engine.Stop leaves the key in gnet's map; this is the only way to remove it
	_ = gnet.Stop(context.Background(), key)
	e.finish(err)
}

// bindLoops learns all loops of gnet, by having it open one connection on
// each.
func (e *Engine) bindLoops() error {
	for range e.loops {
		nc, err := deadEnd()
		if err != nil {
			return err
		}
		ctx := gnet.NewNetConnContext(gnet.NewContext(context.Background(), probe{}), nc)
		opened, err := e.gnet.Register(ctx)
		if err != nil {
			_ = nc.Close()
			return err
		}
		select {
		case res := <-opened:
			if res.Err != nil {
				return res.Err
			}
		case <-e.done:
			return e.err
		}
	}
	close(e.ready)
	return nil
}

// deadEnd returns a connection whose peer has gone.
func deadEnd() (net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	_ = unix.Close(fds[1])
	f := os.NewFile(uintptr(fds[0]), "")
	defer f.Close()
	return net.FileConn(f)
}
