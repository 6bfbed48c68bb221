package eio

import (
	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/eio/internal/http1"
)

// getExchange is a parked GET.
type getExchange Session

func (x *getExchange) complete(*httpConn, []byte) {}

func (x *getExchange) refused(*httpConn, error) {}

func (x *getExchange) aborted(*httpConn) {
	s := (*Session)(x)
	s.polling.get = nil
	s.core.pollAborted(s)
}

// postExchange is a POST whose body is being received.
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

// posted takes in the body of a POST, which is borrowed. It reports false when some
// of it is left, and the answer waits.
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
	if !done {
		side.left = newHeld(left)
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

// refused leaves the session alive: it was told about the size in the handshake.
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

// detachPost forgets h as the session's POST and reports whether it was.
func (s *Session) detachPost(h *httpConn) bool {
	if s.polling == nil || s.polling.post != h {
		return false
	}
	s.polling.post = nil
	return true
}
