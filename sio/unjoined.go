package sio

import (
	"container/heap"
	"net/netip"
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
	p := c.perLoop()
	p.unjoined.add(t)
	c.srv.thinOut(p)
}

func (c *client) stopConnectTimer() {
	if t := c.connect; t != nil {
		c.Loop().Cancel(&t.Timer)
		c.perLoop().unjoined.remove(t)
		c.connect, t.client = nil, nil
		connectTimers.Put(t)
	}
}

// Expired implements loop.TimerHandler.
func (t *connectTimer) Expired(*loop.Timer) {
	c := t.client
	c.perLoop().counts.connectTimeouts.Add(1)
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

// victim is the client that leaves next when there is no room for all: the
// oldest of the address that has the most. nil when there is none.
func (u *unjoined) victim() *client {
	if u.first == nil {
		return nil
	}
	if !u.origins.sorted() {
		u.origins.sort(u.first, int(u.count.Load()))
	}
	return u.origins.list[0].first.client
}

// thinOut makes room when a client that has joined nothing has come to p. While
// p has not more than its share there is room without a look at other loops.
func (srv *Server) thinOut(p *perLoop) {
	limit := srv.cfg.MaxUnjoined
	if int(p.unjoined.count.Load()) <= limit/len(srv.byLoop) {
		return
	}
	total, fullest, most := 0, p, p.unjoined.count.Load()
	for i := range srv.byLoop {
		q := &srv.byLoop[i]
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

// evict closes a client of p that has joined no namespace, unless others have
// gone meanwhile. Those of all loops go one after the other, so none goes too
// many.
func (srv *Server) evict(p *perLoop) {
	srv.evicting.Lock()
	total := 0
	for i := range srv.byLoop {
		total += int(srv.byLoop[i].unjoined.count.Load())
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

// origin are the clients of one address that have joined no namespace, the
// oldest first.
type origin struct {
	addr        netip.Addr
	first, last *connectTimer
	n           int
	index       int // in the heap
}

// origins sorts clients by their addresses, and the addresses by how many
// clients they have. That costs more than a list, so it is done only while
// there are too many. It is a heap: the address to be thinned out comes first.
// Loop-owned.
type origins struct {
	of     map[netip.Addr]*origin // nil while nothing is sorted
	list   []*origin
	enough int // with fewer clients sorting ends
}

// subscriberBits is how much of an IPv6 address, in bits, tells one subscriber
// from another.
const subscriberBits = 64

// addressOf is what the client counts for.
func addressOf(c *client) netip.Addr {
	a := c.RemoteAddr().Addr().Unmap()
	if a.Is6() {
		if p, err := a.Prefix(subscriberBits); err == nil {
			return p.Addr()
		}
	}
	return a
}

func (cs *origins) sorted() bool { return cs.of != nil }

// sort begins with the n clients from first on.
func (cs *origins) sort(first *connectTimer, n int) {
	cs.of = make(map[netip.Addr]*origin)
	cs.enough = n / 2
	for t := first; t != nil; t = t.newer {
		cs.add(t)
	}
}

// forget ends the sorting of the clients from first on.
func (cs *origins) forget(first *connectTimer) {
	for t := first; t != nil; t = t.newer {
		t.origin, t.among = nil, neighbors{}
	}
	*cs = origins{}
}

func (cs *origins) add(t *connectTimer) {
	addr := addressOf(t.client)
	w := cs.of[addr]
	if w == nil {
		w = &origin{addr: addr}
		cs.of[addr] = w
	}
	t.origin, t.among = w, neighbors{older: w.last}
	if w.last != nil {
		w.last.among.newer = t
	} else {
		w.first = t
	}
	w.last = t
	if w.n++; w.n == 1 {
		heap.Push(cs, w)
	} else {
		heap.Fix(cs, w.index)
	}
}

func (cs *origins) remove(t *connectTimer) {
	w, at := t.origin, t.among
	if at.older != nil {
		at.older.among.newer = at.newer
	} else {
		w.first = at.newer
	}
	if at.newer != nil {
		at.newer.among.older = at.older
	} else {
		w.last = at.older
	}
	t.origin, t.among = nil, neighbors{}
	if w.n--; w.n > 0 {
		heap.Fix(cs, w.index)
		return
	}
	heap.Remove(cs, w.index)
	delete(cs.of, w.addr)
}

// Less puts the largest origin first, of equal ones that with the oldest
// client.
func (cs *origins) Less(i, j int) bool {
	a, b := cs.list[i], cs.list[j]
	if a.n != b.n {
		return a.n > b.n
	}
	return a.first.order < b.first.order
}

// Len, Swap, Push and Pop are heap.Interface.
func (cs *origins) Len() int { return len(cs.list) }

func (cs *origins) Swap(i, j int) {
	cs.list[i], cs.list[j] = cs.list[j], cs.list[i]
	cs.list[i].index, cs.list[j].index = i, j
}

func (cs *origins) Push(x any) {
	w := x.(*origin)
	w.index = len(cs.list)
	cs.list = append(cs.list, w)
}

func (cs *origins) Pop() any {
	last := len(cs.list) - 1
	w := cs.list[last]
	cs.list[last] = nil
	cs.list = cs.list[:last]
	return w
}
