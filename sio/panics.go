package sio

import (
	"errors"
	"runtime"
	"runtime/debug"

	"github.com/sioserver/sioserver/loop"
)

// User code may end in three ways: it returns, it panics, or it ends its
// goroutine by runtime.Goexit, as a test's FailNow does. Goexit cannot be
// prevented: deferred functions run, and nothing else. Therefore what has to
// follow user code is deferred, or the code runs where the end does no harm: on
// the socket's worker, which is replaced (type workers), within
// [loop.Loop.Contain], or apart. A loop survives it anywhere, but what the loop
// is about, the bytes of one connection, ends with that connection: so it is
// with an inline handler, the fastest of all.

// ErrGoexit is what [Config.OnPanic] is given for a handler that has called
// runtime.Goexit.
var ErrGoexit = errors.New("sio: the handler has ended its goroutine")

// runHandler calls a handler of an event and reports what comes of it.
func (srv *Server) runHandler(h *handler, e *Event) {
	s, name, finished := e.socket, e.name, false
	defer srv.rescue(s, name, &finished, nil)
	if err := h.run(e); err != nil {
		srv.reportError(s, name, err)
	}
	finished = true
}

// run calls a handler with the context of the socket, or one of its own once
// the socket's client has left.
func (h *handler) run(e *Event) error {
	if e.socket.state.Load() == stateLeft {
		return h.callLate(e)
	}
	return h.call((*socketContext)(e.socket), e)
}

// runPacketMiddleware calls a packet middleware.
func (srv *Server) runPacketMiddleware(h *handler, e *Event) (err error) {
	finished := false
	defer srv.rescue(e.socket, e.name, &finished, func() { err = errMiddleware })
	err = h.run(e)
	finished = true
	return err
}

// runHook calls a handler that is not of an event.
func (srv *Server) runHook(s *Socket, event string, call func()) {
	finished := false
	defer srv.rescue(s, event, &finished, nil)
	call()
	finished = true
}

// reportError logs and counts a handler's error, and calls Config.OnError.
func (srv *Server) reportError(s *Socket, event string, err error) {
	srv.countError(s, "sio: handler failed", event, err)
}

// countError is reportError with the text for the log.
func (srv *Server) countError(s *Socket, message, event string, err error) {
	srv.stats.errors.Add(1)
	s.logFailed(message, event, err)
	srv.notifyError(s, event, err)
}

// notifyError calls Config.OnError.
func (srv *Server) notifyError(s *Socket, event string, err error) {
	if srv.cfg.OnError != nil {
		srv.protect(event, func() { srv.cfg.OnError(s, event, err) })
	}
}

// protect calls a hook that belongs to no socket: its panic is logged and
// counted.
func (srv *Server) protect(event string, call func()) {
	finished := false
	defer func() {
		runtime.UnlockOSThread() // see loop.Contain
		if !finished {
			v := ended(recover())
			srv.stats.panics.Add(1)
			srv.cfg.Logger.Error("sio: hook panicked", "event", event, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	call()
	finished = true
}

// protectOn is protect on loop l, whose burst goes on however the hook ends.
func (srv *Server) protectOn(l *loop.Loop, event string, call func()) {
	l.Contain(loop.TaskFunc(func() { srv.protect(event, call) }))
}

// apart is protect for a caller whose goroutine must not end.
func (srv *Server) apart(event string, call func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.protect(event, call)
	}()
	<-done
}

// rescue is deferred around every handler: one that has not finished is logged,
// counted and reported, and after, which may be nil, limits the damage.
func (srv *Server) rescue(s *Socket, event string, finished *bool, after func()) {
	runtime.UnlockOSThread() // see loop.Contain
	if *finished {
		return
	}
	v, stack := ended(recover()), debug.Stack()
	if after != nil {
		after()
	}
	srv.reportPanic(s, event, v, stack)
}

// reportPanic logs and counts a panic in the application's code, and calls
// Config.OnPanic.
func (srv *Server) reportPanic(s *Socket, event string, v any, stack []byte) {
	srv.stats.panics.Add(1)
	srv.cfg.Logger.Error("sio: handler panicked",
		"namespace", s.ns.name, "socket", s.ID(), "event", event, "panic", v, "stack", string(stack))
	if srv.cfg.OnPanic != nil {
		srv.protect(event, func() { srv.cfg.OnPanic(s, event, v, stack) })
	}
}

// ended is why user code has not returned, as seen by recover.
func ended(v any) any {
	if v == nil {
		return ErrGoexit
	}
	return v
}

// inTurn calls call with each of list, also when one of the calls ends the
// goroutine: then the others happen in a deferred function. They must not
// panic.
func inTurn[T any](list []T, call func(T)) {
	if len(list) == 1 {
		call(list[0])
		return
	}
	i := 0
	defer func() {
		if i < len(list) {
			inTurn(list[i+1:], call)
		}
	}()
	for ; i < len(list); i++ {
		call(list[i])
	}
}

// queueError gives an error of the socket to its error handlers: see
// [Namespace.OnError].
func (s *Socket) queueError(err error, onLoop bool) {
	s.mu.Lock()
	listens := s.extra != nil && len(s.extra.errors) > 0
	s.mu.Unlock()
	if !listens && len(s.ns.hooks.Load().errors) == 0 {
		return
	}
	s.enqueue(&errorJob{err}, onLoop)
}

// errorJob runs the error handlers of a socket.
type errorJob struct{ err error }

func (j *errorJob) size() int          { return 0 }
func (j *errorJob) lapses(uint32) bool { return false }
func (j *errorJob) drop(*Socket)       {}

func (j *errorJob) run(s *Socket) {
	srv := s.ns.srv
	defer func() {
		s.mu.Lock()
		var own []func(err error)
		if s.extra != nil {
			own = s.extra.errors
		}
		s.mu.Unlock()
		inTurn(own, func(h func(error)) { srv.runHook(s, "error", func() { h(j.err) }) })
	}()
	inTurn(s.ns.hooks.Load().errors, func(h func(*Socket, error)) {
		srv.runHook(s, "error", func() { h(s, j.err) })
	})
}
