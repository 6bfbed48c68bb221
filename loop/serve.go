package loop

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

const (
	// firstPause and lastPause are how long a listener is left alone after the
	// first of several failures of Accept, and at most: net/http's times.
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// Serve accepts connections on ln, which it closes, beside those of Listen. For
// each one it calls choose, and adds the connection as AdoptWith does, with the
// accept function that choose returns. The connections of a *net.TCPListener or
// *net.UnixListener cost what those of Listen do while they are idle; accepting
// one costs more, because a goroutine for each loop does it. So ln's methods
// and choose must be safe for concurrent use, as net.Listener demands.
//
// If Accept fails for lack of descriptors or memory, or with an error whose
// method Temporary returns true, it is called again after a pause: of 5 ms, and
// twice as long with each failure up to a second. Stats.AcceptFailures counts
// these. Any other error ends Serve, which returns it; it is net.ErrClosed if
// ln was closed. If Accept panics or ends its goroutine, the error wraps
// ErrPanic. Serve returns ErrShutdown after StopAccepting or Shutdown.
func (e *Engine) Serve(ln net.Listener, choose func(nc net.Conn) (accept func(c *Conn) Handler)) error {
	return e.ServeTLS(ln, nil, choose)
}

// ServeTLS is Serve for connections that t, unless it is nil, encrypts. ln's
// connections are plain.
func (e *Engine) ServeTLS(ln net.Listener, t *TLS, choose func(nc net.Conn) (accept func(c *Conn) Handler)) error {
	s := &serving{engine: e, ln: ln, tls: t, choose: choose}
	if !e.addServing(s) {
		_ = ln.Close()
		return ErrShutdown
	}
	s.run()
	return s.result()
}

// Listen listens on a further address, for which Config.Addr has the form, and
// returns when connections are accepted: as by Serve, with accept. Engine.Addrs
// has the address then.
func (e *Engine) Listen(addr string, accept func(c *Conn) Handler) error {
	ln, err := Bind(addr, e.cfg.SocketMode)
	if err != nil {
		return err
	}
	s := &serving{engine: e, ln: ln, tls: e.accepted.tls, choose: func(net.Conn) func(*Conn) Handler { return accept }}
	if !e.addServing(s) {
		_ = ln.Close()
		return ErrShutdown
	}
	go func() {
		s.run()
		if err := s.result(); err != ErrShutdown {
			e.cfg.Logger.Error("loop: a listener has failed", "addr", ln.Addr(), "error", err)
		}
	}()
	return nil
}

// serving is a listener that is served. Safe for concurrent use.
type serving struct {
	engine *Engine
	ln     net.Listener
	tls    *TLS // nil without TLS
	choose func(nc net.Conn) func(c *Conn) Handler
	loops  sync.WaitGroup // that accept
	closed sync.Once      // ln

	mu  sync.Mutex
	err error // that has ended it
}

// addServing counts the goroutines of s. It reports false when the engine does
// not accept any more.
func (e *Engine) addServing(s *serving) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping || e.refusing.Load() {
		return false
	}
	e.servings = append(e.servings, s)
	e.addrs = append(e.addrs, s.ln.Addr())
	e.streaming.Add(len(e.loops))
	s.loops.Add(len(e.loops))
	return true
}

// run accepts for all loops, until the listener ends.
func (s *serving) run() {
	for _, l := range s.engine.loops {
		go s.accept(l)
	}
	s.loops.Wait()
	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.servings, s); i >= 0 {
		e.servings = slices.Delete(e.servings, i, i+1)
	}
}

// result is why the listener has ended.
func (s *serving) result() error {
	if s.engine.refusing.Load() {
		return ErrShutdown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close closes the listener, once.
func (s *serving) close() { s.closed.Do(func() { _ = s.ln.Close() }) }

// end ends accepting, because of err.
func (s *serving) end(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.close()
}

// accept accepts for one loop, which gets one connection at a time.
func (s *serving) accept(l *Loop) {
	finished := false
	defer s.engine.streaming.Done()
	defer s.loops.Done()
	defer func() {
		if !finished {
			p := recover()
			s.end(fmt.Errorf("net.Listener.Accept: %w", ErrPanic))
			l.report("net.Listener.Accept", p)
		}
	}()
	pause := firstPause
	for {
		nc, err := s.ln.Accept()
		switch {
		case err == nil:
			s.engine.accepts.Succeeded()
			pause = firstPause
			s.add(l, nc)
			continue
		case !passes(err) || s.engine.refusing.Load():
			s.end(err)
			finished = true
			return
		}
		s.engine.accepts.Failed(err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		case <-s.engine.refused:
		}
	}
}

// add makes nc, which may be foreign code, a connection of l.
func (s *serving) add(l *Loop, nc net.Conn) {
	finished := false
	defer func() {
		if !finished {
			l.report("net.Conn", recover())
		}
	}()
	cfg := &s.engine.cfg
	goroutine.SetBuffers(nc, cfg.SocketRecvBuffer, cfg.SocketSendBuffer)
	accept := s.choose(nc)
	if s.tls != nil && (l.sockets == nil || !l.sockets.Holds(nc)) {
		s.engine.acceptTLS(nc, l, &handoff{accept: accept, tls: s.tls})
		finished = true
		return
	}
	err := s.engine.AdoptWith(nc, AdoptOptions{Loop: l, TLS: s.tls}, accept)
	if err != nil && err != ErrRejected && err != ErrShutdown {
		cfg.Logger.Debug("loop: a connection was not added", "error", err)
	}
	finished = true
}

// passes reports whether Accept may succeed later.
func passes(err error) bool {
	var temporary interface{ Temporary() bool }
	if errors.As(err, &temporary) && temporary.Temporary() {
		return true
	}
	for _, shortage := range []error{syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, shortage) {
			return true
		}
	}
	return false
}
