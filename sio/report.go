package sio

import (
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/logscope"
)

// What becomes of clients and sockets is logged at debug level. The functions
// of this part build nothing unless the logger takes it.

// logs are the server's loggers for details.
type logs struct{ client, socket logscope.Logger }

func newLogs(l *slog.Logger) logs {
	return logs{logscope.Of(l, logscope.Client), logscope.Of(l, logscope.Socket)}
}

func (s *Socket) logConnected() {
	if log := &s.ns.srv.logs.socket; log.Details() {
		log.Detail("sio: socket connected",
			slog.String("namespace", s.ns.name),
			slog.String("socket", s.ID()),
			slog.String("client", s.client.Session.LogID()),
			slog.Bool("recovered", s.Recovered()))
	}
}

// logDisconnected gives cause, which may be nil, beside the reason.
func (s *Socket) logDisconnected(reason Reason, cause error) {
	log := &s.ns.srv.logs.socket
	if !log.Details() {
		return
	}
	attrs := []slog.Attr{
		slog.String("namespace", s.ns.name),
		slog.String("socket", s.ID()),
		slog.String("client", s.client.Session.LogID()),
		slog.String("reason", string(reason)),
	}
	if cause != nil {
		attrs = append(attrs, slog.Any("error", cause))
	}
	log.Detail("sio: socket disconnected", attrs...)
}

// logRefused logs that the client may not join a namespace.
func (c *client) logRefused(namespace, message string) {
	if !c.srv.logs.client.Details() {
		return
	}
	text := "sio: namespace refused"
	if message == invalidNamespace {
		text = "sio: unknown namespace"
	}
	c.srv.logs.client.Detail(text,
		slog.String("namespace", withoutQuery(namespace)),
		slog.String("client", c.Session.LogID()),
		slog.String("reason", message))
}

// withoutQuery leaves out of a namespace's name what a client has put behind
// it: with protocol 4 that is where tokens are.
func withoutQuery(namespace string) string {
	name, _, _ := strings.Cut(namespace, "?")
	return name
}

// logInvalid logs a packet that can't be decoded.
func (c *client) logInvalid(err error) {
	if c.srv.logs.client.Details() {
		c.srv.logs.client.Detail("sio: invalid packet", slog.String("client", c.Session.LogID()), slog.Any("error", err))
	}
}

// logOutOfOrder logs a packet that the client may not send now.
func (c *client) logOutOfOrder(h socketio.Header, s *Socket) {
	if !c.srv.logs.client.Details() {
		return
	}
	state := "not joined"
	switch {
	case c.isJoining(h.Namespace):
		state = "connecting"
	case s != nil:
		state = [...]string{"unused", "connecting", "connected", "disconnected", "disconnected"}[s.state.Load()]
	}
	c.srv.logs.client.Detail("sio: packet out of order",
		slog.String("client", c.Session.LogID()),
		slog.String("namespace", withoutQuery(string(h.Namespace))),
		slog.String("packet", h.Type.String()),
		slog.String("state", state))
}

// tracePacket logs the type of a packet. The namespace is nil where it is not
// known.
func (c *client) tracePacket(message string, kind socketio.PacketType, namespace []byte, attachments int) {
	log := &c.srv.logs.client
	if !log.Traces() {
		return
	}
	attrs := []slog.Attr{slog.String("client", c.Session.LogID()), slog.String("type", kind.String())}
	if namespace != nil {
		attrs = append(attrs, slog.String("namespace", withoutQuery(string(namespace))))
	}
	if attachments > 0 {
		attrs = append(attrs, slog.Int("attachments", attachments))
	}
	log.Trace(message, attrs...)
}

// logEnded logs why the server closes a client's connection.
func (c *client) logEnded(cause error) {
	if c.srv.logs.client.Details() {
		c.srv.logs.client.Detail("sio: closing a connection", slog.String("client", c.Session.LogID()), slog.Any("error", cause))
	}
}

// logFailed logs what a handler of an event has returned.
func (s *Socket) logFailed(message, event string, err error) {
	if log := &s.ns.srv.logs.socket; log.Details() {
		log.Detail(message,
			slog.String("namespace", s.ns.name),
			slog.String("socket", s.ID()),
			slog.String("event", event),
			slog.Any("error", err))
	}
}

// User code may end in three ways: it returns, it panics, or it ends its
// goroutine by runtime.Goexit, as a test's FailNow does. Goexit cannot be
// prevented: deferred functions run, and nothing else. Therefore what has to
// follow user code is deferred, or the code runs where the end does no harm: on
// the socket's worker, which is replaced (package workers), within
// [loop.Loop.Contain], or apart. A loop survives it anywhere, but what the loop
// is about, the bytes of one connection, ends with that connection: so it is
// with an inline handler, the fastest of all.

// ErrGoexit is what [Config.OnPanic] is given for a handler that has called
// runtime.Goexit.
var ErrGoexit = errors.New("sio: the handler has ended its goroutine")

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
