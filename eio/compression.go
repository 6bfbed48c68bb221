package eio

import (
	"bytes"
	"slices"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/deflate"
	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// PerMessageDeflate compresses WebSocket messages (RFC 7692) for clients that
// offer it, always without context takeover: no connection owns memory for it,
// and a broadcast is compressed once for all clients with the same window.
type PerMessageDeflate struct {
	// Threshold is the size in bytes of the smallest message that is
	// compressed: 1,024 when 0; [CompressAll] compresses every message.
	Threshold int
	// Level is the effort, from 1, which is also used for 0, to 9.
	Level int
}

// CompressAll as a threshold compresses everything that is not empty.
const CompressAll = 1

// defaultThreshold is the size in bytes from which compression gains something.
const defaultThreshold = 1024

// coding is a content coding of polling responses.
type coding uint8

const (
	codingNone coding = iota
	codingGzip
	codingDeflate
)

func (c coding) String() string { return [...]string{"", deflate.Gzip, deflate.Deflate}[c] }

// ContentCoding returns the coding that an Accept-Encoding field prefers of
// those offered, which are lower-case and in the server's order: the one with
// the highest quality. "" means that the peer accepts none of them, and takes
// the body as it is (RFC 9110 section 12.5.3).
func ContentCoding(accept string, offered ...string) string {
	return http1.Encoding([]byte(accept), offered...)
}

func codingOf(name string) coding {
	switch name {
	case deflate.Gzip:
		return codingGzip
	case deflate.Deflate:
		return codingDeflate
	}
	return codingNone
}

// SetCompress sets whether a polling response that holds only this packet, or
// others like it, may be compressed; by default it may. It must be called
// before the packet is shared. It has no effect on a WebSocket.
func (p *EncodedPacket) SetCompress(on bool) { p.plain = !on }

// compressed holds the compressed forms of a packet, each made when it is first
// needed.
type compressed struct {
	message atomic.Pointer[loop.Frame] // a WebSocket frame, for the largest window
	gzip    atomic.Pointer[loop.Frame] // the body of a polling response
	zlib    atomic.Pointer[loop.Frame]
}

func (c *compressed) release() {
	for _, p := range []*atomic.Pointer[loop.Frame]{&c.message, &c.gzip, &c.zlib} {
		releaseCached(p)
	}
}

// cached returns what p holds, with a reference for the caller, and makes it
// first if p is empty. When two goroutines make it at once, the first result is
// kept.
func cached(p *atomic.Pointer[loop.Frame], build func() *loop.Frame) *loop.Frame {
	frame := p.Load()
	if frame == nil {
		frame = build()
		if !p.CompareAndSwap(nil, frame) {
			frame.Release()
			frame = p.Load()
		}
	}
	return frame.Retain()
}

func releaseCached(p *atomic.Pointer[loop.Frame]) {
	if frame := p.Swap(nil); frame != nil {
		frame.Release()
	}
}

// compressBody compresses the body of a polling response if the peer and the
// packets permit it. It returns the body and the fields that describe it, and
// takes over body's reference.
func (h *httpConn) compressBody(s *Session, packets []*EncodedPacket, body *loop.Frame) (*loop.Frame, []http1.Field) {
	srv := h.home.srv
	if srv.cfg.HTTPCompression < 0 || len(body.B) < srv.cfg.HTTPCompression || !slices.ContainsFunc(packets, mayCompress) {
		return body, nil
	}
	vary := http1.Field{Name: "Vary", Value: "Accept-Encoding"}
	if h.coding == codingNone {
		return body, []http1.Field{vary}
	}
	build := func() *loop.Frame {
		f := loop.NewFrame()
		f.B = srv.compressor.AppendBody(f.B, h.coding.String(), body.B)
		return f
	}
	var frame *loop.Frame
	if p := packets[0]; len(packets) == 1 && !p.binary && s.core.wireFormat == (wireFormat{}) && s.polling.callback == nil {
		// A broadcast has the same body for all sessions: it is compressed
		// once.
		if h.coding == codingGzip {
			frame = cached(&p.compressed.gzip, build)
		} else {
			frame = cached(&p.compressed.zlib, build)
		}
	} else {
		frame = build()
	}
	body.Release()
	return frame, []http1.Field{{Name: "Content-Encoding", Value: h.coding.String()}, vary}
}

// mayCompress reports whether p is worth compressing: neither excluded by
// SetCompress nor one of the engine's packets without data.
func mayCompress(p *EncodedPacket) bool { return !p.plain && !p.static }

// negotiateDeflate answers the offer of permessage-deflate in an upgrade
// request, if the server has it on. A malformed offer counts as none.
func (w *wsConn) negotiateDeflate(req *http1.Request) []http1.Field {
	if w.home.srv.messages == nil {
		return nil
	}
	var offers []byte
	for name, value := range req.Headers() {
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Extensions")) {
			if offers != nil {
				offers = append(offers, ',')
			}
			offers = append(offers, value...)
		}
	}
	if offers == nil {
		return nil
	}
	response, params, err := deflate.Negotiate(offers)
	if err != nil || response == "" {
		return nil
	}
	w.deflates, w.params = true, params
	return []http1.Field{{Name: "Sec-WebSocket-Extensions", Value: response}}
}

// frame returns p as w sends it, with a reference for the caller.
func (w *wsConn) frame(p *EncodedPacket) *loop.Frame {
	srv := w.home.srv
	if !w.deflates || p.Len() < srv.cfg.PerMessageDeflate.Threshold || w.wireFormat != (wireFormat{}) {
		return p.webSocketFrame(w.wireFormat)
	}
	if p.Len() > w.params.Window() {
		return srv.deflated(p, w.params)
	}
	return cached(&p.compressed.message, func() *loop.Frame { return srv.deflated(p, w.params) })
}

// deflated returns p as a compressed frame.
func (srv *Server) deflated(p *EncodedPacket, params deflate.Params) *loop.Frame {
	op := wsframe.OpText
	if p.binary {
		op = wsframe.OpBinary
	}
	payload := loop.NewFrame()
	payload.B = srv.messages.AppendMessage(payload.B, p.frame.B[headroom:], params)
	f := loop.NewFrame()
	f.Group = p.frame.Group
	f.B = append(wsframe.AppendHeader(f.B, op, len(payload.B), true), payload.B...)
	payload.Release()
	return f
}
