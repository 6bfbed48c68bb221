package sio

import (
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
)

// connectTimer closes a client that joins no namespace in time. It is also the
// client's place among those that have joined none.
type connectTimer struct {
	loop.Timer
	client    *client
	neighbors // on the loop's list

	origin *origin   // nil unless the loop sorts its list by addresses
	among  neighbors // on the origin's list
	order  uint64    // of arrival
}

// neighbors is where a timer stands in a list.
type neighbors struct{ older, newer *connectTimer }

var connectTimers = sync.Pool{New: func() any {
	t := new(connectTimer)
	t.Init(t)
	return t
}}

func (c *client) startConnectTimer() {
	t := connectTimers.Get().(*connectTimer)
	t.client = c
	c.connect = t
	c.Loop().Arm(&t.Timer, c.srv.cfg.ConnectTimeout)
	p := c.part()
	p.unjoined.add(t)
	c.srv.thinOut(p)
}

func (c *client) stopConnectTimer() {
	if t := c.connect; t != nil {
		c.Loop().Cancel(&t.Timer)
		c.part().unjoined.remove(t)
		c.connect, t.client = nil, nil
		connectTimers.Put(t)
	}
}

// Expired implements loop.TimerHandler.
func (t *connectTimer) Expired(*loop.Timer) {
	c := t.client
	c.part().counts.connectTimeouts.Add(1)
	c.logEnded(errConnectTimeout)
	c.end(errConnectTimeout, true) // nothing that was sent could matter
}

// unjoined are the clients of a loop that have joined no namespace, the oldest
// first. Loop-owned but for count.
type unjoined struct {
	first, last *connectTimer
	arrived     uint64
	count       atomic.Int32
	origins     origins // empty while there is room for all
}

func (u *unjoined) add(t *connectTimer) {
	u.arrived++
	t.order = u.arrived
	t.older = u.last
	if u.last != nil {
		u.last.newer = t
	} else {
		u.first = t
	}
	u.last = t
	u.count.Add(1)
	if u.origins.sorted() {
		u.origins.add(t)
	}
}

func (u *unjoined) remove(t *connectTimer) {
	if t.older != nil {
		t.older.newer = t.newer
	} else {
		u.first = t.newer
	}
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		u.last = t.older
	}
	t.neighbors = neighbors{}
	n := u.count.Add(-1)
	if t.origin != nil {
		u.origins.remove(t)
		if int(n) < u.origins.enough {
			u.origins.forget(u.first)
		}
	}
}

// victim is the client that leaves next when there is no room for all: the oldest
// of the address that has the most. nil when there is none.
func (u *unjoined) victim() *client {
	if u.first == nil {
		return nil
	}
	if !u.origins.sorted() {
		u.origins.sort(u.first, int(u.count.Load()))
	}
	return u.origins.list[0].first.client
}

// thinOut makes room when a client that has joined nothing has come to p. While p
// has not more than its share there is room without a look at other loops.
func (srv *Server) thinOut(p *part) {
	limit := srv.cfg.MaxUnjoined
	if int(p.unjoined.count.Load()) <= limit/len(srv.parts) {
		return
	}
	total, fullest, most := 0, p, p.unjoined.count.Load()
	for i := range srv.parts {
		q := &srv.parts[i]
		n := q.unjoined.count.Load()
		total += int(n)
		if n > most || n == most && fullest == p {
			fullest, most = q, n
		}
	}
	switch {
	case total <= limit:
	case fullest == p:
		srv.evict(p)
	default:
		fullest.loop.Load().PostFunc(func() { srv.evict(fullest) })
	}
}

// evict closes a client of p that has joined no namespace, unless others have gone
// meanwhile. Those of all loops go one after the other, so none goes too many.
func (srv *Server) evict(p *part) {
	srv.evicting.Lock()
	total := 0
	for i := range srv.parts {
		total += int(srv.parts[i].unjoined.count.Load())
	}
	c := p.unjoined.victim()
	if c == nil || total <= srv.cfg.MaxUnjoined {
		srv.evicting.Unlock()
		return
	}
	c.stopConnectTimer()
	srv.evicting.Unlock()
	p.counts.unjoinedEvicted.Add(1)
	c.logEnded(errUnjoined)
	c.end(errUnjoined, true)
}
