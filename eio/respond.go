package eio

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/deflate"
	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

const (
	textPlain   = "text/plain; charset=UTF-8"
	textHTML    = "text/html"
	octetStream = "application/octet-stream"
)

var noStore = http1.Field{Name: "cache-control", Value: "no-store"}

// beginAnswer sets what the answers to a session's requests depend on.
func (h *httpConn) beginAnswer(req *http1.Request) {
	cfg := &h.home.srv.cfg
	h.initial = false
	h.last = h.last || req.HasBody() && string(req.Method) != http.MethodPost // the body stays unread
	h.coding = codingNone
	if cfg.HTTPCompression > 0 {
		h.coding = codingOf(http1.Encoding(req.Header("Accept-Encoding"), deflate.Gzip, deflate.Deflate))
	}
	if cfg.InitialHeaders != nil || cfg.Headers != nil {
		h.request = h.newRequest(req)
	}
	if agent := req.Header("User-Agent"); bytes.Contains(agent, []byte(";MSIE")) || bytes.Contains(agent, []byte("Trident/")) {
		h.fields = append(h.fields, http1.Field{Name: "X-XSS-Protection", Value: "0"})
	}
}

// callHooks lets the application change the headers of a successful answer.
func (h *httpConn) callHooks() {
	if h.request == nil {
		return
	}
	cfg := &h.home.srv.cfg
	header := make(http.Header)
	for _, f := range h.fields {
		header.Add(f.Name, f.Value)
	}
	if h.initial {
		header = h.callHook("Config.InitialHeaders", cfg.InitialHeaders, header)
	}
	header = h.callHook("Config.Headers", cfg.Headers, header)
	h.fields = h.fields[:0]
	h.addHeaders(header)
}

// callHook returns header as hook has changed it, or as it was if hook fails.
func (h *httpConn) callHook(name string, hook func(http.Header, *Request), header http.Header) http.Header {
	if hook == nil {
		return header
	}
	changed := header.Clone()
	if err := h.home.srv.hooks.await(name, func() { hook(changed, h.request) }); err != nil {
		return header
	}
	return changed
}

// addHeaders adds the application's headers to the answer, except for those
// that frame it.
func (h *httpConn) addHeaders(header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		switch http.CanonicalHeaderKey(name) {
		case "Connection", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Upgrade", "Sec-Websocket-Accept":
			continue
		}
		for _, value := range header[name] {
			h.fields = append(h.fields, http1.Field{Name: name, Value: value})
		}
	}
}

// respond answers the current request.
func (h *httpConn) respond(status int, contentType string, body []byte, extra ...http1.Field) {
	h.send(h.compose(status, contentType, body, extra...))
}

// compose returns an answer to the current request.
func (h *httpConn) compose(status int, contentType string, body []byte, extra ...http1.Field) *loop.Frame {
	f := loop.NewFrame()
	f.B = http1.AppendResponse(f.B, status, contentType, body, !h.last, append(extra, h.fields...)...)
	if h.noBody {
		f.B = f.B[:len(f.B)-len(body)]
	}
	return f
}

// composePackets returns an answer with a payload to a GET of s.
func (h *httpConn) composePackets(s *Session, packets []*EncodedPacket) *loop.Frame {
	contentType := textPlain
	if s.core.wireFormat.binaryPayload(packets) {
		contentType = octetStream
	}
	body := loop.NewFrame()
	body.B = slices.Grow(body.B, s.core.wireFormat.payloadSize(packets))
	body.B = s.core.wireFormat.appendPayload(body.B, packets)
	if callback := s.polling.callback; callback != nil {
		body.B = engineio.AppendJSONP(nil, *callback, body.B)
	}
	body, encoding := h.compressBody(s, packets, body)
	h.callHooks()
	f := h.compose(200, contentType, body.B, append(encoding, noStore)...)
	body.Release()
	return f
}

// send sends the complete answer f and continues with the next request.
func (h *httpConn) send(f *loop.Frame) {
	h.exchange = nil
	if h.ahead != nil {
		h.sendBehind(f)
		return
	}
	h.c.Send(f)
	h.next()
}

// next continues after an answer.
func (h *httpConn) next() {
	switch {
	case h.last:
		h.phase = httpGone
		h.c.CloseAfterFlush(lingerTimeout)
	default:
		h.phase = httpIdle
		h.home.loop.Arm(&h.timer, h.home.srv.cfg.IdleTimeout)
		if h.in != nil && !h.consumes {
			h.home.loop.Post(h)
		}
	}
	if h.counted && !h.consumes {
		h.account()
	}
}

// violated counts and logs a request that is no valid HTTP or came too late.
func (h *httpConn) violated(err error) {
	h.home.srv.violations.Add(1)
	h.logInvalid(err)
}

// refuse answers a request that violates HTTP and ends the connection.
func (h *httpConn) refuse(err error) {
	h.violated(err)
	status := 400
	if e := (*http1.Error)(nil); errors.As(err, &e) {
		status = e.Status
	}
	h.respond(status, "", nil)
}
