package eio

import (
	"context"
	"net/http"

	"github.com/sioserver/sioserver/loop"
)

// outer is what a request has from the code around the engine: an http.Handler
// around Server.Handler, Config.Middleware or Config.AllowRequest. A
// perLoop has that of the request being served, as it has the request itself. A
// request that waits keeps its own. It is immutable.
type outer struct {
	values *values     // nil without any
	header http.Header // for the answer, whatever it is
}

// values are the values of a context whose end does not matter.
type values struct{ context.Context }

// valuesOf returns the values of ctx.
func valuesOf(ctx context.Context) *values { return &values{context.WithoutCancel(ctx)} }

// context returns a context with the values that has no end.
func (o *outer) context() context.Context {
	if o == nil || o.values == nil {
		return context.Background()
	}
	return o.values
}

// retained returns the values that a session keeps; nil without any.
func (o *outer) retained() *values {
	if o == nil {
		return nil
	}
	return o.values
}

// A connection that brings its first request along has the request's outer as
// its exchange until the head is complete.

func (o *outer) complete(*httpConn, []byte) {}

func (o *outer) refused(*httpConn, error) {}

func (o *outer) aborted(*httpConn) {}

// accept returns an accept function for a connection whose first request has o.
func (o *outer) accept(srv *Server, secure bool) func(*loop.Conn) loop.Handler {
	return func(c *loop.Conn) loop.Handler {
		h := srv.accept(c, secure)
		if o != nil {
			h.exchange = o
		}
		return h
	}
}

// takeOuter begins a request with its outer, if it has one.
func (h *httpConn) takeOuter() {
	h.home.outer = nil
	if h.exchange == nil {
		return
	}
	if o, ok := h.exchange.(*outer); ok {
		h.exchange = nil
		h.home.outer = o
	}
}
