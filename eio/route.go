package eio

import (
	"bytes"
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// route finds out what serves a request. b[:n] is its head, and b all that has
// arrived.
func (h *httpConn) route(req *http1.Request, b []byte, n int) {
	srv := h.home.srv.site(req.Path)
	if srv != h.home.srv {
		o := h.home.outer
		h.home = srv.perLoop(h.c.Loop())
		h.home.outer = o
	}
	h.fields, h.request = h.fields[:0], nil
	if o := h.home.outer; o != nil {
		h.addHeaders(o.header)
	}
	if !bytes.HasPrefix(req.Path, []byte(srv.prefix)) {
		if srv.foreign != nil && h.c.CanDetach() {
			h.passOn(req.Head(), b[n:])
		} else {
			h.callFallback(srv.cfg.Fallback, req)
		}
		return
	}
	if !srv.origins.admits(req) && string(req.Method) != http.MethodOptions && srv.static(req.Path) == nil {
		h.refuseAny(req, refuseForbidden, ErrorContext{Name: "ORIGIN_NOT_ALLOWED"})
		return
	}
	q := parseQuery(req)
	if node, ok := srv.elsewhere(q.sid); ok && forwardable(req) {
		h.forward(req, node)
		return
	}
	if home := srv.homeOf(q.sid); home != nil && home != h.home {
		h.moveHome(home, q.sid, b)
		return
	}
	if srv.cfg.CORS != nil && h.cors(req) {
		return
	}
	if handler := srv.static(req.Path); handler != nil {
		h.callFallback(handler, req)
		return
	}
	if q.sid == "" && srv.limiter != nil && h.exceeds(req) {
		return
	}
	if srv.middleware != nil {
		h.askMiddleware(req)
		return
	}
	h.admit(req, b[n:])
}

// static returns the handler of Config.Static for a path under the prefix; nil
// without one.
func (srv *Server) static(path []byte) http.Handler {
	if len(srv.cfg.Static) == 0 {
		return nil
	}
	name := path[len(srv.prefix):]
	if srv.cfg.NoTrailingSlash {
		if len(name) == 0 || name[0] != '/' {
			return nil
		}
		name = name[1:]
	}
	return srv.cfg.Static[string(name)]
}

// homeOf returns the loop's part of the server that owns the session named sid,
// as far as the sid alone shows it; nil when none does.
func (srv *Server) homeOf(sid string) *perLoop {
	if sid == "" {
		return nil
	}
	if srv.cfg.GenerateID != nil {
		if s, ok := srv.named.Load(sid); ok {
			return s.(*Session).home
		}
		return nil
	}
	id, ok := parseSessionID(sid)
	if !ok || srv.forwarder != nil && id.node() != srv.forwarder.node {
		return nil
	}
	return srv.perLoops[id.loop()].Load()
}

// find returns the session named sid if it belongs to this loop; otherwise nil.
func (pl *perLoop) find(sid string) *Session {
	if pl.srv.cfg.GenerateID != nil {
		if s, ok := pl.srv.named.Load(sid); ok && s.(*Session).home == pl {
			return s.(*Session)
		}
		return nil
	}
	id, ok := parseSessionID(sid)
	if !ok || id.loop() != pl.loop.Index() {
		return nil
	}
	return pl.session(&id)
}

// query holds the parameters that the engine understands. An empty sid is none.
type query struct {
	sid, transport string
	v4, b64        bool
}

func parseQuery(req *http1.Request) (q query) {
	value := func(key string) []byte {
		v, _ := http1.QueryValue(req.RawQuery, key)
		return v
	}
	q = query{
		sid: string(value("sid")),
		v4:  string(value("EIO")) == "4",
		b64: len(value("b64")) > 0,
	}
	switch v := value("transport"); string(v) {
	case polling:
		q.transport = polling
	case webSocket:
		q.transport = webSocket
	default:
		q.transport = string(v)
	}
	return q
}

func (q query) wireFormat() wireFormat { return wireFormat{v3: !q.v4, b64: q.b64} }

// isUpgrade reports whether the request asks for another protocol that the
// engine may speak. Without WebSocket enabled all requests are plain.
func (h *httpConn) isUpgrade(req *http1.Request) bool {
	return req.Upgrade && h.home.srv.cfg.enabled(webSocket)
}

// admit verifies a request of the engine, in the protocol's order, and serves
// it. rest is what has arrived behind the head.
func (h *httpConn) admit(req *http1.Request, rest []byte) {
	q := parseQuery(req)
	cfg := &h.home.srv.cfg
	switch {
	case !cfg.enabled(q.transport) && !(q.transport == polling && h.isUpgrade(req)):
		h.refuseAny(req, refuseTransport, ErrorContext{Transport: q.transport})
	case q.sid != "":
		h.admitToSession(req, q, rest)
	case string(req.Method) != http.MethodGet:
		h.refuseEngine(req, refuseMethod, ErrorContext{Method: string(req.Method)})
	case q.transport == webSocket && !h.isUpgrade(req):
		h.refuseEngine(req, refuseRequest, ErrorContext{Name: "TRANSPORT_HANDSHAKE_ERROR"})
	case h.home.srv.refuses():
		h.refuseLeaving(req)
	case cfg.AllowRequest != nil || cfg.GenerateID != nil:
		h.askPermission(req)
	default:
		h.handshake(req, "", rest)
	}
}

// admitToSession serves a request that names a session, behind those that were
// read before it.
func (h *httpConn) admitToSession(req *http1.Request, q query, rest []byte) {
	if s := h.home.find(q.sid); s != nil && s.polling != nil && h.waitInQueue(req, s) {
		return
	}
	h.serve(req, q, rest)
}

// serve serves a request that names a session.
func (h *httpConn) serve(req *http1.Request, q query, rest []byte) {
	s := h.home.find(q.sid)
	if s != nil {
		s.punctual()
	}
	switch {
	case s == nil || s.core.state == StateClosed:
		h.refuseAny(req, refuseSession, ErrorContext{SID: q.sid})
	case !h.isUpgrade(req) && q.transport != s.Transport():
		h.refuseEngine(req, refuseRequest, ErrorContext{
			Name: "TRANSPORT_MISMATCH", Transport: q.transport, PreviousTransport: s.Transport(),
		})
	case q.wireFormat().v3 != s.core.wireFormat.v3:
		h.refuseAny(req, refuseRequest, ErrorContext{
			Name: "PROTOCOL_MISMATCH", Protocol: q.wireFormat().protocol(), PreviousProtocol: s.Protocol(),
		})
	case h.isUpgrade(req):
		h.upgrade(req, s, q, rest)
	case q.transport == webSocket:
		h.refuseEngine(req, refuseRequest, ErrorContext{Name: "TRANSPORT_HANDSHAKE_ERROR"})
	case string(req.Method) == http.MethodGet:
		h.poll(req, s)
	case string(req.Method) == http.MethodPost:
		h.receive(req, s)
	default:
		h.last = h.last || req.HasBody()
		h.respond(500, "", nil)
	}
}
