package sio

import (
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
	bytes   int  // of list
	dropped bool // nobody is to be sent the list, nor what is yet to be fetched
	failed  bool // it is not to be had
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
	if o.compare(h.upTo) < 0 {
		h.upTo = o
	}
	return list
}

// clear gives up what was fetched.
func (h *history) clear() {
	for _, p := range h.list {
		h.log.letGo(p)
	}
	h.list, h.bytes = nil, 0
}

// drop ends a history whose client does not come back with it.
func (h *history) drop() {
	h.clear()
	h.dropped = true
}
