package eio

import (
	"context"
	"net/http"
)

// http.Server.Shutdown closes its listeners and waits for requests, but does
// not notify them: a parked GET would hold it up until the next heartbeat. So
// the handler registers with each http.Server that brings it polls, and ends
// the sessions whose GET is parked there: the peer gets the end with the answer
// and connects again. WebSockets have left net/http and stay.

// frontShutdown returns a context that ends when the http.Server that serves r
// is shut down.
func (srv *Server) frontShutdown(r *http.Request) context.Context {
	front, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return context.Background()
	}
	if ctx, ok := srv.fronts.Load(front); ok {
		return ctx.(context.Context)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if first, loaded := srv.fronts.LoadOrStore(front, ctx); loaded {
		cancel()
		return first.(context.Context)
	}
	front.RegisterOnShutdown(cancel)
	return ctx
}

// endWithFront ends the session of the GET r, which may be about to park, when
// the http.Server that serves r is shut down, unless stop is called before.
func (srv *Server) endWithFront(r *http.Request) (stop func() bool) {
	sid := r.URL.Query().Get("sid")
	return context.AfterFunc(srv.frontShutdown(r), func() {
		home := srv.homeOf(sid)
		if home == nil {
			return // it lives at another node, or has ended
		}
		home.loop.PostFunc(func() {
			if s := home.find(sid); s != nil {
				s.Close(false)
			}
		})
	})
}
