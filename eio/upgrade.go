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
	w, f := h.acceptWebSocket(req, q.form())
	if w == nil {
		return
	}
	w.c.Send(f)
	if q.transport == webSocket && s.core.probeOpened(h.home.srv.timing, s.now()) {
		w.s = s
		s.polling.probe = w
		s.rearm()
	} else {
		w.close(0)
	}
	w.Data(h.c, rest)
}

// upgradeNew opens a session over WebSocket, named sid unless that is empty.
func (h *httpConn) upgradeNew(req *http1.Request, sid string, q query, rest []byte) {
	w, f := h.acceptWebSocket(req, q.form())
	if w == nil {
		return
	}
	if q.transport != webSocket { // polling over an upgrade makes no sense
		w.c.Send(f)
		w.close(0)
	} else {
		w.open(h.newRequest(req), sid, f)
	}
	w.Data(h.c, rest)
}

// acceptWebSocket hands the connection over to a wsConn. The response is left
// to be sent in f. It returns nil when the request is no handshake and refused.
func (h *httpConn) acceptWebSocket(req *http1.Request, f form) (*wsConn, *loop.Frame) {
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
	w := &wsConn{home: h.home, c: h.c, form: f}
	h.beginAnswer(req)
	h.extra = append(h.extra, w.negotiateDeflate(req)...)
	h.initial = len(parseQuery(req).sid) == 0
	h.callHooks()
	var extra []byte
	for _, f := range h.extra {
		extra = http1.AppendHeader(extra, f.Name, f.Value)
	}
	response := loop.NewFrame()
	response.B = wsframe.AppendUpgrade(response.B, key, protocol, extra)
	h.release()
	h.c.SetHandler(w)
	return w, response
}

// refuseHandshake answers an upgrade that is no WebSocket handshake.
func (h *httpConn) refuseHandshake(err error) {
	h.logInvalid(err)
	refused := err.(*wsframe.HandshakeError)
	var extra []http1.Field
	if refused == wsframe.ErrVersion {
		extra = append(extra, http1.Field{Name: "Sec-WebSocket-Version", Value: wsframe.SupportedVersions})
	}
	h.last = true
	h.respond(refused.Status, textHTML, []byte(refused.Text), extra...)
}

// open opens a session whose first and only transport is w. f holds the
// response to the handshake; the open packet joins it.
func (w *wsConn) open(r *Request, sid string, f *loop.Frame) {
	s := w.home.open(r, w.c, sid, w.form)
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
