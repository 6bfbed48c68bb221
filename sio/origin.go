package sio

import (
	"container/heap"
	"net/netip"
)

// origin are the clients of one address that have joined no namespace, the oldest
// first.
type origin struct {
	addr        netip.Addr
	first, last *connectTimer
	n           int
	index       int // in the heap
}

// origins sorts clients by their addresses, and the addresses by how many clients
// they have. That costs more than a list, so it is done only while there are too
// many. It is a heap: the address to be thinned out comes first. Loop-owned.
type origins struct {
	of     map[netip.Addr]*origin // nil while nothing is sorted
	list   []*origin
	enough int // with fewer clients sorting ends
}

// ipv6Part is how much of an IPv6 address, in bits, tells one subscriber from
// another.
const ipv6Part = 64

// addressOf is what the client counts for.
func addressOf(c *client) netip.Addr {
	a := c.RemoteAddr().Addr().Unmap()
	if a.Is6() {
		if p, err := a.Prefix(ipv6Part); err == nil {
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

// Less puts the largest origin first, of equal ones that with the oldest client.
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
