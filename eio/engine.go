package eio

import (
	"bytes"
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// route finds out who serves a request. b[:n] is its head, and b all that has
// arrived.
func (h *httpConn) route(req *http1.Request, b []byte, n int) {
	srv := h.home.srv.site(req.Path)
	if srv != h.home.srv {
		h.home = srv.shard(h.c.Loop())
	}
	h.extra, h.request = h.extra[:0], nil
	if !bytes.HasPrefix(req.Path, []byte(srv.prefix)) {
		h.callForeign(srv.cfg.Fallback, req)
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
		h.callForeign(handler, req)
		return
	}
	if srv.middleware != nil {
		h.askMiddleware(req)
		return
	}
	h.admit(req, b[n:])
}

// static is the handler of Config.Static for a path under the prefix; nil without one.
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

// homeOf is the loop's part of the server that owns the session named sid, as
// far as the sid alone tells; nil when none does.
func (srv *Server) homeOf(sid string) *shard {
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
	return srv.shards[id.loop()].Load()
}

// find returns the session named sid, or nil. It belongs to this loop.
func (sh *shard) find(sid string) *Session {
	if sh.srv.cfg.GenerateID != nil {
		if s, ok := sh.srv.named.Load(sid); ok && s.(*Session).home == sh {
			return s.(*Session)
		}
		return nil
	}
	id, ok := parseSessionID(sid)
	if !ok || id.loop() != sh.loop.Index() {
		return nil
	}
	return sh.session(&id)
}

// query are the parameters that the engine understands. An empty sid is none.
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

func (q query) form() form { return form{v3: !q.v4, b64: q.b64} }

// isUpgrade reports whether the request asks for another protocol that the
// engine would speak; without WebSocket enabled all requests are plain.
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
	case h.home.srv.closing.Load():
		h.refuseAny(req, refuseOverloaded, ErrorContext{})
	case cfg.AllowRequest != nil || cfg.GenerateID != nil:
		h.askPermission(req)
	default:
		h.handshake(req, "", rest)
	}
}

// admitToSession serves a request that names a session, in its turn.
func (h *httpConn) admitToSession(req *http1.Request, q query, rest []byte) {
	if s := h.home.find(q.sid); s != nil && s.polling != nil && h.standInLine(req, s) {
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
	case q.form().v3 != s.core.form.v3:
		h.refuseAny(req, refuseRequest, ErrorContext{
			Name: "PROTOCOL_MISMATCH", Protocol: q.form().protocol(), PreviousProtocol: s.Protocol(),
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

// handshake opens a session, with the sid given or one of the server's own.
func (h *httpConn) handshake(req *http1.Request, sid string, rest []byte) {
	q := parseQuery(req)
	switch {
	case h.home.srv.closing.Load():
		h.refuseAny(req, refuseOverloaded, ErrorContext{})
	case !q.v4 && !h.home.srv.cfg.AllowEIO3:
		h.refuseAny(req, refuseProtocol, ErrorContext{Protocol: 3})
	case h.isUpgrade(req):
		h.upgradeNew(req, sid, q, rest)
	default:
		h.handshakePolling(req, sid, q)
	}
}

func (h *httpConn) handshakePolling(req *http1.Request, sid string, q query) {
	s := h.home.open(h.newRequest(req), h.c, sid, q.form())
	if s == nil {
		h.refuseEngine(req, refuseOverloaded, ErrorContext{})
		return
	}
	s.polling = new(pollingSide)
	if j, ok := http1.QueryValue(req.RawQuery, "j"); ok {
		callback := string(j)
		s.polling.callback = &callback
	}
	h.beginAnswer(req)
	if cookie := h.home.srv.cfg.Cookie; cookie != nil {
		h.extra = append(h.extra, http1.Field{Name: "Set-Cookie", Value: cookie.value(s.ID())})
	}
	h.initial = true
	packets := s.openPackets(h.home.srv.offered)
	h.send(h.composePackets(s, packets))
	releaseAll(packets)
	s.start()
}

// poll parks a GET of s, or answers it at once.
func (h *httpConn) poll(req *http1.Request, s *Session) {
	h.beginAnswer(req)
	if s.core.poll {
		s.core.pollArrived(s)
		h.respond(400, "", nil)
		return
	}
	h.exchange = (*getExchange)(s)
	s.polling.get = h
	s.core.pollArrived(s)
	if s.polling.get == h && !h.last {
		h.phase = httpParked
	}
}

// receive reads a POST of s.
func (h *httpConn) receive(req *http1.Request, s *Session) {
	h.beginAnswer(req)
	octets := string(req.Header("Content-Type")) == octetStream
	if octets && !s.core.form.v3 {
		s.core.end(s, TransportError, ErrInvalidContent)
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	if !s.core.postBegan(s) {
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	s.polling.post, s.polling.octets = h, octets
	h.readBody(req, (*postExchange)(s))
}
