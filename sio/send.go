package sio

import (
	"fmt"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// deliver sends a packet to the socket's client, on its loop, unless the
// client has left the namespace. A volatile one is dropped when it could not
// leave at once, unless the policy for slow clients lets it wait. It reports
// whether the packet was sent.
func (s *Socket) deliver(m encodedPacket, volatile bool) bool {
	if s.gone {
		return false
	}
	counts := &s.client.perLoop().counts
	if volatile && !s.client.Writable() && (m.awaited || !s.ns.srv.volatileWaits()) {
		counts.volatileDropped.Add(1)
		return false
	}
	if s.ns.srv.cfg.SlowConsumer != SlowDisconnect && !s.fits(m, volatile) {
		return false
	}
	counts.packetsOut.Add(1)
	if m.outgoing != nil {
		s.notifyOutgoing(m.outgoing)
	}
	m.send(s.client)
	return true
}

// send hands the packet to the client's session, on its loop: all of it, or
// nothing.
func (m encodedPacket) send(c *client) {
	if len(m.attachments) > 0 && !m.admitted(c) {
		return
	}
	if c.srv.tracesPackets {
		c.tracePacket("sio: packet out", m.kind, nil, len(m.attachments))
	}
	if !c.Session.Send(m.head) {
		c.Loop().Discard(1 + len(m.attachments))
		return
	}
	for _, p := range m.attachments {
		c.Session.Send(p)
	}
}

// admitted reports whether the client's session takes all of the packet.
func (m encodedPacket) admitted(c *client) bool {
	rest := 0
	for _, p := range m.attachments {
		rest += c.SizeOf(p)
	}
	return c.Admits(c.SizeOf(m.head), rest, len(m.attachments))
}

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

// SlowPolicy says what happens when a client reads more slowly than it is sent
// to, so that [Config.MaxQueued] is about to be exceeded although what waits
// was offered to the client.
type SlowPolicy uint8

const (
	// SlowDisconnect closes the client's connection with the reason
	// [SlowConsumer] when the client takes nothing for [Config.SlowTimeout]
	// while more than MaxQueued waits, or four times as much is about to wait.
	// What waits is still delivered if the client takes it now, for half a
	// minute at most. It is the default: the client notices and can come back.
	SlowDisconnect SlowPolicy = iota
	// SlowDropNewest drops the event that does not fit. Acknowledgements,
	// events that ask for one, and the engine's own packets are never dropped:
	// a sixteenth of MaxQueued is reserved for them, and when that does not
	// suffice SlowDisconnect applies to them. It can't be combined with
	// [Config.ConnectionStateRecovery], because the client could never know
	// what it missed.
	SlowDropNewest
	// SlowDropOldest lets volatile events wait instead of dropping them at
	// once, and drops those that have waited longest when others need the
	// place. When that does not suffice a volatile event is dropped, and
	// SlowDisconnect applies to any other. Events that ask for an
	// acknowledgement don't wait.
	SlowDropOldest
)

func (p SlowPolicy) String() string {
	switch p {
	case SlowDisconnect:
		return "disconnect"
	case SlowDropNewest:
		return "drop newest"
	case SlowDropOldest:
		return "drop oldest"
	default:
		return fmt.Sprintf("SlowPolicy(%d)", uint8(p))
	}
}

// SlowEvent describes what was done about a client that reads too slowly.
type SlowEvent struct {
	Conn *Conn
	// Did is what was done: the connection is closed, or events were dropped.
	Did SlowPolicy
	// Socket is the one whose event was dropped with SlowDropNewest, else nil:
	// the queue does not know the sockets of its events.
	Socket *Socket
	// Dropped is how many events; 0 with SlowDisconnect.
	Dropped int
	// Queued is how many bytes still wait; 0 with SlowDisconnect.
	Queued int
}

// Events leave the headroomFraction-th part of MaxQueued free where others may
// be dropped for them: an answer or a heartbeat must not close the connection.
const headroomFraction = 16

// volatileWaits reports whether volatile events may wait for a slow client.
func (srv *Server) volatileWaits() bool { return srv.cfg.SlowConsumer == SlowDropOldest }

// fits makes room for a packet by the policy for slow clients. It reports
// false when the packet must be dropped. It is called on the client's loop.
func (s *Socket) fits(m encodedPacket, volatile bool) bool {
	srv := s.ns.srv
	if len(m.attachments) == 0 && s.client.Queued() == 0 {
		return true // whatever its size
	}
	size := s.client.SizeOf(m.head) + srv.cfg.MaxQueued/headroomFraction
	for _, p := range m.attachments {
		size += s.client.SizeOf(p)
	}
	must := m.awaited || srv.cfg.SlowConsumer == SlowDropOldest && !volatile
	// What is too large for an empty queue drops no other event.
	if must || size <= srv.cfg.MaxQueued {
		dropped, ok := s.client.MakeRoom(size, 1+len(m.attachments))
		if dropped > 0 {
			s.client.perLoop().counts.droppedOldest.Add(uint64(dropped))
			srv.reportSlow(SlowEvent{Conn: s.Conn(), Did: SlowDropOldest, Dropped: dropped, Queued: s.client.Queued()})
		}
		if ok || must {
			return true // where there is no room the engine watches the client
		}
	}
	s.client.perLoop().counts.droppedNewest.Add(1)
	srv.reportSlow(SlowEvent{Conn: s.Conn(), Did: SlowDropNewest, Socket: s, Dropped: 1, Queued: s.client.Queued()})
	return false
}

func (srv *Server) reportSlow(e SlowEvent) {
	if report := srv.cfg.OnSlowConsumer; report != nil {
		srv.protectOn((*client)(e.Conn).Loop(), "slow consumer", func() { report(e) })
	}
}
