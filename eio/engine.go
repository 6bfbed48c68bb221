package eio

import (
	"bytes"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/http1"
	"github.com/sioserver/sioserver/loop"
)

// route finds out who serves a request. b[:n] is its head, and b all that has
// arrived.
func (h *httpConn) route(req *http1.Request, b []byte, n int) {
	cfg := &h.home.srv.cfg
	if !bytes.HasPrefix(req.Target, []byte(cfg.Path)) {
		h.callForeign(cfg.Fallback, req)
		return
	}
	if cfg.Static != nil {
		if handler := cfg.Static(string(req.Target)); handler != nil {
			h.callForeign(handler, req)
			return
		}
	}
	q := parseQuery(req)
	if q.sid != "" {
		h.routeSession(req, q, b, n)
		return
	}
	if !cfg.enabled(q.transport) {
		if !h.isUpgrade(req) || q.transport != polling {
			h.refuseAny(req, refuseTransport)
			return
		}
	}
	switch {
	case string(req.Method) != "GET":
		h.refuseEngine(refuseMethod)
	case q.transport == webSocket && !h.isUpgrade(req):
		h.refuseEngine(refuseRequest)
	case !q.v4:
		h.refuseAny(req, refuseProtocol)
	case h.home.srv.closing.Load():
		h.refuseAny(req, refuseOverloaded)
	case h.isUpgrade(req):
		h.upgrade(req, nil, q, b[n:])
	default:
		h.handshake(req)
	}
}

// query are the parameters that the engine understands. An empty sid is none.
type query struct {
	sid, transport string
	v4             bool
}

func parseQuery(req *http1.Request) (q query) {
	value := func(key string) string {
		v, _ := http1.QueryValue(req.RawQuery, key)
		return string(v)
	}
	return query{sid: value("sid"), transport: value("transport"), v4: value("EIO") == "4"}
}

// isUpgrade reports whether the request asks for another protocol that the
// engine would speak; without WebSocket enabled all requests are plain.
func (h *httpConn) isUpgrade(req *http1.Request) bool {
	return req.Upgrade && h.home.srv.cfg.enabled(webSocket)
}

// routeSession serves a request that names a session, on the session's own loop.
func (h *httpConn) routeSession(req *http1.Request, q query, b []byte, n int) {
	srv := h.home.srv
	if !srv.cfg.enabled(q.transport) {
		h.refuseAny(req, refuseTransport)
		return
	}
	id, ok := parseSessionID(q.sid)
	if ok && id.loop() != h.home.loop.Index() {
		if to := srv.shards[id.loop()].Load(); to != nil {
			h.phase = httpGone
			h.c.MoveTo(to.loop, b, srv.Accept)
			return
		}
	}
	var s *Session
	if ok {
		s = h.home.find(&id)
	}
	if s != nil {
		s.tick()
	}
	switch {
	case s == nil || s.core.state == StateClosed:
		h.refuseAny(req, refuseSession)
	case !h.isUpgrade(req) && q.transport != s.Transport():
		h.refuseEngine(refuseRequest)
	case !q.v4:
		h.refuseAny(req, refuseRequest)
	case h.isUpgrade(req):
		h.upgrade(req, s, q, b[n:])
	case q.transport == webSocket:
		h.refuseEngine(refuseRequest)
	case string(req.Method) == "GET":
		h.poll(s)
	case string(req.Method) == "POST":
		h.receive(req, s)
	default:
		h.respond(500, "", nil)
	}
}

// refuseAny refuses a plain request or an upgrade, each in its own form.
func (h *httpConn) refuseAny(req *http1.Request, r refusal) {
	if !h.isUpgrade(req) {
		h.refuseEngine(r)
		return
	}
	h.refuseUpgrade(r.message)
}

// refuseUpgrade answers an upgrade with 400 and a text and ends the connection.
func (h *httpConn) refuseUpgrade(text string, extra ...http1.Field) {
	h.last = true
	h.respond(400, textHTML, []byte(text), extra...)
}

// handshake opens a session over polling.
func (h *httpConn) handshake(req *http1.Request) {
	s := h.home.open(req, h.c)
	if s == nil {
		h.refuseEngine(refuseOverloaded)
		return
	}
	s.polling = new(pollingSide)
	open := s.openPacket(h.home.srv.offered)
	h.respondPackets([]*Packet{open})
	open.Release()
	s.start()
}

// open makes a session for the handshake req; nil when there is no room for one.
func (sh *shard) open(req *http1.Request, c *loop.Conn) *Session {
	s := sh.srv.upper.NewSession()
	s.home = sh
	if !sh.add(s) {
		return nil
	}
	s.request = newRequest(req)
	s.remote = makeEndpoint(c.RemoteAddr())
	s.timer.Init((*sessionTimer)(s))
	s.core.open(sh.srv.timing, s.now(), false)
	return s
}

// start tells the upper layer, once the open packet is on its way.
func (s *Session) start() {
	s.rearm()
	s.home.srv.upper.Opened(s)
	if s.home.srv.cfg.DiscardRequest {
		s.request = nil
	}
}

// openPacket is the first packet of a session (Engine.IO protocol, "handshake").
func (s *Session) openPacket(upgrades []string) *Packet {
	cfg := &s.home.srv.cfg
	return newPacketOf(engineio.Open, engineio.AppendHandshake(nil, engineio.Handshake{
		SID:          s.ID(),
		Upgrades:     upgrades,
		PingInterval: cfg.PingInterval,
		PingTimeout:  cfg.PingTimeout,
		MaxPayload:   cfg.MaxHTTPBufferSize,
	}))
}

// poll parks a GET of s, or answers it at once.
func (h *httpConn) poll(s *Session) {
	if s.core.poll {
		s.core.pollArrived(s)
		h.respond(400, "", nil)
		return
	}
	h.exchange = (*getExchange)(s)
	s.polling.get = h
	s.core.pollArrived(s)
}

// receive reads a POST of s.
func (h *httpConn) receive(req *http1.Request, s *Session) {
	if string(req.Header("Content-Type")) == "application/octet-stream" {
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
	s.polling.post = h
	h.readBody(req, (*postExchange)(s))
}

// getExchange is a parked GET.
type getExchange Session

func (x *getExchange) complete(*httpConn, []byte) {}

func (x *getExchange) refused(*httpConn, error) {}

func (x *getExchange) aborted(h *httpConn) {
	s := (*Session)(x)
	s.polling.get = nil
	s.core.pollAborted(s)
}

// postExchange is a POST whose body is being received.
type postExchange Session

func (x *postExchange) complete(h *httpConn, body []byte) {
	s := (*Session)(x)
	s.detachPost(h)
	s.core.posted(s, s.home.srv.timing, s.now(), engineio.ToValidText(body))
	h.respond(200, textHTML, []byte("ok"), noStore)
}

// refused leaves the session alive: it was told about the size in the handshake.
func (x *postExchange) refused(h *httpConn, err error) {
	s := (*Session)(x)
	if s.detachPost(h) {
		s.core.postRefused()
	}
}

func (x *postExchange) aborted(h *httpConn) {
	s := (*Session)(x)
	if s.detachPost(h) {
		s.core.postAborted(s)
	}
}

// detachPost forgets h as the session's POST and reports whether it was.
func (s *Session) detachPost(h *httpConn) bool {
	if s.polling == nil || s.polling.post != h {
		return false
	}
	s.polling.post = nil
	return true
}
