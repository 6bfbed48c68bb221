package eio

import (
	"cmp"
	"slices"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// Run makes room, and lets holders be read for which there is room.
func (r *receiving) Run(*loop.Loop) {
	r.posted = false
	r.shed()
	for room := r.limit/2 - r.total; r.first != nil && room > 0; room -= readSize {
		r.goOn(r.first)
	}
	if h := r.next(); h != nil {
		r.begin(h)
		r.goOn(h)
	}
	if r.first != nil && !r.timer.Armed() {
		r.loop.Arm(&r.timer, receivingTick)
	}
}

// maxPassed is how many holders of the queue next looks at.
const maxPassed = 64

// next returns the holder that gets the turn; nil when the turn is not free.
// Holders that may not have it move to the end of the queue.
func (r *receiving) next() *holding {
	if r.turn != nil {
		return nil
	}
	for range maxPassed {
		h := r.first
		if h == nil || r.mayBegin(h) {
			return h
		}
		r.unlink(h)
		r.link(h)
	}
	return nil
}

// goOn lets h be read again.
func (r *receiving) goOn(h *holding) {
	r.leave(h)
	h.unstall()
}

// Expired judges the holder of the turn.
func (r *receiving) Expired(*loop.Timer) {
	if h := r.turn; h != nil && r.first != nil {
		r.ticks++
		if r.idle++; r.progress {
			r.idle, r.progress = 0, false
		}
		switch full := r.total > r.limit; {
		case r.idle > 1 && (!r.brought || h.delayed()):
			r.turn = nil
		case full && (r.idle >= lastIdle || r.ticks >= lastTurn):
			r.close(h)
		case !full && (r.idle > 1 || r.ticks >= receivingTurn):
			r.turn = nil // it is still read, and waits when it brings something
		}
	}
	r.Run(nil)
}

// mayLook reports whether shed may look at all holders again. The more holders
// there are, the more rarely it does, so that looking takes a small part of the
// loop's time.
func (r *receiving) mayLook(now int64) bool {
	return now-r.looked >= int64(max(time.Millisecond, time.Duration(len(r.all))*lookPause))
}

// lookPause is the time between two looks, for each holder. A look at one takes
// about ten nanoseconds.
const lookPause = time.Microsecond

// shed closes holders where waiting does not help.
func (r *receiving) shed() {
	now := r.loop.Now()
	if !r.mayLook(now) {
		return
	}
	r.looked = now
	stranger := func(h *holding) bool { return !h.admitted() }
	if most := r.limit - r.limit/8; r.total > r.limit {
		r.shedTo(most, stranger)
		r.shedTo(most, func(h *holding) bool {
			return !h.waiting && h != r.turn && now-h.touched > int64(stalledAfter)
		})
	}
	if r.known > 0 {
		r.shedTo(r.limit/2, stranger)
	}
	if r.first != nil {
		r.shedTo(r.limit/2, func(h *holding) bool {
			return now-h.began > int64(r.patience) && h != r.turn && (h.had || !h.waiting)
		})
	}
}

// shedTo closes holders that have more than a fair part and are chosen, the
// largest first, until at most most bytes are held. Holders that wait for the
// upper layer stay: that is not their peers' doing.
func (r *receiving) shedTo(most int, chosen func(*holding) bool) {
	if r.total <= most {
		return
	}
	var list []*holding
	fair := r.fair()
	for _, h := range r.all {
		if h.bytes > fair && !h.delayed() && chosen(h) {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b *holding) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, h := range list {
		if r.total <= most {
			return
		}
		if r.of[h.holder] != h {
			continue // closed together with another one
		}
		r.close(h)
	}
}

func (r *receiving) close(h *holding) {
	r.figures.closed.Add(1)
	r.log.Debug("eio: closing a connection because of too much that is not complete", "bytes", h.bytes, "total", r.total)
	h.giveUp()
}
