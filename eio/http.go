package eio

import (
	"errors"
	"math"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

const (
	// lingerTimeout is how long a connection that is closed after an answer may
	// still take: the answer has to leave, and what the peer sends is
	// discarded.
	lingerTimeout = 5 * time.Second
	// maxPipelined is how many bytes of requests may wait behind an unanswered
	// one.
	maxPipelined = 64 << 10
	// maxUnsent is how many bytes of earlier answers may be unsent when the
	// next request is served.
	maxUnsent = 64 << 10
)

// httpConn is a connection that speaks HTTP/1.1. It handles one request at a
// time. What a peer pipelines behind an unanswered request waits unparsed,
// except for POSTs behind a parked GET of their session (type parked).
// Loop-owned.
//
//	       head             body complete           answered
//	idle ──────────► reading ─────────────► answering ────────► idle
//	  └─────────── without a body ─────────────▲ └─► parked ─────▲
//
// It ends in one of three ways: the connection is closed, it becomes a wsConn,
// or it moves to the loop of the session that a request names and continues
// there as a new httpConn.
type httpConn struct {
	home      *perLoop
	c         *loop.Conn
	exchange  exchange    // handles the body and the end of the current request; an *outer before the first; nil when idle or gone
	in        *loop.Frame // bytes not consumed yet, from Start on; nil when there are none
	body      *loop.Frame // the body so far, when it comes in pieces
	ahead     *parked     // the parked GET in front of the current request; nil without one
	announced *announced  // the request for which the connection has moved; nil once it is here
	timer     loop.Timer
	decoder   http1.Body
	parser    http1.Parser
	phase     httpPhase
	consumes  bool // a caller up the stack uses the bytes of in
	secure    bool // the connection is encrypted
	counted   bool // counted by receiving
	reply
}

// reply is what the answer to one request depends on.
type reply struct {
	fields  []http1.Field // added to every answer to the request
	request *Request      // for the header hooks; nil without hooks
	coding  coding        // the content coding that the peer prefers
	last    bool          // the connection ends with the answer
	noBody  bool          // the request is a HEAD
	initial bool          // the request opens a session
}

type httpPhase uint8

const (
	httpIdle      httpPhase = iota // between requests, or inside a head
	httpReading                    // inside a body
	httpAnswering                  // the request is complete, its answer is not
	httpParked                     // the same for a GET that a POST behind it may overtake
	httpWaiting                    // the same for a GET behind which a request waits
	httpGone                       // closing, upgraded or moved: nothing more is parsed
)

// exchange handles a request whose body or answer takes time.
type exchange interface {
	// complete gets the whole body, borrowed until return. The exchange answers
	// through h.respond or a sibling, now or later.
	complete(h *httpConn, body []byte)
	// refused is called when the body can't be read; h has answered.
	refused(h *httpConn, err error)
	// aborted is called when the connection is gone without an answer.
	aborted(h *httpConn)
}

// Data takes in what the peer sent.
func (h *httpConn) Data(_ *loop.Conn, b []byte) {
	if h.phase == httpGone {
		return
	}
	if h.in != nil {
		h.in.B = append(h.in.B, b...)
		b = h.pending()
	}
	h.saveRest(h.consume(b))
	h.account()
}

// Run continues with the bytes behind a request that had to wait.
func (h *httpConn) Run(*loop.Loop) {
	finished := false
	defer h.closeUnless(&finished)
	if h.in != nil && h.phase != httpAnswering {
		h.saveRest(h.consume(h.pending()))
	}
	h.account()
	finished = true
}

// closeUnless is deferred by tasks that may call the upper layer. If that
// panics or ends the goroutine, the connection is closed, as it is in Data.
func (h *httpConn) closeUnless(finished *bool) {
	if !*finished {
		h.c.Close()
	}
}

// saveRest stores rest, which consume left at the end of its input, for later.
// What is in h.in already stays in place until half of it is consumed, so that
// all copies together are as long as what has arrived, however it was cut.
func (h *httpConn) saveRest(rest []byte) {
	switch {
	case h.phase == httpGone || len(rest) == 0:
		h.drop(&h.in)
		return
	case (h.phase >= httpAnswering || h.c.Queued() > maxUnsent) && len(rest) > h.backlog():
		h.home.srv.cfg.Logger.Debug("eio: closing a connection that pipelines too much", "remote", h.c.RemoteAddr())
		x := h.exchange
		h.destroy()
		if x != nil {
			x.aborted(h)
		}
		h.drop(&h.in)
		return
	case h.in == nil:
		h.in = copyToFrame(rest)
	case len(rest) <= len(h.in.B)/2:
		h.in.B, h.in.Start = append(h.in.B[:0], rest...), 0
	default:
		h.in.Start = len(h.in.B) - len(rest)
	}
}

// backlog returns how many bytes may wait behind an unanswered request. They
// include the body of a request that is suspended.
func (h *httpConn) backlog() int {
	if _, ok := h.exchange.(*suspendedRequest); ok {
		return int(min(h.home.srv.cfg.MaxHTTPBufferSize, math.MaxInt-maxPipelined)) + maxPipelined
	}
	return maxPipelined
}

func (h *httpConn) drop(f **loop.Frame) {
	if *f != nil {
		(*f).Release()
		*f = nil
	}
}

// consume handles as many requests as b holds and returns the rest.
func (h *httpConn) consume(b []byte) []byte {
	h.consumes = true
	defer func() { h.consumes = false }()
	for len(b) > 0 {
		var n int
		switch h.phase {
		case httpIdle:
			if h.c.Queued() > maxUnsent {
				return b // Flushed continues
			}
			n = h.consumeHead(b)
		case httpReading:
			n = h.consumeBody(b)
		case httpParked:
			n = h.consumeBehind(b)
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	return b
}

func (h *httpConn) consumeHead(b []byte) int {
	req := &h.home.req
	n, err := h.parser.Head(b, 0, req)
	switch {
	case err != nil:
		h.last, h.noBody = true, false
		h.refuse(err)
	case n == 0:
		if h.in == nil { // RequestTimeout starts with a request's first bytes
			h.home.loop.Arm(&h.timer, h.home.srv.cfg.RequestTimeout)
		}
	default:
		h.takeUp(req, b, n)
	}
	return n
}

// takeUp begins with the request req, whose head is b[:n].
func (h *httpConn) takeUp(req *http1.Request, b []byte, n int) {
	h.home.loop.Cancel(&h.timer)
	h.last = !req.KeepAlive
	h.noBody = string(req.Method) == "HEAD"
	h.phase = httpAnswering
	h.takeOuter()
	h.route(req, b, n)
	h.arrive()
}

// readBody reads the body of req, if any, for x.
func (h *httpConn) readBody(req *http1.Request, x exchange) {
	h.exchange = x
	if err := h.decoder.Reset(req, h.home.srv.cfg.MaxHTTPBufferSize); err != nil {
		h.refuseBody(err)
		return
	}
	if h.decoder.Done() {
		x.complete(h, nil)
		return
	}
	h.phase = httpReading
	h.home.loop.Arm(&h.timer, h.home.srv.cfg.RequestTimeout)
	if req.Expect100 {
		f := loop.NewFrame()
		f.B = append(f.B, http1.Continue...)
		h.c.Send(f)
	}
}

func (h *httpConn) consumeBody(b []byte) int {
	data, n, done, err := h.decoder.Next(b)
	if err != nil {
		h.refuseBody(err)
		return 0
	}
	if !done || h.body != nil {
		if h.body == nil {
			h.body = copyToFrame(data)
		} else {
			h.body.B = append(h.body.B, data...)
		}
	}
	if done {
		h.home.loop.Cancel(&h.timer)
		h.phase = httpAnswering
		if h.body != nil {
			data = h.body.B
		}
		h.exchange.complete(h, data)
		h.drop(&h.body)
	}
	return n
}

func (h *httpConn) refuseBody(err error) {
	x := h.exchange
	h.last = true
	h.refuse(err)
	x.refused(h, err)
}

// Flushed continues with requests that waited for the peer to read.
func (h *httpConn) Flushed(*loop.Conn) { h.Run(nil) }

// Closed tells the current request that its connection is gone.
func (h *httpConn) Closed(*loop.Conn, error) {
	h.arrive()
	x := h.exchange
	h.release()
	if x != nil {
		x.aborted(h)
	}
	if a := h.ahead; a != nil { // x has not ended the session
		h.ahead = nil
		a.aborted(h)
	}
}

// release ends h's use of the connection, which was closed, upgraded or moved.
func (h *httpConn) release() {
	h.phase = httpGone
	h.exchange = nil
	h.home.loop.Cancel(&h.timer)
	h.shed()
}

// destroy closes the connection without an answer.
func (h *httpConn) destroy() {
	h.phase = httpGone
	h.exchange = nil
	h.c.Close()
}

// errRequestTimeout is the reason for refusing a request that took longer than
// Config.RequestTimeout.
var errRequestTimeout = errors.New("eio: the request did not arrive in time")

// httpTimer closes a connection whose current or next request takes too long.
type httpTimer httpConn

func (t *httpTimer) Expired(*loop.Timer) {
	h := (*httpConn)(t)
	if h.phase == httpIdle && h.c.Blocked() && h.c.Idle() < h.home.srv.cfg.SlowTimeout {
		h.home.loop.Arm(&h.timer, h.home.srv.cfg.SlowTimeout) // it is still taking the answer
		return
	}
	if h.phase == httpGone || h.phase == httpIdle && h.in == nil {
		h.c.Close()
		return
	}
	x := h.exchange
	h.last = true
	h.violated(errRequestTimeout)
	h.respond(408, "", nil)
	if x != nil {
		x.aborted(h)
	}
	h.shed()
}
