package eio

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/http1"
	"github.com/sioserver/sioserver/loop"
)

const (
	textPlain = "text/plain; charset=UTF-8"
	textHTML  = "text/html"
)

var noStore = http1.Field{Name: "cache-control", Value: "no-store"}

// respond answers the current request.
func (h *httpConn) respond(status int, contentType string, body []byte, extra ...http1.Field) {
	f := loop.NewFrame()
	f.B = http1.AppendResponse(f.B, status, contentType, body, !h.last, extra...)
	if h.noBody {
		f.B = f.B[:len(f.B)-len(body)]
	}
	h.send(f)
}

// respondPackets answers a GET of a session with a payload.
func (h *httpConn) respondPackets(packets []*Packet) {
	f := loop.NewFrame()
	b := http1.AppendStatusLine(f.B, 200)
	b = append(b, "Content-Type: "+textPlain+"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(payloadLen(packets)), 10)
	b = append(b, "\r\ncache-control: no-store\r\n"...)
	b = http1.AppendConnection(b, !h.last)
	b = append(b, "\r\n"...)
	f.B = appendPayload(b, packets)
	h.send(f)
}

// payloadLen is the length of what appendPayload appends.
func payloadLen(packets []*Packet) int {
	n := len(packets) - 1
	for _, p := range packets {
		if p.binary {
			n += 1 + base64.StdEncoding.EncodedLen(p.Len())
		} else {
			n += p.Len()
		}
	}
	return n
}

// appendPayload appends packets as the body of a polling response (Engine.IO
// protocol 4, "HTTP long-polling encoding").
func appendPayload(dst []byte, packets []*Packet) []byte {
	for i, p := range packets {
		if i > 0 {
			dst = append(dst, engineio.Separator)
		}
		if p.binary {
			dst = base64.StdEncoding.AppendEncode(append(dst, 'b'), p.payload())
		} else {
			dst = append(dst, p.payload()...)
		}
	}
	return dst
}

// send sends the complete answer f and goes on to the next request.
func (h *httpConn) send(f *loop.Frame) {
	h.exchange = nil
	h.c.Send(f)
	switch {
	case h.phase == httpReading || h.last && h.phase == httpIdle:
		h.linger() // the peer may still be sending
	case h.last:
		h.phase = httpGone
		h.c.CloseAfterFlush(lingerTimeout)
	default:
		h.phase = httpIdle
		h.home.loop.Arm(&h.timer, idleTimeout)
		if h.in != nil && !h.consumes {
			h.home.loop.Post(h)
		}
	}
}

// linger waits for the peer to close, so that the answer is not lost to a reset
// that unread input would cause.
func (h *httpConn) linger() {
	h.phase = httpGone
	h.home.loop.Arm(&h.timer, lingerTimeout)
}

// refuse answers a request that HTTP itself rules out and ends the connection.
func (h *httpConn) refuse(err error) {
	status := 400
	if e := (*http1.Error)(nil); errors.As(err, &e) {
		status = e.Status
	}
	h.respond(status, "", nil)
}

// refuseEngine answers a request that the engine does not serve.
func (h *httpConn) refuseEngine(r refusal) {
	h.respond(r.status, "application/json", r.appendBody(nil))
}
