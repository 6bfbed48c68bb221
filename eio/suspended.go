package eio

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// suspendedRequest is a request that waits: for the application, whose
// middleware, AllowRequest or GenerateID run on a goroutine, or for requests of
// its session that were read before it. It returns to its loop with the result
// and is never shared between loop and goroutine.
type suspendedRequest struct {
	h       *httpConn
	slot    callbackSlot
	session *Session // that the request names; nil for none
	outer   *outer   // the request's
	request *http.Request
	context context.Context // the request's, before the application adds to it
	cancel  context.CancelFunc
	ask     func(*suspendedRequest)                 // runs on the goroutine
	resume  func(*suspendedRequest, *http1.Request) // continues, on the loop
	head    []byte                                  // a copy of the request's head, to be parsed again
	length  int64                                   // of the body; -1 when it is not known
	answer  recorder                                // what a middleware has written
	pass    *pass                                   // to this
	verdict atomic.Pointer[outer]                   // of the middleware; set once
	passed  bool                                    // the middleware let the request through
	speaks  bool                                    // the server speaks the client's protocol, so a sid is needed
	sid     string                                  // from GenerateID
	refusal refusal
	details ErrorContext
	err     error
}

// suspendedKey is the key of the pass in the context of the http.Request.
type suspendedKey struct{}

// pass leads to the suspendedRequest of a context until the application's
// function has ended. A session may keep the context longer.
type pass struct {
	atomic.Pointer[suspendedRequest]
}

func (h *httpConn) suspend(req *http1.Request, name string, ask func(*suspendedRequest), resume func(*suspendedRequest, *http1.Request)) {
	ctx, cancel := context.WithCancel(h.home.outer.context())
	q := parseQuery(req)
	sr := &suspendedRequest{
		h:       h,
		session: h.home.find(q.sid),
		outer:   h.home.outer,
		cancel:  cancel,
		pass:    new(pass),
		ask:     ask,
		resume:  resume,
		head:    append([]byte(nil), req.Head()...),
		length:  req.ContentLength,
		speaks:  q.v4 || h.home.srv.cfg.AllowEIO3,
	}
	sr.pass.Store(sr)
	sr.context = context.WithValue(ctx, suspendedKey{}, sr.pass)
	var err error
	if sr.request, err = h.httpRequest(sr.context, req); err != nil {
		cancel()
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	h.exchange = sr
	sr.answer.header = make(http.Header)
	srv := h.home.srv
	srv.callbacks.start(&sr.slot, func() {
		srv.hooks.run(name, func() { sr.ask(sr) }, sr.asked, "path", sr.request.URL.Path)
	})
}

// asked returns to the loop, in whichever way the application's function ended.
func (sr *suspendedRequest) asked(failure error) {
	if !sr.verdict.CompareAndSwap(nil, returned) && failure == nil {
		sr.passed, sr.outer = true, sr.verdict.Load()
	}
	if failure != nil {
		sr.err, sr.refusal, sr.details = failure, refuseRequest, ErrorContext{}
	}
	sr.pass.Store(nil)
	sr.cancel()
	sr.h.home.loop.Post(sr)
}

func (sr *suspendedRequest) complete(*httpConn, []byte) {}

func (sr *suspendedRequest) refused(*httpConn, error) {}

func (sr *suspendedRequest) aborted(h *httpConn) {
	sr.cancel()
	h.home.srv.callbacks.withdraw(&sr.slot)
}

// Run continues with the request on its loop, unless the connection is gone.
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
	h.home.outer = sr.outer
	h.consumes = true // resume uses what has arrived since
	sr.resume(sr, req)
	h.consumes = false
	finished = true
	h.Run(nil)
}

// pending returns what has arrived behind the current request, borrowed.
func (h *httpConn) pending() []byte {
	if h.in == nil {
		return nil
	}
	return h.in.B[h.in.Start:]
}
