package eio

import (
	"bytes"
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// parked is an unanswered GET of a session, while POSTs of the same session
// that were pipelined behind it are served. Otherwise a peer that pipelines
// would not be heard until the GET is answered, at the latest by the next ping.
// Answers keep the order of the requests (RFC 9112 section 9.3.2): those behind
// the GET are held until it is answered.
type parked struct {
	reply    reply
	exchange *getExchange
	answers  *loop.Frame // of the POSTs, in order; nil before the first
}

// consumeBehind serves the request at the start of b, which came behind a
// parked GET, or lets it wait.
func (h *httpConn) consumeBehind(b []byte) int {
	if h.c.Queued() > maxUnsent {
		return 0 // Flushed continues
	}
	req := &h.home.req
	n, err := h.parser.Head(b, 0, req)
	if n == 0 && err == nil {
		return 0
	}
	if err != nil || !h.mayOvertake(req) {
		h.phase = httpWaiting
		return 0
	}
	if h.ahead == nil {
		h.ahead = &parked{reply: h.reply, exchange: h.exchange.(*getExchange)}
		h.reply, h.exchange = reply{}, nil
	}
	h.takeUp(req, b, n)
	return n
}

// mayOvertake reports whether req is a POST of the session whose GET is parked,
// and there is room for its answer.
func (h *httpConn) mayOvertake(req *http1.Request) bool {
	x, _ := h.exchange.(*getExchange)
	if a := h.ahead; a != nil {
		if x = a.exchange; a.answers != nil && len(a.answers.B) > maxUnsent {
			return false
		}
	}
	return string(req.Method) == http.MethodPost && bytes.HasPrefix(req.Path, []byte(h.home.srv.prefix)) &&
		!h.isUpgrade(req) && parseQuery(req).sid == (*Session)(x).ID()
}

// sendBehind holds the answer f until the answer to the GET has left, and
// continues with the next request.
func (h *httpConn) sendBehind(f *loop.Frame) {
	if a := h.ahead; a.answers == nil {
		a.answers = f
	} else {
		a.answers.B = append(a.answers.B, f.B...)
		f.Release()
	}
	if h.last {
		h.phase = httpGone
		return
	}
	h.phase = httpParked
	if h.in != nil && !h.consumes {
		h.home.loop.Post(h)
	}
	if h.counted && !h.consumes {
		h.account()
	}
}

// answerGet answers the parked GET of s, and then the requests that were served
// behind it.
func (h *httpConn) answerGet(s *Session, packets []*EncodedPacket) {
	a := h.ahead
	if a == nil {
		h.send(h.composePackets(s, packets))
		return
	}
	h.ahead = nil
	current := h.reply
	h.reply = a.reply
	f := h.composePackets(s, packets)
	h.reply = current
	h.c.Send(f)
	if a.answers != nil {
		h.c.Send(a.answers)
	}
	switch h.phase {
	case httpParked, httpWaiting:
		h.next()
	case httpGone:
		if h.last {
			h.c.CloseAfterFlush(lingerTimeout)
		}
	}
}

// aborted is called when the connection is gone.
func (a *parked) aborted(h *httpConn) {
	if a.answers != nil {
		a.answers.Release()
	}
	a.exchange.aborted(h)
}
