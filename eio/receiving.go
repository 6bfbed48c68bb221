package eio

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// ErrReceiving is why a connection is closed that holds more than its share of
// Config.MaxReceiving and is not the next to finish.
var ErrReceiving = errors.New("eio: too much is being received that is not complete")

const (
	// minHeld is what an unfinished message may hold without being counted, so
	// that one which is cut by the end of a read costs nothing.
	minHeld = 4 << 10
	// keptHoldings is the largest list that is kept when it is empty.
	keptHoldings = 1024
	// readSize is the most bytes that one read brings.
	readSize = 64 << 10
	// receivingTick is how often the turn is judged. It passes after
	// receivingTurn ticks, or one in which nothing came.
	receivingTick = 5 * time.Millisecond
	receivingTurn = 40
	// At the limit the turn does not pass, if it has brought something: its
	// holder is closed after lastTurn ticks, or lastIdle in which nothing came.
	lastTurn = 1000
	lastIdle = 40
	// stalledAfter is how long one that is read may bring nothing before it is
	// closed at the limit.
	stalledAfter = time.Second
)

// receiving is what the connections of one loop hold of messages and requests
// that are not complete, bounded by the loop's share of Config.MaxReceiving.
// Loop-owned, but for the figures.
//
//	total     0 ─────────── half of the limit ──────────── limit ──────────
//	          all go on     those that hold more than      only the one that has
//	                        a fair part of the half wait   the turn goes on
//
// A holder that waits is not read, so TCP slows its peer down, and nothing that
// was accepted is lost. One of those that have to wait has the turn: it goes on
// whatever the others hold, so that there is always one that comes to its end.
// The turn passes when its message is complete, when it brings nothing and when
// it takes long. At the limit, where the next one would come on top, it is
// closed instead, and a POST of a session that the upper layer has paused does
// not get it: so no more is held than the limit, one message, and one read of
// each connection.
//
// Of those that hold more than a fair part some are closed, the largest first:
// who was not admitted, at the limit and while one that was admitted waits; at
// the limit who is read and brings nothing for a second; and while some wait,
// those that hold theirs for longer than RequestTimeout and are read or have
// had the turn.
//
// The alternative, to close what brings the last byte, hurts whoever comes last
// and not who holds most.
type receiving struct {
	loop     *loop.Loop
	log      *slog.Logger
	limit    int           // bytes
	patience time.Duration // RequestTimeout

	of    map[holder]*holding
	all   []*holding
	total int

	first, last *holding // wait, the first longest
	turn        *holding // goes on in any case; nil for none
	known       int      // of those that wait were admitted
	ticks, idle int      // of its turn, and those since it has brought something
	progress    bool     // it has brought something since the last tick
	brought     bool     // it has brought something at all
	timer       loop.Timer
	posted      bool  // Run is posted
	looked      int64 // when shed last ran

	figures receivingFigures
}

// receivingFigures are written by the loop.
type receivingFigures struct {
	bytes, holders, waiting atomic.Int64
	waits, closed           atomic.Uint64
}

// ReceivingStats are the figures of Config.MaxReceiving.
type ReceivingStats struct {
	// Bytes is what unfinished messages and requests hold now, those of less
	// than 4 KiB left out, and Connections how many there are; Waiting of them
	// are not read until there is room.
	Bytes, Connections, Waiting int
	// Waits is how often one had to wait, and Closed how many connections were
	// closed because of the bound.
	Waits, Closed uint64
}

// ReceivingStats returns the figures. Safe for concurrent use.
func (srv *Server) ReceivingStats() (st ReceivingStats) {
	for i := range srv.perLoops {
		if pl := srv.perLoops[i].Load(); pl != nil {
			f := &pl.receiving.figures
			st.Bytes += int(f.bytes.Load())
			st.Connections += int(f.holders.Load())
			st.Waiting += int(f.waiting.Load())
			st.Waits += f.waits.Load()
			st.Closed += f.closed.Load()
		}
	}
	return st
}

// holder is what holds bytes of something unfinished.
type holder interface {
	stall()         // is read no more
	unstall()       // is read again, if it is not gone
	admitted() bool // the upper layer knows it
	delayed() bool  // it waits for the upper layer, not for the peer
	partway() bool  // more of the same whole must come, whatever has just ended
	futile() bool   // its end makes no room, as the upper layer takes nothing from it
	giveUp()        // closes it with ErrReceiving
}

// holding is what one holder has.
type holding struct {
	holder
	bytes   int
	began   int64 // when what is unfinished began
	touched int64 // when something came last
	index   int   // in all
	waiting bool
	known   bool // it was admitted when it began to wait
	had     bool // the turn, since it began

	before, behind *holding // in the line
}

