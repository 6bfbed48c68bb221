package eio

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// drain is the state of a server that refuses new sessions. Safe for concurrent
// use.
type drain struct {
	retryAfter string        // seconds
	empty      chan struct{} // closed when the last session has ended
	once       sync.Once
}

// Refuse refuses new sessions from now on: a handshake is answered with status
// 503 and the field Retry-After, in which retryAfter is rounded up to seconds,
// and its connection ends. Sessions that exist go on. Only the first call
// counts. Safe for concurrent use.
func (srv *Server) Refuse(retryAfter time.Duration) {
	seconds := max((retryAfter+time.Second-1)/time.Second, 1)
	srv.drain.CompareAndSwap(nil, &drain{retryAfter: strconv.Itoa(int(seconds)), empty: make(chan struct{})})
}

// refuses reports whether new sessions are refused.
func (srv *Server) refuses() bool { return srv.drain.Load() != nil || srv.closing.Load() }

// Empty waits until no session is open. Refuse must be called before. It
// returns the error of ctx if that ends first. Safe for concurrent use.
func (srv *Server) Empty(ctx context.Context) error {
	d := srv.drain.Load()
	if srv.clients.Load() == 0 {
		return nil
	}
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// emptied is called when no session is open any more.
func (srv *Server) emptied() {
	if d := srv.drain.Load(); d != nil {
		d.once.Do(func() { close(d.empty) })
	}
}
