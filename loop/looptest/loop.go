package looptest

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// start is the clock's first value.
const start = int64(time.Second)

// Loops is a set of in-memory loops with one clock. It belongs to the test's
// goroutine.
type Loops struct {
	tb      testing.TB
	now     int64
	members []*member
	woken   chan struct{} // a Post from any goroutine
	conns   map[int]*Conn
	lastFD  int

	arrivals []*Conn // between two loops
	resumed  []*Conn // not read since
}

// member is one loop and its backend.
type member struct {
	*Loops
	driver loop.Driver

	mu   sync.Mutex
	wake bool

	alarm  int64 // 0 when not set
	unread bool
}

// Option changes what New makes.
type Option func(*options)

type options struct {
	loops     int
	maxQueued int
	total     int
	log       *slog.Logger
}

// WithLoops sets the number of loops; the default is 1.
func WithLoops(n int) Option { return func(o *options) { o.loops = n } }

// WithMaxQueued sets loop.Config.MaxQueued; the default is 16 MiB.
func WithMaxQueued(n int) Option { return func(o *options) { o.maxQueued = n } }

// WithMaxQueuedTotal sets loop.Config.MaxQueuedTotal; the default is 1 GiB.
func WithMaxQueuedTotal(n int) Option { return func(o *options) { o.total = n } }

// WithLogger sets the loops' logger; the default discards.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// New returns loops that end with the test.
func New(tb testing.TB, opts ...Option) *Loops {
	tb.Helper()
	o := options{loops: 1, maxQueued: 16 << 20, total: 1 << 30, log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	ls := &Loops{tb: tb, now: start, woken: make(chan struct{}, 1), conns: make(map[int]*Conn)}
	for i := range o.loops {
		m := &member{Loops: ls}
		m.driver = loop.NewDriver(i, m, m, o.log, o.maxQueued, o.total/o.loops)
		ls.members = append(ls.members, m)
	}
	tb.Cleanup(func() {
		for _, m := range ls.members {
			m.driver.Shut()
		}
	})
	return ls
}

// Loop returns the first loop.
func (ls *Loops) Loop() *loop.Loop { return ls.members[0].driver.Loop() }

// Loops returns all loops.
func (ls *Loops) Loops() []*loop.Loop {
	all := make([]*loop.Loop, len(ls.members))
	for i, m := range ls.members {
		all[i] = m.driver.Loop()
	}
	return all
}

// Stop moves the clock by d without running a loop, as if the process were
// stopped meanwhile.
func (ls *Loops) Stop(d time.Duration) { ls.now += int64(d) }

// SetUnread sets whether the kernel has events that the first loop has not got.
func (ls *Loops) SetUnread(on bool) { ls.members[0].unread = on }

// Stats sums up the loops' counters.
func (ls *Loops) Stats() loop.Stats {
	var sum loop.Stats
	for _, m := range ls.members {
		s := m.driver.Stats()
		sum.Connections += s.Connections
		sum.Accepted += s.Accepted
		sum.Rejected += s.Rejected
		sum.Overflows += s.Overflows
		sum.Panics += s.Panics
		sum.Discarded += s.Discarded
		sum.LostMoves += s.LostMoves
		sum.Sends += s.Sends
		sum.BytesIn += s.BytesIn
		sum.BytesOut += s.BytesOut
		sum.Queued += s.Queued
		sum.Lags += s.Lags
		sum.LagTime += s.LagTime
	}
	return sum
}

// Run runs turns until no loop has anything to do at the present time.
func (ls *Loops) Run() {
	for again := true; again; {
		arrivals := ls.arrivals
		ls.arrivals = nil
		again = len(arrivals) > 0
		for _, c := range arrivals {
			c.attach()
		}
		resumed := ls.resumed
		ls.resumed = nil
		again = again || len(resumed) > 0
		for _, c := range resumed {
			c.read()
		}
		for _, m := range ls.members {
			if m.takeWake() {
				m.driver.Turn()
				again = true
			}
		}
	}
}

// RunUntil runs turns, waiting for other goroutines to post, until cond holds.
// cond is called on the test's goroutine, after each run. RunUntil ends the
// test if cond does not hold within wait.Patience.
func (ls *Loops) RunUntil(cond func() bool) {
	ls.tb.Helper()
	deadline := time.NewTimer(wait.Patience)
	defer deadline.Stop()
	for {
		ls.Run()
		if cond() {
			return
		}
		select {
		case <-ls.woken:
		case <-deadline.C:
			ls.tb.Fatalf("looptest: RunUntil: the condition does not hold within %v", wait.Patience)
		}
	}
}

// Advance runs what is ready, then moves the clock by d. It runs loops at every
// time for which one has set its timer.
func (ls *Loops) Advance(d time.Duration) {
	ls.Run()
	for end := ls.now + int64(d); ; {
		next := end
		for _, m := range ls.members {
			if m.alarm != 0 && m.alarm < next {
				next = m.alarm
			}
		}
		ls.now = max(ls.now, next)
		for _, m := range ls.members {
			if m.alarm != 0 && m.alarm <= ls.now {
				m.alarm = 0
				m.driver.Tick()
			}
		}
		ls.Run()
		if next == end {
			return
		}
	}
}

// Alarms is the number of loops that have set their timer: 0 when no loop has
// an armed timer.
func (ls *Loops) Alarms() (n int) {
	for _, m := range ls.members {
		if m.alarm != 0 {
			n++
		}
	}
	return n
}

// takeWake reports whether the loop has a turn to run. It has one if its
// mailbox has tasks: the goroutine that has posted one may not have called Wake
// yet.
func (m *member) takeWake() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.wake || m.driver.Mail()
	m.wake = false
	return w
}

// Wake, Now and SetTimer are the clock's side of the backend.
func (m *member) Wake() {
	m.mu.Lock()
	m.wake = true
	m.mu.Unlock()
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

func (m *member) Now() int64        { return m.now }
func (m *member) SetTimer(at int64) { m.alarm = at }

// Idle implements the backend. RunUntil waits.
func (m *member) Idle(backend.Conn) {}

var (
	_ backend.Backend = (*member)(nil)
	_ backend.Sockets = (*member)(nil)
)
