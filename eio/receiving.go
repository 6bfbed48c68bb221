package eio

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// ErrReceiving is why a connection was closed that held more than its share of
// Config.MaxReceiving.
var ErrReceiving = errors.New("eio: too much is being received that is not complete")

const (
	// minHeld is how many bytes an unfinished message may hold without being
	// counted, so that a message cut by the end of a read costs nothing.
	minHeld = 4 << 10
	// keptHoldings is the largest list that is kept when it is empty.
	keptHoldings = 1024
	// readSize is the most bytes that one read brings.
	readSize = 64 << 10
	// receivingTick is how often the holder of the turn is judged. The turn
	// passes on after receivingTurn ticks, or after one in which nothing came.
	receivingTick = 5 * time.Millisecond
	receivingTurn = 40
	// At the limit the turn does not pass on once its holder has brought
	// something. The holder is closed after lastTurn ticks, or after lastIdle
	// ticks without anything.
	lastTurn = 1000
	lastIdle = 40
	// stalledAfter is how long a holder that is read may bring nothing before
	// it is closed at the limit.
	stalledAfter = time.Second
)

// receiving bounds what the connections of one loop hold of messages and
// requests that are not complete, by the loop's share of Config.MaxReceiving.
// Loop-owned, except for the figures.
//
//	total     0 ─────────── half of the limit ──────────── limit ──────────
//	          all are read    those that hold more than      only the holder of
//	                          a fair part of the half wait   the turn is read
//
// A holder that waits is not read, so TCP slows its peer down, and nothing that
// was accepted is lost. One of those that would have to wait has the turn: it
// is read whatever the others hold, so that there is always one that completes
// its message. The turn passes on when the message is complete, when its holder
// brings nothing, and when it takes long. At the limit, where the next holder's
// message would come on top, the holder of the turn is closed instead; and a
// POST of a session that the upper layer has paused does not get the turn. So
// the most that is held is the limit, one message, and one read of each
// connection.
//
// Of the holders with more than a fair part some are closed, the largest first:
//   - those that are not admitted, at the limit, and while an admitted one
//     waits;
//   - those that are read and bring nothing for a second, at the limit;
//   - while some wait, those that hold their message for longer than
//     RequestTimeout and are read or have had the turn.
//
// The alternative, to close the connection that brings the last byte, hits the
// one that comes last and not the one that holds most.
type receiving struct {
	loop     *loop.Loop
	log      *slog.Logger
	limit    int           // bytes
	patience time.Duration // RequestTimeout

	of    map[holder]*holding
	all   []*holding
	total int

	first, last *holding // the holders that wait, the longest first
	turn        *holding // is read in any case; nil for none
	known       int      // how many of those that wait are admitted
	ticks, idle int      // of the turn: all, and those since something came
	progress    bool     // something came in the turn since the last tick
	brought     bool     // something came in the turn at all
	timer       loop.Timer
	posted      bool  // Run is posted
	looked      int64 // when shed last ran

	figures receivingFigures
}

// receivingFigures are written by the loop and read from anywhere.
type receivingFigures struct {
	bytes, holders, waiting atomic.Int64
	waits, closed           atomic.Uint64
}

// ReceivingStats are the figures of Config.MaxReceiving.
type ReceivingStats struct {
	// Bytes is what unfinished messages and requests of at least 4 KiB hold
	// now, Connections how many of them there are, and Waiting how many of
	// those are not read until there is room.
	Bytes, Connections, Waiting int
	// Waits is how often a connection had to wait, and Closed how many
	// connections were closed because of the bound.
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

// holder is a connection or a session that holds bytes of something unfinished.
type holder interface {
	stall()         // stops reading
	unstall()       // reads again, unless the holder is gone
	admitted() bool // reports whether the upper layer has admitted it
	delayed() bool  // reports whether it waits for the upper layer, not for the peer
	partway() bool  // reports whether more of the same whole must come
	futile() bool   // reports whether its end makes no room, because the upper layer takes nothing
	giveUp()        // closes it with ErrReceiving
}

// holding is what one holder has.
type holding struct {
	holder
	bytes   int
	began   int64 // when the unfinished message began
	touched int64 // when something last came
	index   int   // in all
	waiting bool  // is in the queue and not read
	known   bool  // was admitted when it began to wait
	had     bool  // has had the turn since the message began

	before, behind *holding // in the queue
}

func (r *receiving) init(l *loop.Loop, cfg *Config, share int) {
	r.loop, r.log, r.limit, r.patience = l, cfg.Logger, share, cfg.RequestTimeout
	r.of = make(map[holder]*holding)
	r.timer.Init(r)
}

// set records that x has taken in what has come and now holds n bytes. It may
// make x wait.
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
	// After the end of a message, what remains is the beginning of the next
	// one. A fall by less than half is a buffer given back within a message, or
	// bytes that the upper layer has taken.
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

// fair returns what each holder may have when there is too much in all.
func (r *receiving) fair() int { return r.limit / 2 / max(len(r.all), 1) }

// tooMuch reports whether h has to wait.
func (r *receiving) tooMuch(h *holding) bool {
	return r.total > r.limit || r.total > r.limit/2 && h.bytes > r.fair()
}

// remove forgets h, which holds nothing now.
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

// wait appends h to the queue, unless the turn is free.
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

// leave takes h out of the queue.
func (r *receiving) leave(h *holding) {
	r.unlink(h)
	h.waiting = false
	if h.known {
		r.known--
	}
	r.figures.waiting.Add(-1)
}

// link appends h to the queue.
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

// mayBegin reports whether h may have the turn. At the limit a session that the
// upper layer has paused may not: its complete message would still be held, and
// the next one would come on top.
func (r *receiving) mayBegin(h *holding) bool { return r.total <= r.limit || !h.futile() }

// begin gives h the turn.
func (r *receiving) begin(h *holding) {
	r.turn, r.ticks, r.idle, r.progress, r.brought = h, 0, 0, false, false
	h.had = true
}

// later posts Run, for when the callback that is on the stack has returned.
func (r *receiving) later() {
	if !r.posted && (r.first != nil || r.total > r.limit) {
		r.posted = true
		r.loop.Post(r)
	}
}
