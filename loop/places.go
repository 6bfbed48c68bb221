package loop

import (
	"container/list"
	"net/netip"
	"runtime"
	"sync"
)

// shareOfPlaces is the fraction of the places that one address may have.
const shareOfPlaces = 4

// places are for the TLS handshakes that run at a time. Those that wait for one
// get it in turn by address, of IPv6 by the first 64 bits; an address has at
// most a quarter of them. Of the handshakes that run, few work at a time: the
// others wait for their peers. Safe for concurrent use.
type places struct {
	work chan struct{} // has room for as many as may work at a time
	run  func(f func())

	mu      sync.Mutex // guards what follows
	limit   int
	running int
	waiting int
	of      map[netip.Addr]*visitor
	turn    list.List // of *visitor that wait and have less than their share
}

// visitor is an address that has places or waits for some.
type visitor struct {
	key     netip.Addr
	waiting list.List // of *entry
	running int
	turn    *list.Element // in places.turn; nil for none
}

// entry is a handshake that waits for a place or has one.
type entry struct {
	visitor *visitor
	f       func()
	waits   *list.Element // in visitor.waiting; nil once it runs, or was withdrawn
}

// init prepares limit places. run starts a goroutine.
func (p *places) init(limit int, run func(f func())) {
	p.limit, p.run = limit, run
	p.work = make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1))
	p.of = make(map[netip.Addr]*visitor)
}

// enter has f run on a goroutine when there is a place for addr.
func (p *places) enter(addr netip.Addr, f func()) *entry {
	key := addr.Unmap()
	if key.Is6() {
		if prefix, err := key.Prefix(64); err == nil {
			key = prefix.Addr()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.of[key]
	if v == nil {
		v = &visitor{key: key}
		p.of[key] = v
	}
	e := &entry{visitor: v, f: f}
	e.waits = v.waiting.PushBack(e)
	p.waiting++
	p.queue(v)
	p.start()
	return e
}

// withdraw ends the waiting of e, if it waits.
func (p *places) withdraw(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.waits == nil {
		return
	}
	e.visitor.waiting.Remove(e.waits)
	e.waits = nil
	p.waiting--
	p.queue(e.visitor)
}

// queue puts v into the turn, or takes it out, and forgets it if it has
// nothing. The caller holds mu.
func (p *places) queue(v *visitor) {
	eligible := v.waiting.Len() > 0 && v.running < max(p.limit/shareOfPlaces, 1)
	switch {
	case eligible && v.turn == nil:
		v.turn = p.turn.PushBack(v)
	case !eligible && v.turn != nil:
		p.turn.Remove(v.turn)
		v.turn = nil
	}
	if v.running == 0 && v.waiting.Len() == 0 {
		delete(p.of, v.key)
	}
}

// start runs those whose turn it is. The caller holds mu.
func (p *places) start() {
	for p.running < p.limit && p.turn.Len() > 0 {
		v := p.turn.Remove(p.turn.Front()).(*visitor)
		v.turn = nil
		e := v.waiting.Remove(v.waiting.Front()).(*entry)
		e.waits = nil
		p.waiting--
		p.running++
		v.running++
		p.queue(v)
		p.run(func() {
			defer p.leave(v)
			e.f()
		})
	}
}

// leave gives v's place to the next.
func (p *places) leave(v *visitor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	v.running--
	p.queue(v)
	p.start()
}

// counts returns how many run and wait.
func (p *places) counts() (running, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.waiting
}
