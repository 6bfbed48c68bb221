package sio

import "runtime/debug"

// runHandler calls a handler of an event and reports what comes of it.
func (srv *Server) runHandler(h *handler, e *Event) {
	s, name := e.socket, e.name
	defer srv.rescue(s, name, nil)
	if err := h.call((*socketContext)(s), e); err != nil {
		srv.reportError(s, name, err)
	}
}

// runPacketMiddleware calls a packet middleware.
func (srv *Server) runPacketMiddleware(h *handler, e *Event) (err error) {
	defer srv.rescue(e.socket, e.name, func() { err = errMiddleware })
	return h.call((*socketContext)(e.socket), e)
}

// runHook calls a handler that is not of an event.
func (srv *Server) runHook(s *Socket, event string, call func()) {
	defer srv.rescue(s, event, nil)
	call()
}

// reportError tells the operator and the application of a handler's error.
func (srv *Server) reportError(s *Socket, event string, err error) {
	srv.countError(s, "sio: handler failed", event, err)
}

// countError is reportError with the text for the log.
func (srv *Server) countError(s *Socket, message, event string, err error) {
	srv.stats.errors.Add(1)
	s.logFailed(message, event, err)
	srv.tellError(s, event, err)
}

// tellError tells the application of an error.
func (srv *Server) tellError(s *Socket, event string, err error) {
	if srv.cfg.OnError != nil {
		srv.protect(event, func() { srv.cfg.OnError(s, event, err) })
	}
}

// protect calls a hook that belongs to no socket: its panic is logged and counted.
func (srv *Server) protect(event string, call func()) {
	defer func() {
		if v := recover(); v != nil {
			srv.stats.panics.Add(1)
			srv.cfg.Logger.Error("sio: hook panicked", "event", event, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	call()
}

// rescue is deferred around every handler: its panic is logged, counted and
// reported, and after, which may be nil, limits the damage.
func (srv *Server) rescue(s *Socket, event string, after func()) {
	v := recover()
	if v == nil {
		return
	}
	stack := debug.Stack()
	srv.stats.panics.Add(1)
	srv.cfg.Logger.Error("sio: handler panicked",
		"namespace", s.ns.name, "socket", s.ID(), "event", event, "panic", v, "stack", string(stack))
	if after != nil {
		after()
	}
	if srv.cfg.OnPanic != nil {
		srv.protect(event, func() { srv.cfg.OnPanic(s, event, v, stack) })
	}
}
