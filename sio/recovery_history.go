package sio

import (
	"fmt"
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
	who     *session // as it was when it began: the socket may join and leave rooms meanwhile
	in      membership
}

// follow has what the log forgets kept for a history that has caught up, until its
// client is welcome.
func (h *history) follow() { h.log.following = append(h.log.following, h) }

// keep takes the oldest packet of the log, which forgets it. It reports false when the
// history does not continue the log, or gets too much.
func (h *history) keep(k *keptPacket) bool {
	switch {
	case h.upTo.compare(h.log.dropped) < 0:
		return false
	case h.upTo.compare(k.offset) >= 0:
		return true
	}
	if h.who.wants(k, 0, h.in) {
		p := &past{k.offset, k.message, k.size - packetCost, 1}
		if h.bytes += p.size; h.bytes > h.log.cfg.MaxBytes {
			return false
		}
		p.message.retain()
		h.log.held += k.size
		h.list = append(h.list, p)
	}
	h.upTo, h.text = k.offset, fmt.Sprintf("%d-%d", k.offset.ms, k.offset.count)
	return true
}

// leave is the end of follow.
func (h *history) leave() {
	h.log.following = slices.DeleteFunc(h.log.following, func(other *history) bool { return other == h })
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
	h.dropped = true
}
