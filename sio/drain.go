package sio

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// Drain is how [Server.Shutdown] lets the clients go before it ends the server.
// The zero value leaves that out: all clients are disconnected at once.
//
// The context of Shutdown must last longer than Notice and Spread together; its
// end cuts both short.
type Drain struct {
	// Notice is how long clients are still served while [Server.Ready] is false
	// already and new clients are refused, with status 503 and Retry-After. It
	// is meant for load balancers and should be longer than they take to notice
	// that; at most 24 h.
	Notice time.Duration
	// Spread is over how long clients are told to go then, at random times that
	// are spread evenly; at most 24 h. New clients are still refused. A client
	// is told by the end of its connection, behind what was emitted to it, and
	// stock clients connect again at once, to another server if the load
	// balancer has noticed. The disconnection of a namespace
	// ([Socket.Disconnect]) would keep them away. So of n clients about
	// n/Spread come to the other servers each second. If this server is too
	// busy for that pace it takes longer.
	//
	// A client whose handlers run is not read any more and leaves when they
	// have returned, so that it gets their acknowledgements, or after
	// [Config.LeaveTimeout]. A polling client has five seconds more to fetch
	// what waits for it.
	Spread time.Duration
}

// maxDrain is the longest Notice or Spread.
const maxDrain = 24 * time.Hour

func (d *Drain) check() error {
	for _, f := range []struct {
		name  string
		value time.Duration
	}{{"Notice", d.Notice}, {"Spread", d.Spread}} {
		if f.value < 0 || f.value > maxDrain {
			return fmt.Errorf("sio: Config.Drain.%s is %v; it must be between 0 and 24h", f.name, f.value)
		}
	}
	return nil
}

// Ready reports whether the server takes new clients: it listens or has a
// Handler, and neither Shutdown nor Close was called. It is the answer to a
// load balancer's or an orchestrator's question for readiness. Safe for
// concurrent use.
func (srv *Server) Ready() bool {
	srv.mu.Lock()
	engine, host := srv.engine, srv.host
	srv.mu.Unlock()
	return engine != nil && !srv.leaving.Load() && (host == nil || !host.leaving.Load())
}

// fetchPatience is how long polling clients may take to fetch what waits for
// them.
const fetchPatience = 5 * time.Second

// drain carries out Config.Drain of several servers at the same time, as far as
// ctx allows.
func drain(ctx context.Context, servers []*Server) {
	var draining sync.WaitGroup
	for _, srv := range servers {
		if srv.cfg.Drain != (Drain{}) {
			draining.Go(func() { srv.drain(ctx) })
		}
	}
	draining.Wait()
}

func (srv *Server) drain(ctx context.Context) {
	d := srv.cfg.Drain
	srv.eio.Refuse(d.Notice + d.Spread)
	notice := time.NewTimer(d.Notice)
	defer notice.Stop()
	select {
	case <-notice.C:
	case <-ctx.Done():
		return
	}
	if srv.eio.Dismiss(ctx, d.Spread, dismiss) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, srv.cfg.LeaveTimeout+fetchPatience)
	defer cancel()
	_ = srv.eio.Empty(ctx) // those that are left are disconnected now
}

// dismiss tells a client to go. It is called on the client's loop.
func dismiss(s *eio.Session) {
	c := s.App.(*client)
	c.flags.set(isDismissed)
	d := &departing{client: c, until: time.Duration(c.Loop().Now()) + c.srv.cfg.LeaveTimeout}
	d.timer.Init(d)
	d.Expired(nil)
}

// departing is a client that was told to go and may have handlers that run.
// Loop-owned.
type departing struct {
	*client
	timer loop.Timer
	until time.Duration // when it goes all the same
}

// departingPause is the time between two looks at the handlers of a client.
const departingPause = 20 * time.Millisecond

// Expired has the client go, or wait for its handlers.
func (d *departing) Expired(*loop.Timer) {
	switch l := d.Loop(); {
	case d.State() != eio.StateOpen:
	case d.busy() && time.Duration(l.Now()) < d.until:
		d.Session.Pause()
		l.Arm(&d.timer, departingPause)
	default:
		l.Post((*departTask)(d.client)) // behind what the handlers have emitted
	}
}

// departTask is a client whose handlers have returned.
type departTask client

func (t *departTask) Run(*loop.Loop) { (*client)(t).end(nil, false) }

// busy reports whether handlers of the client run or wait. Called on the loop.
func (c *client) busy() bool {
	for _, s := range c.sockets() {
		s.mu.Lock()
		busy := s.queue != nil
		s.mu.Unlock()
		if busy {
			return true
		}
	}
	return c.extra != nil && len(c.extra.joins) > 0
}
