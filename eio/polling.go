package eio

import (
	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/http1"
)

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
	if octets && !s.core.wireFormat.v3 {
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

// getExchange is the exchange of a parked GET.
type getExchange Session

func (x *getExchange) complete(*httpConn, []byte) {}

func (x *getExchange) refused(*httpConn, error) {}

func (x *getExchange) aborted(*httpConn) {
	s := (*Session)(x)
	s.polling.get = nil
	s.core.pollAborted(s)
}

// postExchange is the exchange of a POST.
type postExchange Session

func (x *postExchange) complete(h *httpConn, body []byte) {
	s := (*Session)(x)
	if s.polling == nil || s.polling.post != h {
		h.acceptPost() // the session has ended
	} else if s.posted(body) {
		s.acceptPost()
	}
}

// acceptPost answers a POST.
func (h *httpConn) acceptPost() {
	h.callHooks()
	h.respond(200, textHTML, okBody, noStore)
}

var okBody = []byte("ok")

// posted handles the body of a POST, which is borrowed. It reports false when
// some of the body is left and the answer waits.
func (s *Session) posted(body []byte) (done bool) {
	side := s.polling
	if side.callback != nil {
		payload, ok := jsonpPayload(body)
		if !ok {
			s.core.postRefused()
			return true
		}
		body = payload
	}
	if !side.octets {
		body = engineio.ToValidText(body)
	}
	left, done := s.core.posted(s, s.home.srv.timing, s.now(), body, side.octets)
	s.check()
	if !done {
		side.left = copyToFrame(left)
		s.account()
		s.yield()
	}
	return done
}

// jsonpPayload takes the payload out of the form that a JSONP client posts. It
// reports false when there is not exactly one.
func jsonpPayload(body []byte) (payload []byte, ok bool) {
	for key, value := range http1.Query(body) {
		if string(key) != "d" {
			continue
		}
		if ok {
			return nil, false
		}
		payload, ok = value, true
	}
	return engineio.UnescapeJSONP(payload), ok
}

// refused leaves the session open: the handshake told the peer the largest
// size.
func (x *postExchange) refused(h *httpConn, _ error) {
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

// detachPost forgets h as the session's POST. It reports whether h was that.
func (s *Session) detachPost(h *httpConn) bool {
	if s.polling == nil || s.polling.post != h {
		return false
	}
	s.polling.post = nil
	return true
}
