package loop

import (
	"log/slog"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goid"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
	"github.com/sioserver/sioserver/loop/invariants"
)

// Loop is one event loop. Post, PostFunc and Index are safe for concurrent use;
// everything else is loop-owned.
type Loop struct {
	index     int
	engine    *Engine // nil in package looptest
	owned     owned
	be        backend.Backend
	sockets   backend.Sockets // nil when all connections are streams
	log       *slog.Logger
	maxQueued int
	counters  counters

	mu     invariants.Mutex[Loop] // guards what follows up to the blank line
	inbox  []Task
	awake  bool // in a burst, or a wake-up is on its way: Post need not wake
	closed bool

	batch       []Task // tasks taken from inbox, which are being run
	ran         int    // how many of batch were run
	armed       bool   // a wake-up is on its way
	now         int64  // 0 until Now is called in this burst
	alarm       int64  // when the backend's timer expires; 0 when not set
	wheel       wheel
	lag         lag
	shrink      shrinkDetector   // of the number of connections
	bytes       shrinkDetector   // of the bytes that Hold is called with
	dirty       []*Conn          // have frames to write
	departures  []departure      // connections to be closed, moved or detached
	blocked     map[uint32]*Conn // wait for a writability notice, by its id
	notice      uint32           // the last notice's id
	spare       []*outbox
	scratch     []byte   // small frames are joined in it
	iov         [][]byte // one send's pieces
	queuedTotal queuedTotal
	drained     chan<- struct{} // closed when nothing is queued; see drainTask

	streamSockets   map[*streamSocket]struct{} // not in the backend's poller
	records         *records                   // of TLS connections; nil before the first
	coroutine       *coroutine                 // runs bursts; nil at first
	burst           burst
	spareCoroutines []*coroutine // for Contain; one for each nested call

	streams  goroutine.Group // the goroutines of streamSockets
	draining atomic.Bool     // written must post
}

func newLoop(index int, be backend.Backend, sockets backend.Sockets, log *slog.Logger, maxQueued, share int) *Loop {
	l := &Loop{index: index, be: be, sockets: sockets, log: log, maxQueued: maxQueued, queuedTotal: queuedTotal{share: share}}
	if invariants.Enabled {
		l.owned.maker = goid.Current()
	}
	l.shrink.init(l, shrinkPeak)
	l.bytes.init(l, shrinkBytes)
	l.streams.Written = l.written
	return l
}

// Index is the loop's place in Engine.Loops.
func (l *Loop) Index() int { return l.index }

// Engine is the engine that the loop belongs to.
func (l *Loop) Engine() *Engine { return l.engine }

// Now is a monotonic clock in nanoseconds. It is read once a burst, and does
// not advance within it. Its zero is arbitrary, but the same for all loops of
// an Engine. Loop-owned.
func (l *Loop) Now() int64 {
	l.own("Loop.Now")
	if l.now == 0 {
		l.now = l.be.Now()
	}
	return l.now
}

// begin begins a burst: Post needs no wake-up until end.
func (l *Loop) begin() {
	l.now = 0
	l.setInBurst(true)
	l.mu.Lock()
	l.armed = l.awake
	l.awake = true
	l.mu.Unlock()
}

// end ends the burst of c's event; c is nil if the connection is gone. If only
// c is dirty, end writes what c has queued. Otherwise all writes are left to
// the turn, so that the events that the poller has reported together share
// them. Only c's own departure is carried out: an event of another connection
// may be among those events.
func (l *Loop) end(c *Conn) {
	l.expire()
	l.runMail()
	if len(l.dirty) == 1 && l.dirty[0] == c {
		l.flush()
	}
	if c != nil && c.flags&isLeaving != 0 {
		l.carryOut(c)
	}
	l.closeBurst()
}

// prolong continues the burst of c's event, which had ended, because of a
// wake-up.
func (l *Loop) prolong(c *Conn) {
	l.now = 0
	l.setInBurst(true)
	l.armed = false
	l.end(c)
}

// turn is the burst that a wake-up causes. It comes after all events that the
// poller reported together.
func (l *Loop) turn() {
	l.now = 0
	l.setInBurst(true)
	l.armed = false
	l.expire()
	l.runMail()
	l.flush()
	l.carryOut(nil)
	l.closeBurst()
}

// closeBurst asks for a turn if something is left to do.
func (l *Loop) closeBurst() {
	l.setInBurst(false)
	l.setTimer()
	unfinished := len(l.dirty) > 0 || len(l.departures) > 0 || l.lag.since != 0 && l.be.Unread()
	if l.drained != nil && !unfinished && len(l.blocked) == 0 && !l.streams.Writing() {
		close(l.drained)
		l.drained = nil
	}
	l.mu.Lock()
	wake := (unfinished || len(l.inbox) > 0) && !l.armed
	l.armed = l.armed || wake
	l.awake = l.armed
	l.mu.Unlock()
	if wake {
		l.be.Wake()
	}
}
