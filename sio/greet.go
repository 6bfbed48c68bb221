package sio

import (
	"time"

	"github.com/sioserver/sioserver/loop"
)

// While the connection handlers of a socket run, broadcasts to it are held, so
// that what the handlers emit to it comes first: a state, then what changes it.
//
//	           held, or emitted               returned
//	greetRuns ──────────────────► greetOwes ────────────► release, posted to the loop
//	    │ returned, without either
//	    └──► greetOver, which the loop notices at the next broadcast
//
// The release is posted when the handlers have returned, so it runs behind all
// that they have emitted.
//
// The alternative, to hold back all that does not come from the handlers, needs
// the identity of goroutines, and still holds what a handler's own goroutines
// emit.
const (
	greetNone uint32 = iota
	greetRuns
	greetOwes
	greetOver

	greetBits = 2
	greetMask = 1<<greetBits - 1
)

const (
	// maxHeld and maxHeldBytes are how much is held for one socket, and
	// maxHeldTime is for how long after the connection. Beyond, it is sent, and
	// holding ends.
	maxHeld      = 256
	maxHeldBytes = 1 << 20
	maxHeldTime  = 2 * time.Second
)

// held is what is held for a socket, with a reference each. Loop-owned.
type held struct {
	messages []message
	bytes    int
	timer    *loop.Timer
}

// greetClock is the time in milliseconds, in the bits beside the state.
func (s *Socket) greetClock() uint32 {
	return uint32(s.client.Loop().Now()/int64(time.Millisecond)) << greetBits
}

// greeted is how long ago the connection handlers were about to start. It is
// exact for twelve days.
func (s *Socket) greeted() time.Duration {
	return time.Duration((s.greetClock()-s.greeting.Load()&^greetMask)>>greetBits) * time.Millisecond
}

// beginGreeting has broadcasts held, but with recovery, where a client that
// comes back is sent what is behind its last packet in the order of the
// offsets. It is called on the loop.
func (s *Socket) beginGreeting() {
	if !s.ns.delivery.greets() {
		return
	}
	s.holds = true
	s.greeting.Store(s.greetClock() | greetRuns)
}

// greetTo moves from greetRuns to another state. It reports false in other
// states.
func (s *Socket) greetTo(state uint32) bool {
	g := s.greeting.Load()
	return g&greetMask == greetRuns && s.greeting.CompareAndSwap(g, g&^greetMask|state)
}

// endGreeting ends the holding: the connection handlers have returned.
func (s *Socket) endGreeting() {
	if !s.greetTo(greetOver) && s.greeting.Load()&greetMask == greetOwes {
		s.client.Loop().Post((*releaseTask)(s))
	}
}

// releaseTask is a socket whose connection handlers have returned.
type releaseTask Socket

func (t *releaseTask) Run(*loop.Loop) { (*Socket)(t).unhold() }

// hold holds a broadcast for s, on its loop, unless there is no reason any
// more, which it reports with false. One that may be lost is.
func (s *Socket) hold(m message, volatile bool) bool {
	left := s.ns.srv.heldTime - s.greeted()
	if s.greeting.Load()&greetMask == greetOver || left <= 0 {
		s.unhold()
		return false
	}
	p := s.client.perLoop()
	if volatile {
		p.counts.volatileDropped.Add(1)
		return true
	}
	if !s.greetTo(greetOwes) && s.greeting.Load()&greetMask == greetOver {
		s.unhold()
		return false
	}
	h := p.held[s]
	if h == nil {
		h = &held{timer: s.client.Loop().AfterFunc(left, s.unhold)}
		if p.held == nil {
			p.held = make(map[*Socket]*held)
		}
		p.held[s] = h
	}
	size := packetCost + m.size()
	h.messages = append(h.messages, m.retain())
	h.bytes += size
	p.counts.held.Add(1)
	s.client.Loop().HoldQueued(size)
	if h.full(s) {
		s.unhold()
	}
	return true
}

// full reports whether no more is to be held.
func (h *held) full(s *Socket) bool {
	return len(h.messages) >= maxHeld || h.bytes >= min(maxHeldBytes, s.ns.srv.cfg.MaxQueued) || s.client.Loop().Excess() > 0
}

// unhold sends what is held and holds nothing more.
func (s *Socket) unhold() {
	for _, m := range s.takeHeld() {
		s.deliver(m, false)
		m.release()
	}
}

// dropHeld ends the holding for a socket that is sent nothing more.
func (s *Socket) dropHeld() {
	list := s.takeHeld()
	s.client.Loop().Discard(len(list))
	for _, m := range list {
		m.release()
	}
}

// takeHeld ends the holding and returns what was held.
func (s *Socket) takeHeld() []message {
	if !s.holds {
		return nil
	}
	s.holds = false
	s.greeting.Store(greetNone)
	p := s.client.perLoop()
	h := p.held[s]
	if h == nil {
		return nil
	}
	delete(p.held, s)
	s.client.Loop().Cancel(h.timer)
	s.client.Loop().HoldQueued(-h.bytes)
	p.counts.held.Add(-int64(len(h.messages)))
	return h.messages
}

// sendHeld sends what is held for the sockets of a client that is about to be
// disconnected.
func (c *client) sendHeld() {
	if len(c.perLoop().held) == 0 {
		return
	}
	for _, s := range c.sockets() {
		s.unhold()
	}
}

// sendHeld sends what is held for all sockets, each loop its own.
func (srv *Server) sendHeld() {
	for i := range srv.byLoop {
		p := &srv.byLoop[i]
		if l := p.loop.Load(); l != nil {
			l.PostFunc(func() {
				for s := range p.held {
					s.unhold()
				}
			})
		}
	}
}
