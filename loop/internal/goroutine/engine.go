package goroutine

import (
	"context"
	"net"
	"sync"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// Engine implements backend.Engine. Its loops hold no sockets: all connections
// are streams.
type Engine struct {
	cfg      backend.Config
	listener net.Listener // nil without one
	runners  []*runner
	maxFD    int
	halted   chan struct{}
	halt     sync.Once
	accepts  AcceptLog
	tasks    sync.WaitGroup // goroutines that accept or log
}

var _ backend.Engine = (*Engine)(nil)

// New returns an engine that is to be started. It listens already.
func New(cfg backend.Config) (*Engine, error) {
	e := &Engine{cfg: cfg, maxFD: maxDescriptor(), halted: make(chan struct{})}
	e.accepts = AcceptLog{Logger: cfg.Logger, Tasks: &e.tasks}
	if cfg.Listen {
		ln, err := Listen(cfg.Addr)
		if err != nil {
			return nil, err
		}
		e.listener = ln
	}
	for range cfg.Loops {
		e.runners = append(e.runners, &runner{wake: make(chan struct{}, 1), halted: e.halted})
	}
	return e, nil
}

// Listen listens on a TCP address, with the connections that an engine wants.
func Listen(addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", addr)
}

// Addr implements backend.Engine, as the following methods do.
func (e *Engine) Addr() net.Addr {
	if e.listener == nil {
		return nil
	}
	return e.listener.Addr()
}

// Backend returns no sockets.
func (e *Engine) Backend(i int) (backend.Backend, backend.Sockets) { return e.runners[i], nil }

// Start starts the goroutines.
func (e *Engine) Start(loops []backend.Loop) error {
	var running sync.WaitGroup
	for i, r := range e.runners {
		r.loop = loops[i]
		running.Go(r.run)
	}
	if e.listener != nil {
		for i := range e.runners {
			e.tasks.Go(func() { e.accept(i) })
		}
	}
	go func() {
		running.Wait()
		e.cfg.Host.Ended(nil)
	}()
	return nil
}

// StopAccepting closes the listener.
func (e *Engine) StopAccepting() error {
	if e.listener == nil {
		return nil
	}
	return e.listener.Close()
}

// AcceptFailures is safe for concurrent use.
func (e *Engine) AcceptFailures() int64 { return e.accepts.Failures() }

// Exhausted compares numbers: the system hands out the lowest one that is free.
func (e *Engine) Exhausted(s backend.Socket) bool {
	stream, ok := s.(interface{ Descriptor() int })
	return ok && stream.Descriptor() > e.maxFD
}

// Halt ends the loops.
func (e *Engine) Halt() {
	e.halt.Do(func() {
		close(e.halted)
		_ = e.StopAccepting()
	})
}

// Close waits for the goroutines that accept.
func (e *Engine) Close() {
	for _, r := range e.runners {
		r.close()
	}
	e.tasks.Wait()
}
