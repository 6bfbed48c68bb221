package loop

import (
	"time"

	"github.com/panjf2000/gnet/v2"
)

// events is what gnet calls.
type events struct {
	gnet.BuiltinEventEngine
	e    *Engine
	boot func(gnet.Engine) // nil when gnet's engine is not of interest
}

// OnBoot runs before gnet has built its loops.
func (ev *events) OnBoot(g gnet.Engine) gnet.Action {
	if ev.boot != nil {
		ev.boot(g)
	}
	return gnet.None
}

// OnTick is used for its first call, by which gnet has built its loops.
func (ev *events) OnTick() (time.Duration, gnet.Action) {
	select {
	case <-ev.e.started:
	default:
		close(ev.e.started)
	}
	return 24 * time.Hour, gnet.None
}

// OnShutdown runs before gnet's loops end and close the descriptors that wake
// them.
func (ev *events) OnShutdown(gnet.Engine) {
	ev.e.doors.end()
	for _, r := range ev.e.reactor {
		r.rest.mu.Lock()
		r.ended = true
		r.rest.mu.Unlock()
		r.rest.visit()
	}
}

// OnOpen admits a connection.
func (ev *events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	r := ev.e.reactorOf(gc.EventLoop())
	t := ev.e.door
	switch ctx := gc.Context().(type) {
	case probe:
		r.goroutine = goroutine()
		accepting.Store(r.goroutine, r)
		r.unbound = r.rest.init(gc.Fd(), ev.e.maxFD)
		r.do(burst{kind: aTurn}) // what was posted before the loop was bound
		return nil, gnet.None
	case *ticket:
		t = ctx
		gc.SetContext(nil)
		gc.SetSafeContext(nil)
	}
	if ev.e.refuses(gc.Fd(), t) {
		r.loop.counters.rejected.Add(1)
		return nil, gnet.Close
	}
	if t != ev.e.door {
		t.opened = true
	}
	r.current = gc
	c := r.loop.newConn(gc, addrPortOf(gc.RemoteAddr()), t)
	gc.SetContext(c)
	r.do(burst{kind: anOpening, c: c, ticket: t})
	return nil, r.settle(gc)
}

// OnTraffic hands all bytes that were read to the connection.
func (ev *events) OnTraffic(gc gnet.Conn) gnet.Action {
	b, _ := gc.Next(-1)
	c, ok := gc.Context().(*Conn)
	if !ok {
		return gnet.None
	}
	r := c.loop.be.(*reactor)
	r.current = gc
	r.do(burst{kind: anArrival, c: c, data: b})
	return r.settle(gc)
}

// OnClose tells of connections that the loop itself did not close.
func (ev *events) OnClose(gc gnet.Conn, err error) gnet.Action {
	c, ok := gc.Context().(*Conn)
	if !ok {
		return gnet.None
	}
	gc.SetContext(nil)
	if err == nil {
		err = ErrShutdown
	}
	c.loop.be.(*reactor).do(burst{kind: aLoss, c: c, err: err})
	return gnet.None
}
