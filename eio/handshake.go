package eio

import (
	"net/netip"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/http1"
)

// handshake opens a session with the given sid, or, if that is empty, with one
// of the server's own.
func (h *httpConn) handshake(req *http1.Request, sid string, rest []byte) {
	q := parseQuery(req)
	switch {
	case h.home.srv.refuses():
		h.refuseLeaving(req)
	case !q.v4 && !h.home.srv.cfg.AllowEIO3:
		h.refuseAny(req, refuseProtocol, ErrorContext{Protocol: 3})
	case h.isUpgrade(req):
		h.upgradeNew(req, sid, q, rest)
	default:
		h.handshakePolling(req, sid, q)
	}
}

func (h *httpConn) handshakePolling(req *http1.Request, sid string, q query) {
	s := h.home.open(h.newcomer(req), sid, q.wireFormat())
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
		h.fields = append(h.fields, http1.Field{Name: "Set-Cookie", Value: cookie.value(s.ID())})
	}
	h.initial = true
	packets := s.openPackets(h.home.srv.offered)
	h.send(h.composePackets(s, packets))
	releaseAll(packets)
	s.start()
}

// newcomer is the handshake of a session.
type newcomer struct {
	request *Request
	remote  netip.AddrPort
}

// newcomer returns the handshake req.
func (h *httpConn) newcomer(req *http1.Request) newcomer {
	o := h.origin(req)
	if o.Malformed {
		h.home.srv.proxies.malformed.Add(1)
	}
	return newcomer{h.newRequestFrom(req, o.Encrypted), o.Addr}
}

// open makes a session for the handshake n, with the given sid unless that is
// empty. It returns nil when there is no room for another session.
func (pl *perLoop) open(n newcomer, sid string, f wireFormat) *Session {
	s := pl.srv.upper.NewSession()
	s.home = pl
	if !s.Keep(len(n.request.head), false) {
		return nil
	}
	s.remote = makeEndpoint(n.remote)
	if !pl.admitted(s) {
		s.releaseRetained()
		return nil
	}
	if !pl.add(s, sid) {
		pl.departed(s)
		s.releaseRetained()
		return nil
	}
	s.request.Store(n.request)
	s.timer.Init((*sessionTimer)(s))
	s.core.watched = pl.srv.watch != nil
	s.core.open(pl.srv.timing, s.now(), f, false)
	return s
}

// start tells the upper layer of the session, once the open packet is sent.
func (s *Session) start() {
	s.rearm()
	s.home.transports.opened(s.core.webSocket)
	s.logOpened()
	s.home.srv.upper.Opened(s)
}

// openPackets returns the first packets of a session: the open packet
// (Engine.IO protocol, "handshake") and Config.InitialPacket. The caller must
// release them.
func (s *Session) openPackets(upgrades []string) []*EncodedPacket {
	cfg := &s.home.srv.cfg
	opening := NewEncodedPacket(false)
	b := opening.Begin()
	b[len(b)-1] = engineio.Open.Char()
	opening.End(engineio.AppendHandshake(b, engineio.Handshake{
		SID:          s.ID(),
		Upgrades:     upgrades,
		PingInterval: cfg.PingInterval,
		PingTimeout:  cfg.PingTimeout,
		MaxPayload:   cfg.MaxHTTPBufferSize,
	}))
	packets := []*EncodedPacket{opening}
	if cfg.InitialPacket != nil {
		p := NewEncodedPacket(cfg.InitialPacketBinary)
		p.End(append(p.Begin(), cfg.InitialPacket...))
		packets = append(packets, p)
	}
	return packets
}
