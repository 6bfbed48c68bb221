package eio

import (
	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// statusTryAgainLater is the close status of a server that has no room (RFC
// 6455 registry, 1013).
const statusTryAgainLater = 1013

// upgrade makes the connection a probe of s. rest is what came behind the
// request's head.
func (h *httpConn) upgrade(req *http1.Request, s *Session, q query, rest []byte) {
	w, f := h.acceptWebSocket(req, q.wireFormat())
	if w == nil {
		return
	}
	w.c.Send(f)
	if q.transport == webSocket && s.core.probeOpened(h.home.srv.timing, s.now()) {
		w.s = s
		s.polling.probe = w
		s.rearm()
	} else {
		h.home.transports.upgradesFailed.Add(1)
		w.close(0)
	}
	w.Data(h.c, rest)
}

// upgradeNew opens a session over WebSocket, with the given sid unless that is
// empty.
func (h *httpConn) upgradeNew(req *http1.Request, sid string, q query, rest []byte) {
	w, f := h.acceptWebSocket(req, q.wireFormat())
	if w == nil {
		return
	}
	if q.transport != webSocket { // an upgrade whose query names polling
		w.c.Send(f)
		w.close(0)
	} else {
		w.open(h.newcomer(req), sid, f)
	}
	w.Data(h.c, rest)
}

// acceptWebSocket hands the connection over to a wsConn. The caller sends the
// response, f. When the request is not a handshake, it is refused and the
// result nil.
func (h *httpConn) acceptWebSocket(req *http1.Request, f wireFormat) (*wsConn, *loop.Frame) {
	key := req.Single("Sec-WebSocket-Key")
	err := wsframe.CheckUpgrade(req.Method, req.Single("Upgrade"), key, req.Single("Sec-WebSocket-Version"))
	if err != nil {
		h.refuseHandshake(err)
		return nil, nil
	}
	protocol, err := wsframe.FirstProtocol(req.Header("Sec-WebSocket-Protocol"))
	if err != nil {
		h.refuseHandshake(err)
		return nil, nil
	}
	if req.HasBody() {
		h.last = true
		h.respond(400, "", nil)
		return nil, nil
	}
	w := &wsConn{home: h.home, c: h.c, wireFormat: f}
	h.beginAnswer(req)
	h.fields = append(h.fields, w.negotiateDeflate(req)...)
	h.initial = len(parseQuery(req).sid) == 0
	h.callHooks()
	var extra []byte
	for _, f := range h.fields {
		extra = http1.AppendHeader(extra, f.Name, f.Value)
	}
	response := loop.NewFrame()
	response.B = wsframe.AppendUpgrade(response.B, key, protocol, extra)
	h.release()
	h.c.SetHandler(w)
	return w, response
}

// refuseHandshake answers an upgrade that is not a WebSocket handshake.
func (h *httpConn) refuseHandshake(err error) {
	h.violated(err)
	refused := err.(*wsframe.HandshakeError)
	var extra []http1.Field
	if refused == wsframe.ErrVersion {
		extra = append(extra, http1.Field{Name: "Sec-WebSocket-Version", Value: wsframe.SupportedVersions})
	}
	h.last = true
	h.respond(refused.Status, textHTML, []byte(refused.Text), extra...)
}

// open opens a session whose first and only transport is w. f holds the
// response to the handshake; the open packet is added to it.
func (w *wsConn) open(n newcomer, sid string, f *loop.Frame) {
	s := w.home.open(n, sid, w.wireFormat)
	if s == nil {
		w.c.Send(f)
		w.close(statusTryAgainLater)
		return
	}
	w.s = s
	s.ws = w
	s.core.webSocket = true
	s.publish(0)
	for _, p := range s.openPackets(nil) {
		frame := w.frame(p)
		f.B = append(f.B, frame.B[frame.Start:]...)
		frame.Release()
		p.Release()
	}
	w.c.Send(f)
	s.start()
}
