package sio

import (
	"slices"
	"sort"

	"github.com/sioserver/sioserver/sio/adapter"
)

// history is what the adapter has told of a session that comes back. Guarded by
// the log's lock.
type history struct {
	log     *recoveryLog
	socket  *Socket // that comes back
	session adapter.Session
	upTo    offset // what list accounts for
	text    string // upTo as the adapter wrote it
	list    []*past
	bytes   int      // of list
	dropped bool     // nobody is to be sent the list, nor what is yet to be fetched
	failed  bool     // it is not to be had
	needs   offset   // after which the log is needed
	who     *session // as it was when it began: the socket may join and leave rooms meanwhile
	in      membership
}

// arrive has the log keep what it has now, and what comes, until the client is welcome:
// so a history is complete once it reaches the offset at which the log has begun then.
func (h *history) arrive() {
	lg := h.log
	h.needs, _ = lg.start()
	lg.returning = append(lg.returning, h)
}

// leave is the end of arrive. The log is yet to be told to evict what nobody needs.
func (h *history) leave() {
	lg := h.log
	if i := slices.Index(lg.returning, h); i >= 0 {
		lg.returning = slices.Delete(lg.returning, i, i+1)
	}
}

// needed reports whether a client that comes back needs the log's oldest packet: the one
// that has come first needs most.
func (lg *recoveryLog) needed() bool {
	return len(lg.returning) > 0 && lg.returning[0].needs.compare(lg.kept()[0].offset) < 0
}

// past is a missed packet that was fetched, for all the histories that have it.
// Guarded by the log's lock, but for offset, message and size, which are immutable.
type past struct {
	offset  offset
	message message
	size    int // of the message, before anything is done with it
	holders int
}

// letGo is the end of a packet in one history.
func (lg *recoveryLog) letGo(p *past) {
	if p.holders--; p.holders > 0 {
		return
	}
	p.message.release()
	lg.held -= packetCost + p.size
	if lg.room != nil {
		close(lg.room)
		lg.room = nil
	}
}

// before takes out the messages up to an offset, each with a reference for the caller:
// others are yet to be sent to everybody here.
func (h *history) before(o offset) (list []message) {
	i := sort.Search(len(h.list), func(i int) bool { return h.list[i].offset.compare(o) > 0 })
	for _, p := range h.list[:i] {
		list = append(list, p.message.retain())
	}
	h.clear()
	h.leave()
	if o.compare(h.upTo) < 0 {
		h.upTo = o
	}
	return list
}

// cut gives up what was fetched behind the first n packets.
func (h *history) cut(n int) {
	for _, p := range h.list[n:] {
		h.bytes -= p.size
		h.log.letGo(p)
	}
	clear(h.list[n:])
	h.list = h.list[:n]
}

// clear gives up all that was fetched.
func (h *history) clear() {
	h.cut(0)
	h.list, h.bytes = nil, 0
}

// drop ends a history whose client does not come back with it.
func (h *history) drop() {
	h.clear()
	h.leave()
	h.log.evict()
	h.dropped = true
}
