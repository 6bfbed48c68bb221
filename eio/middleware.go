package eio

import (
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// The verdicts of a middleware. It may call the next handler from another
// goroutine, even after it has returned, as http.TimeoutHandler does.
const (
	undecided int32 = iota
	letThrough
	returned // without having let the request through
)

// chain makes one handler of the middlewares. Its innermost handler marks a
// request as let through.
func chain(middleware []func(http.Handler) http.Handler) http.Handler {
	if len(middleware) == 0 {
		return nil
	}
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Context().Value(suspendedKey{}).(*suspendedRequest).verdict.CompareAndSwap(undecided, letThrough)
	})
	for i := len(middleware) - 1; i >= 0; i-- {
		handler = middleware[i](handler)
	}
	return handler
}

// askMiddleware runs the engine's middleware.
func (h *httpConn) askMiddleware(req *http1.Request) {
	h.suspend(req, "Config.Middleware", (*suspendedRequest).runMiddleware, (*suspendedRequest).afterMiddleware)
}

func (sr *suspendedRequest) runMiddleware() {
	sr.h.home.srv.middleware.ServeHTTP(&sr.answer, sr.request)
}

func (sr *suspendedRequest) afterMiddleware(req *http1.Request) {
	h := sr.h
	switch {
	case sr.err == http.ErrAbortHandler:
		h.destroy()
	case sr.err != nil:
		h.refuseAny(req, refuseRequest, ErrorContext{Name: "MIDDLEWARE_FAILURE", Err: sr.err})
	case sr.passed:
		h.addHeaders(sr.answer.header)
		h.admit(req, h.pending())
	case h.isUpgrade(req):
		h.destroy()
	default:
		h.last = h.last || req.HasBody()
		f := loop.NewFrame()
		f.B = sr.answer.appendTo(f.B, h)
		h.send(f)
	}
}
