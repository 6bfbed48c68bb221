package sio

import "time"

// HoldFor sets for how long broadcasts are held for a socket at most. It is
// called before the server listens.
func (srv *Server) HoldFor(d time.Duration) { srv.heldTime = d }

// LoopsEnded is closed when the loops have ended.
func (srv *Server) LoopsEnded() <-chan struct{} { return srv.engine.Done() }
