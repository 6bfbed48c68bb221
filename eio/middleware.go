package eio

import (
	"cmp"
	"context"
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// returned is the verdict of a middleware that has returned without having let
// the request through. It may call the next handler from another goroutine,
// even after it has returned, as http.TimeoutHandler does.
var returned = new(outer)

// chain makes one handler of the middlewares. Its innermost handler marks a
// request as let through.
func chain(middleware []func(http.Handler) http.Handler) http.Handler {
	if len(middleware) == 0 {
		return nil
	}
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if sr := r.Context().Value(suspendedKey{}).(*pass).Load(); sr != nil {
			sr.letThrough(r.Context())
		}
	})
	for i := len(middleware) - 1; i >= 0; i-- {
		handler = middleware[i](handler)
	}
	return handler
}

// letThrough decides that the request is served, with the values of ctx.
func (sr *suspendedRequest) letThrough(ctx context.Context) {
	sr.verdict.CompareAndSwap(nil, cmp.Or(sr.with(ctx), &outer{}))
}

// with returns the request's outer with the values of ctx, which the
// application may have made of the request's own.
func (sr *suspendedRequest) with(ctx context.Context) *outer {
	if ctx == sr.context {
		return sr.outer
	}
	return &outer{values: valuesOf(ctx)}
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
	default:
		h.last = h.last || req.HasBody() || h.isUpgrade(req)
		f := loop.NewFrame()
		f.B = sr.answer.appendTo(f.B, h)
		h.send(f)
	}
}
