package sio

import "fmt"

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

// headroomPart is the part of MaxQueued that is left free by events where
// others may be dropped for them: an answer or a heartbeat must not close the
// connection.
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
