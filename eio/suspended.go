package eio

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// gate is a request that waits for the application's leave: it runs the
// middleware, or AllowRequest and GenerateID, on a goroutine and comes back to
// its loop with what they said. Like a foreignCall it is never shared between
// the two.
type suspendedRequest struct {
	h       *httpConn
	slot    callbackSlot
	session *Session // that the request names; nil for none
	request *http.Request
	cancel  context.CancelFunc
	ask     func(*suspendedRequest)                 // runs on the goroutine
	resume  func(*suspendedRequest, *http1.Request) // goes on, on the loop
	head    []byte                                  // a copy of the request's head, to be parsed again
	length  int64                                   // of the body; -1 when it is not known
	answer  recorder                                // what a middleware has written
	verdict atomic.Int32                            // of the middleware; decided once
	passed  bool                                    // the middleware let the request through
	speaks  bool                                    // the client's protocol is served, so it needs a sid
	sid     string                                  // from GenerateID
	refusal refusal
	context ErrorContext
	err     error
}

// pass is the gate's place in the request's context.
type suspendedKey struct{}

func (h *httpConn) suspend(req *http1.Request, name string, ask func(*suspendedRequest), resume func(*suspendedRequest, *http1.Request)) {
	ctx, cancel := context.WithCancel(context.Background())
	q := parseQuery(req)
	sr := &suspendedRequest{
		h:       h,
		session: h.home.find(q.sid),
		cancel:  cancel,
		ask:     ask,
		resume:  resume,
		head:    append([]byte(nil), req.Head()...),
		length:  req.ContentLength,
		speaks:  q.v4 || h.home.srv.cfg.AllowEIO3,
	}
	var err error
	if sr.request, err = h.httpRequest(context.WithValue(ctx, suspendedKey{}, sr), req); err != nil {
		cancel()
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	h.exchange = sr
	sr.answer.header = make(http.Header)
	srv := h.home.srv
	srv.callbacks.start(&sr.slot, func() {
		srv.hooks.run(name, func() { sr.ask(sr) }, sr.asked, "target", sr.request.RequestURI)
	})
}

// asked goes back to the loop, whichever way the application's function ended.
func (sr *suspendedRequest) asked(failure error) {
	sr.passed = !sr.verdict.CompareAndSwap(undecided, returned) && failure == nil
	if failure != nil {
		sr.err, sr.refusal, sr.context = failure, refuseRequest, ErrorContext{}
	}
	sr.cancel()
	sr.h.home.loop.Post(sr)
}

func (sr *suspendedRequest) complete(*httpConn, []byte) {}

func (sr *suspendedRequest) refused(*httpConn, error) {}

func (sr *suspendedRequest) aborted(h *httpConn) {
	sr.cancel()
	h.home.srv.callbacks.withdraw(&sr.slot)
}

// Run goes on with the request on its loop, unless the connection is gone.
func (sr *suspendedRequest) Run(*loop.Loop) {
	h := sr.h
	if h.exchange != exchange(sr) {
		return
	}
	h.exchange = nil
	finished := false
	defer h.closeUnless(&finished)
	req := &h.home.req
	req.Restore(sr.head)
	h.consumes = true // what has arrived since is in use until resume returns
	sr.resume(sr, req)
	h.consumes = false
	finished = true
	h.Run(nil)
}

// pending is what has arrived behind the current request, borrowed.
func (h *httpConn) pending() []byte {
	if h.in == nil {
		return nil
	}
	return h.in.B[h.in.Start:]
}
