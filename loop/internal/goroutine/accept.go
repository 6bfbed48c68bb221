package goroutine

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// acceptPause is how long a loop does not accept after accept has failed.
	acceptPause = 20 * time.Millisecond
	// acceptQuiet is how long accept must not have failed before the log says
	// that it works again.
	acceptQuiet = 5 * time.Second
)

// accept accepts for one loop, which gets one connection at a time. While
// accept fails, for lack of descriptors or memory, connections wait in the
// kernel's queue.
func (e *Engine) accept(loop int) {
	for {
		nc, err := e.listener.Accept()
		switch {
		case err == nil:
			e.accepts.succeeded(e)
			e.setBuffers(nc)
			e.cfg.Host.Accepted(loop, nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			e.failures.Add(1)
			e.accepts.failed(e, err)
			select {
			case <-time.After(acceptPause):
			case <-e.halted:
				return
			}
		}
	}
}

func (e *Engine) setBuffers(nc net.Conn) {
	tc, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if n := e.cfg.SocketRecvBuffer; n > 0 {
		_ = tc.SetReadBuffer(n)
	}
	if n := e.cfg.SocketSendBuffer; n > 0 {
		_ = tc.SetWriteBuffer(n)
	}
}

// acceptLog logs the first failure of many, and their end. It is safe for
// concurrent use.
type acceptLog struct {
	mu     sync.Mutex
	logged bool // the first failure
	last   time.Time
}

func (a *acceptLog) failed(e *Engine, err error) {
	a.mu.Lock()
	first := !a.logged
	a.logged, a.last = true, time.Now()
	a.mu.Unlock()
	if first {
		// The application's handler may end its goroutine.
		e.tasks.Go(func() { e.cfg.Logger.Warn("loop: cannot accept connections; they wait", "error", err) })
	}
}

func (a *acceptLog) succeeded(e *Engine) {
	a.mu.Lock()
	over := a.logged && time.Since(a.last) > acceptQuiet
	a.logged = a.logged && !over
	a.mu.Unlock()
	if over {
		e.tasks.Go(func() { e.cfg.Logger.Info("loop: accepting connections again", "failures", e.failures.Load()) })
	}
}
