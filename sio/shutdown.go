package sio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// ShutdownError is what [Server.Shutdown] returns when it could not finish.
type ShutdownError struct {
	// Unhandled is how many events of clients were dropped; [Stats] counts them
	// too.
	Unhandled int
	// HandlersRunning is the number of sockets with a handler that had not
	// returned, HandlersWaiting of those that had not got one of
	// Config.MaxHandlers yet.
	HandlersRunning, HandlersWaiting int
	// Err is the error of the context, or of what else failed.
	Err error
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("sio: the shutdown is incomplete: %d events were not handled, handlers of %d sockets run and of %d wait: %v",
		e.Unhandled, e.HandlersRunning, e.HandlersWaiting, e.Err)
}

// Unwrap returns Err.
func (e *ShutdownError) Unwrap() error { return e.Err }

// Shutdown ends the server. First it lets the clients go at the pace of
// [Config.Drain], if that is set. Then it accepts no more connections,
// disconnects every socket with [ServerShuttingDown] (clients see their
// connection close, and reconnect if they can), waits until what they have sent
// is handled and all handlers have returned, those of [Config.Handler]
// included, and stops the loops. Packets that a polling client has not fetched
// by then are lost.
//
// Behind net/http (Handler) it may be called before http.Server.Shutdown or
// after it, or at the same time. Before is better: http.Server.Shutdown closes
// its listeners, so it ends the sessions whose poll waits without a pace.
//
// When ctx ends first, the error is a [*ShutdownError], which wraps the error
// of ctx and counts what is left. Then events that wait are dropped, and the
// contexts of handlers that started after their sockets' ends are done.
// Handlers that run are no longer waited for, adapters to other servers for
// three seconds more. Everything else was still done.
//
// Further calls wait for the first one to return, whatever it returns. They
// return nil, or the error of their own context when that ends first, which does
// not end the first one: Close does. Shutdown must not be called by a handler
// that the server would wait for.
func (srv *Server) Shutdown(ctx context.Context) error {
	if !srv.beginEnd() {
		return incomplete([]*Server{srv}, srv.waitEnd(ctx))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(srv.hurry, cancel)()
	srv.mu.Lock()
	engine, host, attached := srv.engine, srv.host, srv.attached
	srv.mu.Unlock()
	ending, before := []*Server{srv}, []*Server(nil)
	for _, other := range attached {
		if other.beginEnd() {
			ending = append(ending, other)
		} else {
			before = append(before, other)
		}
	}
	if engine != nil {
		drain(ctx, ending)
	}
	if engine != nil && host == nil {
		engine.StopAccepting()
	}
	for _, each := range ending {
		defer close(each.done)
		each.closing.Store(true)
		defer each.giveUpAfter(ctx)()
		each.sendHeld()
		each.eio.Close()
	}
	var err error
	for _, other := range before {
		err = cmp.Or(err, other.waitEnd(ctx))
	}
	switch {
	case engine == nil:
	case host != nil:
		err = cmp.Or(err, passed(ctx, engine))
	default:
		err = cmp.Or(err, engine.Shutdown(ctx))
	}
	errs := make([]error, 2*len(ending))
	var wg sync.WaitGroup
	for i, each := range ending {
		wg.Go(func() { errs[2*i] = each.endRest(ctx) })
		wg.Go(func() { errs[2*i+1] = each.eio.CloseFallback(ctx) })
	}
	wg.Wait()
	return incomplete(append(ending, before...), cmp.Or(err, cmp.Or(errs...)))
}

// incomplete is the error of a Shutdown of the servers; nil for nil.
func incomplete(servers []*Server, err error) error {
	if err == nil {
		return nil
	}
	e := &ShutdownError{Err: err}
	for _, srv := range servers {
		running, waiting := srv.workers.Counts()
		e.Unhandled += int(srv.unfinished.Load())
		e.HandlersRunning += running
		e.HandlersWaiting += waiting
	}
	return e
}

// beginEnd reports whether the caller is the first one, and must end the
// server.
func (srv *Server) beginEnd() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return !srv.leaving.Swap(true)
}

// waitEnd waits until another goroutine has ended the server.
func (srv *Server) waitEnd(ctx context.Context) error {
	select {
	case <-srv.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// giveUpAfter calls giveUp when ctx ends, unless stop was called before.
func (srv *Server) giveUpAfter(ctx context.Context) (stop func() bool) {
	if ctx.Err() != nil {
		srv.giveUp() // before the clients are disconnected
	}
	return context.AfterFunc(ctx, srv.giveUp)
}

// closeGrace is how long Shutdown waits for adapters after its context has
// ended: an adapter that can't reach the other servers needs up to two seconds.
const closeGrace = 3 * time.Second

// endRest waits for handlers, and ends what a server has beside its clients,
// which are disconnected by then.
func (srv *Server) endRest(ctx context.Context) error {
	for ns := range srv.namespaces.all() {
		ns.delivery.stop()
	}
	err := srv.workers.Stop(ctx)
	if err != nil {
		srv.giveUp()
	}
	err = cmp.Or(err, srv.roomHooks.Wait(ctx))
	srv.mu.Lock()
	host := srv.host
	srv.mu.Unlock()
	if host != nil {
		host.detach(srv)
	}
	srv.persisting.Wait() // no longer than some dataPatience
	srv.ended.Store(true)
	for ns := range srv.namespaces.all() {
		ns.peers.close()
	}
	return cmp.Or(err, srv.closings.Wait(ctx, closeGrace))
}

// passed waits until each loop has run what was posted to it before.
func passed(ctx context.Context, engine *loop.Engine) error {
	loops := engine.Loops()
	done := make(chan struct{}, len(loops))
	for _, l := range loops {
		if !l.PostFunc(func() { done <- struct{}{} }) {
			done <- struct{}{}
		}
	}
	for range loops {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close is Shutdown without [Config.Drain] and without waiting for handlers:
// events that wait are dropped, and counted in [Stats]. A Shutdown that is under
// way does the same from now on and returns a [*ShutdownError], which wraps
// context.Canceled; Close does not wait for it.
func (srv *Server) Close() error {
	srv.endHurry()
	err := srv.Shutdown(srv.hurry)
	var incomplete *ShutdownError
	if errors.As(err, &incomplete) && incomplete.Err == context.Canceled {
		return nil
	}
	return err
}
