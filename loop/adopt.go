package loop

import (
	"net"
	"net/netip"
)

// AdoptOptions is what AdoptWith can be told about a connection.
type AdoptOptions struct {
	// Unread is delivered before anything else. It is copied.
	Unread []byte
	// Remote replaces the address that the connection tells, for instance by
	// one that a trusted proxy has named.
	Remote netip.AddrPort
	// Loop is the engine's loop that gets the connection; nil means the next
	// one in turn.
	Loop *Loop
}

// Adopt is AdoptWith for a connection of which only unread is known.
func (e *Engine) Adopt(nc net.Conn, unread []byte, accept func(c *Conn) Handler) error {
	return e.AdoptWith(nc, AdoptOptions{Unread: unread}, accept)
}

// AdoptWith makes a connection that was accepted elsewhere, such as a hijacked
// one of net/http, one of the engine's. nc is consumed, also on failure, and
// deadlines that are set on it are lifted. accept is called as by Listen, then
// what is unread is delivered; AdoptWith returns when that has happened, so it
// must not be called on a loop's goroutine. The error is ErrShutdown,
// ErrRejected or the system's.
//
// The descriptor of a plain *net.TCPConn or of a stream *net.UnixConn goes to
// the loop's poller: such a connection is like those of Listen. Any other
// connection, such as a *tls.Conn, is driven by goroutines. While it is idle
// that is one goroutine and 5.4 KB (11 KB with what a TLS connection needs)
// beside the 0.5 KB of others; every read and every flush costs a change of
// goroutines, and Frames are copied. A Conn over it behaves the same but for
// this: Queued and Flushed take for written what was handed to the writing
// goroutine (up to 128 KiB), Close leaves that goroutine half a second to write
// it, and CloseAfterFlush closes a connection that has no CloseWrite method
// instead of ending its sending half. Its methods must tolerate one Read, one
// Write and a Close at the same time, as those of package net do, and Close
// must end the other two.
func (e *Engine) AdoptWith(nc net.Conn, o AdoptOptions, accept func(c *Conn) Handler) error {
	h := (*host)(e)
	if !h.BeginAttach() {
		_ = nc.Close()
		return ErrShutdown
	}
	defer h.EndAttach()
	l := e.choose(o.Loop)
	t := &handoff{accept: accept, unread: append([]byte(nil), o.Unread...), remote: o.Remote}
	if l.sockets != nil && l.sockets.Holds(nc) {
		return l.sockets.Enroll(nc, t)
	}
	return e.stream(nc, l, t)
}

// choose returns l, or the next loop in turn when l is nil.
func (e *Engine) choose(l *Loop) *Loop {
	if l != nil {
		return l
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l = e.loops[e.next%len(e.loops)]
	e.next++
	return l
}
