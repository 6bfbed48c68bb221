package sio

import (
	"cmp"
	"context"
	"net"
	"net/http"

	"github.com/sioserver/sioserver/loop"
)

// ListenAndServe listens on addr ("host:port"; without a host IPv4 and IPv6;
// port 0 picks a free one) and returns when the server has ended: with
// [ErrServerClosed], or at once with the reason why it can't listen, which
// matches syscall.EADDRINUSE when the port is taken.
func (srv *Server) ListenAndServe(addr string) error {
	if err := srv.Listen(addr); err != nil {
		return err
	}
	return srv.Serve()
}

// Listen is the first half of ListenAndServe: it returns when clients can
// connect, and they are served whether or not Serve is called.
func (srv *Server) Listen(addr string) error {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	switch {
	case srv.closing.Load():
		return ErrServerClosed
	case srv.engine != nil || srv.host != nil:
		return ErrListening
	}
	engine, err := loop.Listen(srv.loopConfig(addr), srv.eio.Accept)
	if err != nil {
		return err
	}
	srv.runOn(engine)
	return nil
}

// runOn makes engine the server's, and that of the servers attached to it. mu is
// held.
func (srv *Server) runOn(engine *loop.Engine) {
	srv.engine = engine
	for _, other := range srv.attached {
		other.mu.Lock()
		other.engine = engine
		other.mu.Unlock()
	}
}

// Handler returns an http.Handler that serves this server among the other
// routes of a net/http server, of which it may be the only one, over HTTP,
// HTTPS and HTTP/2. Mount it where it gets the requests under Config.Path with
// their RequestURI unchanged; other requests go to Config.Handler. It uses the
// loops that Listen has started, or starts some that listen nowhere, after
// which Listen returns [ErrListening]. It returns [ErrServerClosed] after
// Shutdown.
//
// A WebSocket over plain TCP costs what any other does, because its connection
// is handed over to a loop. Over TLS it is driven by goroutines, and so is each
// polling request: see eio.Server.Handler.
func (srv *Server) Handler() (http.Handler, error) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closing.Load() {
		return nil, ErrServerClosed
	}
	if srv.host != nil {
		return nil, ErrListening
	}
	if srv.engine == nil {
		engine, err := loop.Start(srv.loopConfig(""))
		if err != nil {
			return nil, err
		}
		srv.runOn(engine)
	}
	return srv.eio.Handler(srv.engine), nil
}

func (srv *Server) loopConfig(addr string) loop.Config {
	return loop.Config{
		Addr:           addr,
		Loops:          srv.cfg.Loops,
		MaxConnections: srv.cfg.MaxConnections,
		MaxQueued:      srv.cfg.MaxQueued,
		MaxQueuedTotal: srv.cfg.MaxQueuedTotal,
		Logger:         srv.cfg.Logger,
	}
}

// Serve is the second half of ListenAndServe: it waits for the server's end
// and returns [ErrServerClosed], or [ErrNotListening] when Listen did not succeed.
func (srv *Server) Serve() error {
	srv.mu.Lock()
	engine := srv.engine
	srv.mu.Unlock()
	if engine == nil {
		return ErrNotListening
	}
	select {
	case <-srv.done:
	case <-engine.Done():
		if err := engine.Err(); err != nil {
			return err
		}
		<-srv.done // a Shutdown is under way
	}
	return ErrServerClosed
}

// Addr is the address that the server listens on; nil when it does not.
func (srv *Server) Addr() net.Addr {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.engine == nil {
		return nil
	}
	return srv.engine.Addr()
}

// Shutdown ends the server: it accepts no more connections, disconnects every
// socket with [ServerShuttingDown] (clients see their connection close, and
// will reconnect if they can), waits for running and pending handlers, and
// stops the loops. Packets that a polling client has not fetched are lost. When
// ctx ends first, handlers are no longer waited for, adapters to other servers for
// three seconds more, and its error is returned; everything else has still been
// done. Further calls wait for the first. It must not be called by a handler that
// the server would wait for.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.mu.Lock()
	engine, host, attached := srv.engine, srv.host, srv.attached
	first := !srv.closing.Swap(true)
	srv.mu.Unlock()
	if !first {
		select {
		case <-srv.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(srv.done)
	if engine != nil && host == nil {
		engine.StopAccepting()
	}
	var err error
	for _, other := range attached {
		err = cmp.Or(err, other.Shutdown(ctx))
	}
	srv.sendHeld()
	srv.eio.Close()
	switch {
	case engine == nil:
	case host != nil:
		err = cmp.Or(err, passed(ctx, engine))
	default:
		err = cmp.Or(err, engine.Shutdown(ctx))
	}
	for ns := range srv.namespaces.all() {
		if ns.log != nil {
			ns.log.stop()
		}
	}
	if e := srv.workers.stop(ctx); err == nil {
		err = e
	}
	if e := srv.roomHooks.wait(ctx); err == nil {
		err = e
	}
	if host != nil {
		host.detach(srv)
	}
	srv.persisting.Wait() // no longer than some dataPatience
	srv.ended.Store(true)
	for ns := range srv.namespaces.all() {
		srv.closer.close(ns)
	}
	if e := srv.closer.wait(ctx); err == nil {
		err = e
	}
	return err
}

// Close is Shutdown without waiting for handlers.
func (srv *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := srv.Shutdown(ctx); err != nil && err != context.Canceled {
		return err
	}
	return nil
}
