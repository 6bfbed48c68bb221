package eio

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/eio/internal/http1"
)

// refusal is an answer of the engine to a request that it does not serve
// (Engine.IO protocol, "error responses").
type refusal struct {
	code    int
	status  int // of a plain request
	message string
	upgrade int // the status for an upgrade; 0 for 400
}

var (
	refuseTransport  = refusal{code: 0, status: 400, message: "Transport unknown"}
	refuseSession    = refusal{code: 1, status: 400, message: "Session ID unknown"}
	refuseMethod     = refusal{code: 2, status: 400, message: "Bad handshake method"}
	refuseRequest    = refusal{code: 3, status: 400, message: "Bad request"}
	refuseForbidden  = refusal{code: 4, status: 403, message: "Forbidden"}
	refuseProtocol   = refusal{code: 5, status: 400, message: "Unsupported protocol version"}
	refuseOverloaded = refusal{code: 3, status: 503, message: "Server overloaded"}
	refuseLeaving    = refusal{code: 3, status: 503, message: "Server shutting down"}
	refuseNode       = refusal{code: 3, status: 502, message: "The session's node does not answer"}
	refuseTooMany    = refusal{code: 3, status: 429, message: "Too many requests"}
)

// ErrForbidden is what [Config.AllowRequest] returns to refuse a handshake
// without giving a reason.
var ErrForbidden = errors.New("Forbidden")

// ConnectionError describes a refused request to [Config.OnConnectionError].
type ConnectionError struct {
	Request *Request
	Code    int    // of the protocol, 0 to 5
	Message string // as the client got it
	Context ErrorContext
}

// Error returns the code, the message and what the context has.
func (e *ConnectionError) Error() string {
	return fmt.Sprintf("eio: request refused with code %d: %s", e.Code, e.reason())
}

// reason returns the message and what the context has beside it.
func (e *ConnectionError) reason() string {
	s := e.Message
	if e.Context.Name != "" {
		s += ": " + e.Context.Name
	}
	if err := e.Context.Err; err != nil && err.Error() != e.Message {
		s += ": " + err.Error()
	}
	return s
}

// Unwrap returns the error of the application that caused the refusal, if any.
func (e *ConnectionError) Unwrap() error { return e.Context.Err }

// ErrorContext has details of a refusal; only those of the case are set.
type ErrorContext struct {
	Name              string // the reference's name of the case, such as "TRANSPORT_MISMATCH"
	Transport         string // the transport asked for
	PreviousTransport string // the session's
	SID               string
	Method            string
	Protocol          int // the protocol asked for
	PreviousProtocol  int // the session's
	Err               error
}

// refuseEngine refuses a plain request, with the engine's JSON.
func (h *httpConn) refuseEngine(req *http1.Request, r refusal, context ErrorContext) {
	h.reportRefusal(req, r, context)
	h.last = h.last || req.HasBody()
	body := append([]byte(`{"code":`), strconv.Itoa(r.code)...)
	body = append(body, `,"message":`...)
	body = jsonenc.AppendString(body, r.message)
	h.respond(r.status, "application/json", append(body, '}'))
}

// refuseAny refuses a plain request or an upgrade, each in its own form.
func (h *httpConn) refuseAny(req *http1.Request, r refusal, context ErrorContext) {
	if !h.isUpgrade(req) {
		h.refuseEngine(req, r, context)
		return
	}
	h.reportRefusal(req, r, context)
	h.last = true
	h.respond(cmp.Or(r.upgrade, 400), textHTML, []byte(r.message))
}

// exceeds refuses a handshake whose address has reached one of AddressLimits.
func (h *httpConn) exceeds(req *http1.Request) bool {
	srv := h.home.srv
	x := srv.limiter.admit(h.remoteAddr(req).Addr(), h.home.loop.Now())
	if x.wait == 0 {
		return false
	}
	seconds := (x.wait + time.Second - 1) / time.Second
	h.fields = append(h.fields, http1.Field{Name: "Retry-After", Value: strconv.FormatInt(int64(seconds), 10)})
	h.refuseAny(req, refuseTooMany, ErrorContext{Name: x.name})
	return true
}

// isFailure reports whether a refusal counts against its address: the peer has
// asked for what the server does not offer, or the application does not let it
// in.
func (r refusal) isFailure() bool {
	return r.code == refuseTransport.code || r.code == refuseMethod.code ||
		r.code == refuseForbidden.code || r.code == refuseProtocol.code
}

// refuseLeaving refuses a handshake because the server is about to end. A load
// balancer sees it by the status, which an upgrade gets too, and a client that
// keeps its connection would come back to this server.
func (h *httpConn) refuseLeaving(req *http1.Request) {
	retryAfter := "1"
	if d := h.home.srv.drain.Load(); d != nil {
		retryAfter = d.retryAfter
	}
	h.fields = append(h.fields, http1.Field{Name: "Retry-After", Value: retryAfter})
	h.last = true
	h.refuseEngine(req, refuseLeaving, ErrorContext{Name: "SHUTTING_DOWN"})
}

// reportRefusal logs a refusal and calls Config.OnConnectionError.
func (h *httpConn) reportRefusal(req *http1.Request, r refusal, context ErrorContext) {
	h.home.transports.refused[r.code].Add(1)
	if r == refuseSession && h.home.srv.forwarder == nil {
		h.home.srv.unknown.count(h.home.srv)
	}
	h.logRefused(req, r, context)
	if a := h.home.srv.limiter; a != nil && r.isFailure() && parseQuery(req).sid == "" {
		a.fail(h.remoteAddr(req).Addr(), h.home.loop.Now())
	}
	if hook := h.home.srv.cfg.OnConnectionError; hook != nil {
		e := &ConnectionError{Request: h.newRequest(req), Code: r.code, Message: r.message, Context: context}
		_ = h.home.srv.hooks.await("Config.OnConnectionError", func() { hook(e) })
	}
}
