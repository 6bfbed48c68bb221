package sio

import (
	"time"

	"github.com/sioserver/sioserver/loop"
)

// While the connection handlers of a socket run, broadcasts to it are held, so
// that what the handlers emit to it comes first: a state, then what changes it.
//
//	           held, or emitted            returned
//	holdEmpty ──────────────────► holdOwes ────────► the release is posted
//	    │ returned, without either
//	    └──► holdOver, which the loop notices at the next broadcast
//
// The release is posted when the handlers have returned, so it runs behind all
// that they have emitted.
//
// The alternative, to hold back all that does not come from the handlers, needs
// the identity of goroutines, and still holds what a handler's own goroutines
// emit.
const (
	holdOff uint32 = iota
	holdEmpty
	holdOwes
	holdOver

	holdBits = 2
	holdMask = 1<<holdBits - 1
)

const (
	// maxHeld and maxHeldBytes are how much is held for one socket, and
	// maxHeldTime is for how long after the connection. Beyond, it is sent, and
	// holding ends.
	maxHeld      = 256
	maxHeldBytes = 1 << 20
	maxHeldTime  = 2 * time.Second
)

// heldPackets is what is held for a socket, with a reference each. Loop-owned.
type heldPackets struct {
	packets []encodedPacket
	bytes   int
	timer   *loop.Timer
}

// holdClock is the time in milliseconds, in the bits beside the state.
func (s *Socket) holdClock() uint32 {
	return uint32(s.client.Loop().Now()/int64(time.Millisecond)) << holdBits
}

// heldFor is how long ago the connection handlers were about to start. It is
// exact for twelve days.
func (s *Socket) heldFor() time.Duration {
	return time.Duration((s.holdClock()-s.holdState.Load()&^holdMask)>>holdBits) * time.Millisecond
}

// beginHold has broadcasts held, but with recovery, where a client that
// comes back is sent what is behind its last packet in the order of the
// offsets. It is called on the loop.
func (s *Socket) beginHold() {
	if !s.ns.delivery.holds() {
		return
	}
	s.holds = true
	s.holdState.Store(s.holdClock() | holdEmpty)
}

// holdTo moves from holdEmpty to another state. It reports false in other
// states.
func (s *Socket) holdTo(state uint32) bool {
	g := s.holdState.Load()
	return g&holdMask == holdEmpty && s.holdState.CompareAndSwap(g, g&^holdMask|state)
}

// endHold ends the holding: the connection handlers have returned.
func (s *Socket) endHold() {
	if !s.holdTo(holdOver) && s.holdState.Load()&holdMask == holdOwes {
		s.client.Loop().Post((*releaseHeldTask)(s))
	}
}

// releaseHeldTask is a socket whose connection handlers have returned.
type releaseHeldTask Socket

func (t *releaseHeldTask) Run(*loop.Loop) { (*Socket)(t).releaseHeld() }

// holdBroadcast holds a broadcast for s, on its loop, unless there is no reason
// any more, which it reports with false. One that may be lost is.
func (s *Socket) holdBroadcast(m encodedPacket, volatile bool) bool {
	left := s.ns.srv.heldTime - s.heldFor()
	if s.holdState.Load()&holdMask == holdOver || left <= 0 {
		s.releaseHeld()
		return false
	}
	p := s.client.perLoop()
	if volatile {
		p.counts.volatileDropped.Add(1)
		return true
	}
	if !s.holdTo(holdOwes) && s.holdState.Load()&holdMask == holdOver {
		s.releaseHeld()
		return false
	}
	h := p.held[s]
	if h == nil {
		h = &heldPackets{timer: s.client.Loop().AfterFunc(left, s.releaseHeld)}
		if p.held == nil {
			p.held = make(map[*Socket]*heldPackets)
		}
		p.held[s] = h
	}
	size := packetCost + m.size()
	h.packets = append(h.packets, m.retain())
	h.bytes += size
	p.counts.held.Add(1)
	s.client.Loop().HoldQueued(size)
	if h.full(s) {
		s.releaseHeld()
	}
	return true
}

// full reports whether no more is to be held.
func (h *heldPackets) full(s *Socket) bool {
	return len(h.packets) >= maxHeld || h.bytes >= min(maxHeldBytes, s.ns.srv.cfg.MaxQueued) || s.client.Loop().Excess() > 0
}

// releaseHeld sends what is held and holds nothing more.
func (s *Socket) releaseHeld() {
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
func (s *Socket) takeHeld() []encodedPacket {
	if !s.holds {
		return nil
	}
	s.holds = false
	s.holdState.Store(holdOff)
	p := s.client.perLoop()
	h := p.held[s]
	if h == nil {
		return nil
	}
	delete(p.held, s)
	s.client.Loop().Cancel(h.timer)
	s.client.Loop().HoldQueued(-h.bytes)
	p.counts.held.Add(-int64(len(h.packets)))
	return h.packets
}

// sendHeld sends what is held for the sockets of a client that is about to be
// disconnected.
func (c *client) sendHeld() {
	if len(c.perLoop().held) == 0 {
		return
	}
	for _, s := range c.sockets() {
		s.releaseHeld()
	}
}

// sendHeld sends what is held for all sockets, each loop its own.
func (srv *Server) sendHeld() {
	for i := range srv.byLoop {
		p := &srv.byLoop[i]
		if l := p.loop.Load(); l != nil {
			l.PostFunc(func() {
				for s := range p.held {
					s.releaseHeld()
				}
			})
		}
	}
}
