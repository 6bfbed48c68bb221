package loop

import (
	"sync/atomic"
	"time"
)

// Stats is a snapshot of an engine's counters, summed over its loops.
type Stats struct {
	Connections int64 // open now
	Accepted    int64 // opened so far, adopted and moved ones included
	Rejected    int64 // closed on arrival: over a limit, or stopping
	Overflows   int64 // closed because of slow peers: see Conn.Overflow
	Panics      int64 // callbacks and tasks that ended by a panic or Goexit
	// Discarded are frames and packets that were sent to closed connections, or
	// queued when a connection was closed.
	Discarded int64
	LostMoves int64 // connections lost on the way to another loop
	Sends     int64 // send system calls
	BytesIn   int64
	BytesOut  int64
	// Queued is how many bytes wait now for peers that do not take them: what
	// counts against Config.MaxQueuedTotal.
	Queued int64
	// Lags is how often a loop has noticed that it was more than 20 ms late for
	// a timer, LagTime by how much in all. See [Engine.Lag] for the present.
	Lags    int64
	LagTime time.Duration

	// Handshakes are TLS handshakes that have succeeded, HandshakesFailed those
	// that have not, for whatever reason. HandshakesRunning and
	// HandshakesWaiting have begun: the client's first message is there.
	Handshakes, HandshakesFailed         int64
	HandshakesRunning, HandshakesWaiting int64
	// TLSEvicted are connections that were closed because of
	// Config.MaxTLSBuffered.
	TLSEvicted int64

	// AcceptFailures is how often accept has failed, mostly for lack of
	// descriptors. Then connections wait in the kernel's queue.
	AcceptFailures int64
}

type counters struct {
	connections, accepted, rejected, overflows, panics,
	discarded, lostMoves, sends, bytesIn, bytesOut,
	queued, lags, lagTicks,
	handshakes, handshakesFailed, tlsEvicted atomic.Int64
}

func (s *Stats) add(c *counters) {
	s.Connections += c.connections.Load()
	s.Accepted += c.accepted.Load()
	s.Rejected += c.rejected.Load()
	s.Overflows += c.overflows.Load()
	s.Panics += c.panics.Load()
	s.Discarded += c.discarded.Load()
	s.LostMoves += c.lostMoves.Load()
	s.Sends += c.sends.Load()
	s.BytesIn += c.bytesIn.Load()
	s.BytesOut += c.bytesOut.Load()
	s.Handshakes += c.handshakes.Load()
	s.HandshakesFailed += c.handshakesFailed.Load()
	s.TLSEvicted += c.tlsEvicted.Load()
	s.Queued += c.queued.Load()
	s.Lags += c.lags.Load()
	s.LagTime += time.Duration(c.lagTicks.Load()) << tickShift
}
