package loop

import (
	"context"
	"fmt"
	"strings"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// Listen binds cfg.Addr, starts the loops and returns when connections are
// accepted. It calls accept for every new connection, on the connection's loop.
// accept returns the connection's handler, or nil to close it. On Linux the
// error matches syscall.EADDRINUSE for a port in use, and syscall.EACCES for a
// forbidden one.
func Listen(cfg Config, accept func(c *Conn) Handler) (*Engine, error) {
	if cfg.Addr == "" {
		cfg.Addr = ":0"
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(cfg.Addr, unixPrefix) {
		return listenUnix(cfg, accept)
	}
	e, err := start(cfg, true, accept)
	if err != nil {
		return nil, fmt.Errorf("loop: listen on %q: %w", cfg.Addr, err)
	}
	return e, nil
}

// listenUnix is Listen on a unix socket, which goroutines accept on.
func listenUnix(cfg Config, accept func(c *Conn) Handler) (*Engine, error) {
	e, err := start(cfg, false, accept)
	if err != nil {
		return nil, fmt.Errorf("loop: start: %w", err)
	}
	if err := e.Listen(cfg.Addr, accept); err != nil {
		_ = e.Shutdown(context.Background()) // there are no connections
		return nil, err
	}
	return e, nil
}

// Start starts the loops without a listener: Engine.Addr is nil, and all
// connections come from Engine.Adopt. cfg.Addr must be empty.
func Start(cfg Config) (*Engine, error) {
	if cfg.Addr != "" {
		return nil, fmt.Errorf("loop: Config.Addr is %q, must be empty for Start", cfg.Addr)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e, err := start(cfg, false, nil)
	if err != nil {
		return nil, fmt.Errorf("loop: start: %w", err)
	}
	return e, nil
}

// start returns an engine whose loops run.
func start(cfg Config, listen bool, accept func(*Conn) Handler) (*Engine, error) {
	e := &Engine{cfg: cfg, accepted: &handoff{accept: accept}, done: make(chan struct{}), refused: make(chan struct{})}
	if cfg.TLS != nil {
		var err error
		if e.accepted.tls, err = NewTLS(cfg.TLS); err != nil {
			return nil, err
		}
	}
	e.live, e.end = context.WithCancel(context.Background())
	e.places.init(cfg.MaxTLSHandshakes, func(f func()) { e.streaming.Go(f) })
	e.accepts = goroutine.AcceptLog{Logger: cfg.Logger, Tasks: &e.streaming}
	be, err := openBackend(backend.Config{
		Host: (*host)(e), Listen: listen, Addr: cfg.Addr, Loops: cfg.Loops, Logger: cfg.Logger,
		SocketRecvBuffer: cfg.SocketRecvBuffer, SocketSendBuffer: cfg.SocketSendBuffer,
	})
	if err != nil {
		return nil, err
	}
	e.be = be
	if listen {
		e.addrs = append(e.addrs, be.Addr())
	}
	driven := make([]backend.Loop, cfg.Loops)
	for i := range driven {
		lb, sockets := be.Backend(i)
		l := newLoop(i, lb, sockets, cfg.Logger, cfg.MaxQueued, max(cfg.MaxQueuedTotal/cfg.Loops, 1))
		l.engine = e
		l.streams.All = &e.streaming
		e.loops = append(e.loops, l)
		driven[i] = (*upcalls)(l)
	}
	if err := be.Start(driven); err != nil {
		e.stop()
		<-e.done
		return nil, err
	}
	return e, nil
}
