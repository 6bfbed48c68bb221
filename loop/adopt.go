package loop

import (
	"net"
	"net/netip"
)

// AdoptOptions are the options of AdoptWith.
type AdoptOptions struct {
	// Unread is delivered before anything else. It is copied.
	Unread []byte
	// Remote, if valid, replaces the connection's own address of the peer, for
	// instance by one that a trusted proxy has named.
	Remote netip.AddrPort
	// Loop is the engine's loop that gets the connection; nil means the next
	// one in turn.
	Loop *Loop
	// TLS, when set, encrypts the connection: Unread and what follows are
	// records. accept is called when the handshake has succeeded.
	TLS *TLS
}

// Adopt is AdoptWith with Unread only.
func (e *Engine) Adopt(nc net.Conn, unread []byte, accept func(c *Conn) Handler) error {
	return e.AdoptWith(nc, AdoptOptions{Unread: unread}, accept)
}

// AdoptWith adds a connection to the engine that was accepted elsewhere, such
// as a hijacked one of net/http. nc is consumed, also on failure, and its
// deadlines are removed. accept is called as by Listen, then o.Unread is
// delivered, then AdoptWith returns. So it must not be called on a loop's
// goroutine. The error is ErrShutdown, ErrRejected or the system's.
//
// The descriptor of a *net.TCPConn or of a stream *net.UnixConn is added to the
// loop's poller: such a connection is like those of Listen. Any other
// connection, such as a *tls.Conn, is driven by goroutines. While it is idle
// that takes one goroutine and 5.4 KB (11 KB with what a TLS connection needs)
// instead of 0.5 KB. Every read and every flush costs a change of goroutines,
// and Frames are copied. Such a Conn differs in this:
//
//   - Queued and Flushed count as taken what was passed to the writing
//     goroutine, up to 128 KiB.
//   - Close gives that goroutine half a second to write it.
//   - If nc has no CloseWrite method, CloseAfterFlush closes it instead of
//     ending its sending half.
//
// nc's methods must allow one Read, one Write and a Close at the same time, as
// those of package net do, and Close must end the other two.
func (e *Engine) AdoptWith(nc net.Conn, o AdoptOptions, accept func(c *Conn) Handler) error {
	h := (*host)(e)
	if !h.BeginAttach() {
		_ = nc.Close()
		return ErrShutdown
	}
	defer h.EndAttach()
	l := e.choose(o.Loop)
	t := &handoff{accept: accept, unread: append([]byte(nil), o.Unread...), remote: o.Remote, tls: o.TLS}
	if s, below := comeBack(nc); s != nil {
		t.secured, nc = s, below
	}
	switch {
	case l.sockets != nil && l.sockets.Holds(nc):
		return l.sockets.Enroll(nc, t)
	case o.TLS != nil:
		return e.streamTLS(nc, l, t)
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
