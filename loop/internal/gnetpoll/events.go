//go:build linux

package gnetpoll

import (
	"net"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goid"
)

// events is what gnet calls.
type events struct {
	gnet.BuiltinEventEngine
	e    *Engine
	boot func(gnet.Engine) // may be nil
}

// OnBoot runs before gnet has built its loops.
func (ev *events) OnBoot(g gnet.Engine) gnet.Action {
	if ev.boot != nil {
		ev.boot(g)
	}
	return gnet.None
}

// OnTick is first called when gnet's loops exist. Later calls do nothing.
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
	ev.e.listeners.end()
	for _, p := range ev.e.pollers {
		p.parker.mu.Lock()
		p.ended = true
		p.parker.mu.Unlock()
		p.parker.inhibit()
	}
}

// OnOpen gives the loop a connection.
func (ev *events) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	p := ev.e.pollerOf(gc.EventLoop())
	var a *arrival
	switch ctx := gc.Context().(type) {
	case probe:
		p.goroutine = goid.Current()
		accepting.Store(p.goroutine, p)
		p.unbound = p.parker.init(gc.Fd(), ev.e.maxFD)
		p.loop.Turn() // what was posted before the loop was bound
		return nil, gnet.None
	case *arrival:
		a = ctx
		a.came = true
		gc.SetContext(nil)
		gc.SetSafeContext(nil)
	}
	var handoff any
	if a != nil {
		handoff = a.handoff
	}
	p.current = gc
	c := p.loop.Open(gc, zoneless(gc.RemoteAddr()), handoff)
	if c == nil {
		p.current = nil
		return nil, gnet.Close
	}
	if a != nil {
		a.opened = true
	}
	gc.SetContext(c)
	return nil, p.settle(gc)
}

// OnTraffic hands all bytes that were read to the loop.
func (ev *events) OnTraffic(gc gnet.Conn) gnet.Action {
	b, _ := gc.Next(-1)
	c, ok := gc.Context().(backend.Conn)
	if !ok {
		return gnet.None
	}
	p := c.Backend().(*poller)
	p.current = gc
	p.loop.Receive(c, b)
	return p.settle(gc)
}

// zoneless removes a zone: gnet puts the bytes of its name into a buffer pool
// when the connection closes, although package net may still be using them.
func zoneless(a net.Addr) net.Addr {
	if a, ok := a.(*net.TCPAddr); ok && a.Zone != "" {
		return &net.TCPAddr{IP: a.IP, Port: a.Port}
	}
	return a
}

// OnClose reports connections that the loop itself did not close.
func (ev *events) OnClose(gc gnet.Conn, err error) gnet.Action {
	c, ok := gc.Context().(backend.Conn)
	if !ok {
		return gnet.None
	}
	gc.SetContext(nil)
	c.Backend().(*poller).loop.Lose(c, err)
	return gnet.None
}
