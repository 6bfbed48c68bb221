package eio

import (
	"bytes"
	"slices"

	"github.com/sioserver/sioserver/loop"
)

// A request outside of Config.Path is foreign. If Config.Fallback is set, its
// connection leaves the loop and is served by a net/http server
// (foreignserver.go) until that has answered. So handlers have all that
// net/http offers, and what they cost is paid for these requests alone:
//
//	loop ── foreign request ──► net/http ─┬─ no request for lingerIdle ──► loop
//	                                      ├─ any other request ──────────► loop
//	                                      └─ Hijack ──► the handler's own
//
// net/http gets no byte that is not a foreign request's, by the loop's own
// rules (foreignread.go). So both see the same requests, however lenient
// net/http is.
//
// In net/http a connection holds a place, of which there are
// Config.MaxCallbacks. Without a free place it waits on its loop, unread.

// foreignCall is a foreign request that waits for a place.
type foreignCall struct {
	h    *httpConn
	slot callbackSlot
	head []byte
}

// passOn hands the connection to net/http, with the head of its request and the
// rest of what has arrived.
func (h *httpConn) passOn(head, rest []byte) {
	places := &h.home.srv.foreign.places
	if places.take() {
		h.leave(slices.Concat(head, rest))
		return
	}
	call := &foreignCall{h: h, head: bytes.Clone(head)}
	h.exchange = call
	h.c.Pause(nil)
	places.await(&call.slot, func() {
		if !h.home.loop.Post(call) {
			places.next()
		}
	})
}

// leave detaches the connection, with unread, for net/http. It has a place.
func (h *httpConn) leave(unread []byte) {
	f := h.home.srv.foreign
	c := &foreignConn{server: f, loop: h.home.loop, remote: h.c.RemoteAddr(), secure: h.secure}
	if !h.c.Detach(unread, c.arrive) {
		f.places.next()
	}
	h.release()
}

func (call *foreignCall) complete(*httpConn, []byte) {}

func (call *foreignCall) refused(*httpConn, error) {}

func (call *foreignCall) aborted(h *httpConn) { h.home.srv.foreign.places.withdraw(&call.slot) }

// Run continues with a place, unless the connection is gone.
func (call *foreignCall) Run(*loop.Loop) {
	h := call.h
	if h.exchange != exchange(call) {
		h.home.srv.foreign.places.next()
		return
	}
	h.leave(append(call.head, h.pending()...))
}

// takeBack serves a connection that net/http has given back. It returns when
// the connection is on its loop.
func (srv *Server) takeBack(c *foreignConn) {
	options := loop.AdoptOptions{Unread: c.unread, Remote: c.remote, Loop: c.loop}
	err := c.loop.Engine().AdoptWith(c.Conn, options, func(lc *loop.Conn) loop.Handler {
		h := srv.accept(lc, c.secure)
		if len(c.unread) == 0 {
			lc.Loop().Arm(&h.timer, srv.cfg.IdleTimeout)
		}
		return h
	})
	if err != nil {
		srv.cfg.Logger.Debug("eio: a connection of net/http was not taken back", "error", err)
	}
}
