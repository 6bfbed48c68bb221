package loop

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/internal/goroutine"
)

// Loop is one event loop. Post, PostFunc and Index are safe for concurrent use;
// everything else is loop-owned.
type Loop struct {
	index     int
	engine    *Engine // nil for a loop of package looptest
	be        backend.Backend
	sockets   backend.Sockets // nil when all connections are streams
	log       *slog.Logger
	maxQueued int
	counters  counters

	mu     sync.Mutex // guards what follows up to the blank line
	inbox  []Task
	awake  bool // a burst is on or a wake-up is outstanding: Post need not wake
	closed bool

	batch     []Task // the inbox's twin, being run
	ran       int    // how many of batch have been
	armed     bool   // a wake-up is outstanding
	now       int64  // 0 until Now is asked for in this burst
	alarm     int64  // when the backend's timer goes off; 0 when it is not set
	wheel     wheel
	lag       lag
	shrink    shrinkDetector   // of connections
	bytes     shrinkDetector   // of what Hold tells
	dirty     []*Conn          // have frames to write
	parting   []parting        // connections to be closed or moved
	blocked   map[uint32]*Conn // wait for a writability notice, by its id
	notice    uint32           // the last notice's id
	spare     []*outbox
	scratch   []byte   // where small frames are joined
	iov       [][]byte // one send's pieces
	waiting   waiting  // for peers that don't take it
	idle      chan<- struct{}
	streamed  map[*streamSocket]struct{} // the connections that are not the backend's
	runner    *coroutine                 // runs burst; nil until there is one to run
	burst     burst
	contained []*coroutine // for Contain; as many as calls were nested

	streams  goroutine.Group // their goroutines
	draining atomic.Bool     // the ends of writing goroutines matter
}

func newLoop(index int, be backend.Backend, sockets backend.Sockets, log *slog.Logger, maxQueued, share int) *Loop {
	l := &Loop{index: index, be: be, sockets: sockets, log: log, maxQueued: maxQueued, waiting: waiting{share: share}}
	l.shrink.init(l, shrinkPeak)
	l.bytes.init(l, shrinkBytes)
	l.streams.Written = l.written
	return l
}

// Index is the loop's place in Engine.Loops.
func (l *Loop) Index() int { return l.index }

// Now is a monotonic clock in nanoseconds, read once a burst: what a callback
// sees lies as far in the past as the burst has been running. Its zero is
// arbitrary, but the same for all loops of an Engine. Loop-owned.
func (l *Loop) Now() int64 {
	if l.now == 0 {
		l.now = l.be.Now()
	}
	return l.now
}

// begin opens a burst: Post needs no wake-up until end.
func (l *Loop) begin() {
	l.now = 0
	l.mu.Lock()
	l.armed = l.awake
	l.awake = true
	l.mu.Unlock()
}

// end closes the burst of c's event (c is nil when there is no such
// connection any more). It settles c; if other connections have something to
// settle too, all writes are left to the turn, so that the events which the
// poller has reported together share them. Closing others waits as well: an
// event of theirs may be among those.
func (l *Loop) end(c *Conn) {
	l.expire()
	l.runMail()
	if len(l.dirty) == 1 && l.dirty[0] == c {
		l.flush()
	}
	if c != nil && c.flags&parts != 0 {
		l.part(c)
	}
	l.leave()
}

// prolong goes on with the burst of c's event, which had ended, because of a wake-up.
func (l *Loop) prolong(c *Conn) {
	l.now = 0
	l.armed = false
	l.end(c)
}

// turn is the burst that a wake-up causes. It comes after all events that the
// poller reported together.
func (l *Loop) turn() {
	l.now = 0
	l.armed = false
	l.expire()
	l.runMail()
	l.flush()
	l.part(nil)
	l.leave()
}

// leave ends the burst and arranges a turn for what is left to do.
func (l *Loop) leave() {
	l.setTimer()
	rest := len(l.dirty) > 0 || len(l.parting) > 0 || l.lag.since != 0 && l.be.Unread()
	if l.idle != nil && !rest && len(l.blocked) == 0 && !l.streams.Writing() {
		close(l.idle)
		l.idle = nil
	}
	l.mu.Lock()
	rest = (rest || len(l.inbox) > 0) && !l.armed
	l.armed = l.armed || rest
	l.awake = l.armed
	l.mu.Unlock()
	if rest {
		l.be.Wake()
	}
}