func (r *receiving) init(l *loop.Loop, cfg *Config, share int) {
	r.loop, r.log, r.limit, r.patience = l, cfg.Logger, share, cfg.RequestTimeout
	r.of = make(map[holder]*holding)
	r.timer.Init(r)
}

// set tells that x has taken in what has come and holds n bytes now. It may let
// x wait.
func (r *receiving) set(x holder, n int) {
	h := r.of[x]
	if n < minHeld {
		if h != nil {
			r.remove(h)
		}
		return
	}
	if h == nil {
		h = &holding{holder: x, index: len(r.all)}
		r.of[x] = h
		r.all = append(r.all, h)
		r.figures.holders.Store(int64(len(r.all)))
	}
	// What remains of a message after its end is the beginning of the next one.
	// A buffer that is given back while the whole goes on is a smaller step, or
	// the upper layer has what was in it.
	h.touched = r.loop.Now()
	finished := n <= h.bytes/2 && !x.partway()
	if finished || h.bytes == 0 {
		h.began, h.had = h.touched, false
	}
	r.count(n - h.bytes)
	h.bytes = n
	switch {
	case finished:
		if h == r.turn {
			r.turn = nil
		}
		r.later()
	case h == r.turn:
		r.progress, r.brought = true, true
	case !h.waiting && r.tooMuch(h):
		r.wait(h)
	}
	if r.total > r.limit && r.mayLook(h.touched) {
		r.later()
	}
}

func (r *receiving) count(n int) {
	r.total += n
	r.figures.bytes.Store(int64(r.total))
	r.loop.Hold(n)
}

// fair is what each may hold when there is too much in all.
func (r *receiving) fair() int { return r.limit / 2 / max(len(r.all), 1) }

// tooMuch reports whether h has to wait.
func (r *receiving) tooMuch(h *holding) bool {
	return r.total > r.limit || r.total > r.limit/2 && h.bytes > r.fair()
}

// remove forgets h, which holds nothing any more.
func (r *receiving) remove(h *holding) {
	last := len(r.all) - 1
	r.all[h.index] = r.all[last]
	r.all[h.index].index = h.index
	r.all[last] = nil
	r.all = r.all[:last]
	delete(r.of, h.holder)
	if last == 0 && cap(r.all) > keptHoldings {
		r.all, r.of = nil, make(map[holder]*holding) // maps don't shrink
	}
	r.count(-h.bytes)
	r.figures.holders.Store(int64(last))
	if h.waiting {
		r.leave(h)
		r.loop.PostFunc(h.unstall)
	}
	if h == r.turn {
		r.turn = nil
	}
	r.later()
}

// wait puts h into the line, unless the turn is free.
func (r *receiving) wait(h *holding) {
	if r.turn == nil && r.first == nil && r.mayBegin(h) {
		r.begin(h)
		return
	}
	h.waiting = true
	r.link(h)
	if h.known = h.admitted(); h.known {
		r.known++
		r.later()
	}
	r.figures.waiting.Add(1)
	r.figures.waits.Add(1)
	r.log.Debug("eio: a message waits for room among those that are being received", "bytes", h.bytes, "total", r.total)
	h.stall()
	if !r.timer.Armed() {
		r.loop.Arm(&r.timer, receivingTick)
	}
}

// leave takes h out of the line.
func (r *receiving) leave(h *holding) {
	r.unlink(h)
	h.waiting = false
	if h.known {
		r.known--
	}
	r.figures.waiting.Add(-1)
}

// link puts h at the end of the line.
func (r *receiving) link(h *holding) {
	h.before = r.last
	if r.last != nil {
		r.last.behind = h
	} else {
		r.first = h
	}
	r.last = h
}

func (r *receiving) unlink(h *holding) {
	if h.before != nil {
		h.before.behind = h.behind
	} else {
		r.first = h.behind
	}
	if h.behind != nil {
		h.behind.before = h.before
	} else {
		r.last = h.before
	}
	h.before, h.behind = nil, nil
}

// mayBegin reports whether h may have the turn. At the limit one whose session
// the upper layer has paused may not: what it brings to its end would be held
// as before, and the next one would come on top.
func (r *receiving) mayBegin(h *holding) bool { return r.total <= r.limit || !h.futile() }

// begin gives h the turn.
func (r *receiving) begin(h *holding) {
	r.turn, r.ticks, r.idle, r.progress, r.brought = h, 0, 0, false, false
	h.had = true
}

// later arranges for Run when the callback that is on the stack has returned.
func (r *receiving) later() {
	if !r.posted && (r.first != nil || r.total > r.limit) {
		r.posted = true
		r.loop.Post(r)
	}
}
