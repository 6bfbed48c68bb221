package sio

import (
	"errors"
	"fmt"
	"sync"
)

// Attach has other serve the requests under its Config.Path on the port of srv, and
// in srv's Handler, whether srv listens already or not: several servers, each with
// its own namespaces, options and middlewares, share one port so. other must be
// new, and have its own Path and the same Loops. Requests outside all paths go to
// the Handler of srv's Config, whose MaxConnections, and MaxQueued of WebSockets,
// hold for all connections. other's Listen and Handler return [ErrListening]
// afterwards, its Addr is srv's. Shutdown of other ends other alone: handshakes under
// its Path are refused until another server with that Path is attached. Shutdown of
// srv ends both, and its error counts what is left of both.
func (srv *Server) Attach(other *Server) error {
	if other == nil {
		return errors.New("sio: Attach: the server is nil")
	}
	if other == srv {
		return fmt.Errorf("sio: Attach: a server can't be attached to itself")
	}
	attaching.Lock()
	defer attaching.Unlock()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.host != nil {
		return fmt.Errorf("sio: Attach: the server of %s is attached itself", srv.cfg.Path)
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	switch {
	case srv.closing.Load() || other.closing.Load():
		return ErrServerClosed
	case other.engine != nil || other.host != nil:
		return ErrListening
	case other.cfg.Loops != srv.cfg.Loops:
		return fmt.Errorf("sio: Attach: Config.Loops is %d; it must be %d as that of the other server", other.cfg.Loops, srv.cfg.Loops)
	}
	if err := srv.eio.Mount(other.eio); err != nil {
		return err
	}
	other.host, other.engine = srv, srv.engine
	srv.attached = append(srv.attached, other)
	return nil
}

// detach forgets a server that was attached and has ended.
func (srv *Server) detach(other *Server) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.attached = without(srv.attached, other)
}

// attaching comes before the mu of two servers: a server and one attached to it.
var attaching sync.Mutex
