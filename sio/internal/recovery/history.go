package recovery

import (
	"iter"
	"slices"
	"sort"
)

// returnBytes times MaxBytes is what the log may hold beyond its limits while
// clients come back.
const returnBytes = 1

// History is what an adapter has returned for a client that comes back: the
// packets behind the client's offset and before the log.
type History[S, P any] struct {
	Socket S   // on whose behalf the adapter is asked
	Record any // what the caller needs of the session; the log does not use it

	log     *Log[S, P]
	upTo    Offset // what list accounts for
	text    string // upTo as the adapter wrote it
	list    []*past[P]
	bytes   int            // of list
	dropped bool           // neither the list is sent, nor what is read later
	needs   Offset         // the log is needed behind it
	who     *Session[S, P] // as it was when reading began
	in      roomTest
}

// past is a missed packet that was read, shared by all histories that have it.
type past[P any] struct {
	offset  Offset
	payload P
	size    int // of the payload, when it was read
	holders int
}

// NewHistory returns the history, still empty, of a client whose last packet
// has the offset o, which is text as the adapter writes it.
func (l *Log[S, P]) NewHistory(socket S, o Offset, text string) *History[S, P] {
	return &History[S, P]{Socket: socket, log: l, upTo: o, text: text}
}

// All returns the offsets and payloads of the packets in the history, borrowed.
func (h *History[S, P]) All() iter.Seq2[Offset, P] {
	return func(yield func(Offset, P) bool) {
		for _, p := range h.list {
			if !yield(p.offset, p.payload) {
				return
			}
		}
	}
}

// Held is how many bytes are held for histories, with PacketCost for each
// packet, and for how many clients that come back.
func (l *Log[S, P]) Held() (bytes, clients int) { return l.held, len(l.returning) }

// arrive has the log keep what it has now, and what comes, until the history is
// sent or dropped. So a history is complete once it reaches the offset at which
// the log begins now: a client need not follow a log that moves on as fast as
// it is read.
func (h *History[S, P]) arrive() {
	h.needs, _ = h.log.Start()
	h.log.returning = append(h.log.returning, h)
}

// leave is the end of arrive. The log is yet to evict what is not needed any
// more.
func (h *History[S, P]) leave() {
	l := h.log
	if i := slices.Index(l.returning, h); i >= 0 {
		l.returning = slices.Delete(l.returning, i, i+1)
	}
}

// needed reports whether a returning client needs the log's oldest packet. The
// client that came first needs most.
func (l *Log[S, P]) needed() bool {
	return len(l.returning) > 0 && l.returning[0].needs.Compare(l.kept()[0].offset) < 0
}

// caughtUp reports whether the log has every packet that is not in the history.
func (l *Log[S, P]) caughtUp(h *History[S, P]) bool {
	start, ok := l.Start()
	return ok && h.upTo.Compare(start) >= 0
}

// letGo is the end of a packet in one history.
func (l *Log[S, P]) letGo(p *past[P]) {
	if p.holders--; p.holders > 0 {
		return
	}
	l.hooks.Release(p.payload)
	l.held -= PacketCost + p.size
	if l.full {
		l.full = false
		l.hooks.Room()
	}
}

// before takes out the payloads up to an offset, each with a reference for the
// caller: those behind it are in the log, or are yet to be sent to all sockets
// here.
func (h *History[S, P]) before(o Offset) (list []P) {
	i := sort.Search(len(h.list), func(i int) bool { return h.list[i].offset.Compare(o) > 0 })
	for _, p := range h.list[:i] {
		list = append(list, h.log.hooks.Retain(p.payload))
	}
	h.clear()
	h.leave()
	if o.Compare(h.upTo) < 0 {
		h.upTo = o
	}
	return list
}

// cut drops what was read behind the first n packets.
func (h *History[S, P]) cut(n int) {
	for _, p := range h.list[n:] {
		h.bytes -= p.size
		h.log.letGo(p)
	}
	clear(h.list[n:])
	h.list = h.list[:n]
}

// clear drops all that was read.
func (h *History[S, P]) clear() {
	h.cut(0)
	h.list, h.bytes = nil, 0
}

// Drop ends a history whose client does not come back with it.
func (h *History[S, P]) Drop() {
	h.clear()
	h.leave()
	h.log.evict()
	h.dropped = true
}
