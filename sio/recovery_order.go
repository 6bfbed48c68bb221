package sio

import (
	"slices"

	"github.com/sioserver/sioserver/eio"
)

// Broadcasts that are held while connection handlers run (see greetState) are
// sent behind what these have emitted, so not in the order of their positions.
// The session remembers the order, so that a client's offset still says what it
// has received.

// order is what a session was sent in another order than that of the positions:
// sent, then late, each ascending. Everything before both was sent before, and
// everything behind both is sent later.
type order struct{ sent, late []uint64 }

// maxOrders is how many of them a session remembers. One with more can't be
// recovered.
const maxOrders = 16

// reorder notes that the held messages are sent to the session of s behind
// others.
func (lg *recoveryLog) reorder(s *Socket, others []*eio.Packet, late []heldMessage) {
	v := s.visit()
	if v == nil || len(others) == 0 {
		return
	}
	var o order
	missing := 0
	of := make(map[*eio.Packet]*[]uint64, len(others)+len(late))
	for _, p := range others {
		of[p] = &o.sent
	}
	for _, m := range late {
		if !m.awaited && !m.volatile { // others are not kept
			of[m.head] = &o.late
			missing++
		}
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	for i, k := range lg.kept() {
		if list := of[k.message.head]; list != nil {
			*list = append(*list, lg.first+uint64(i))
		}
	}
	ses := v.session
	ses.orders = slices.DeleteFunc(ses.orders, func(o order) bool { return o.last() < lg.first })
	if len(o.late) < missing || len(ses.orders) == maxOrders {
		ses.disordered = true // the log has forgotten some
	}
	if len(o.late) > 0 && len(o.sent) > 0 {
		ses.orders = append(ses.orders, o)
	}
}

// last is the greatest position.
func (o order) last() uint64 { return max(o.sent[len(o.sent)-1], o.late[len(o.late)-1]) }

func (o order) has(pos uint64) bool {
	_, sent := slices.BinarySearch(o.sent, pos)
	_, late := slices.BinarySearch(o.late, pos)
	return sent || late
}

// behind returns the positions that a client which has got that at pos as the last
// has not been sent in turn, and from where on it has been sent nothing.
func (ses *session) behind(pos uint64) (first []uint64, from uint64) {
	ses.orders = slices.DeleteFunc(ses.orders, func(o order) bool { return o.last() < pos && !o.has(pos) })
	for _, o := range ses.orders {
		if i, found := slices.BinarySearch(o.sent, pos); found {
			return slices.Concat(o.sent[i+1:], o.late), o.last() + 1
		}
		if i, found := slices.BinarySearch(o.late, pos); found {
			return slices.Clone(o.late[i+1:]), o.last() + 1
		}
	}
	return nil, pos + 1
}

// at returns the packets at positions, each with a reference for the caller.
func (lg *recoveryLog) at(positions []uint64) (list []message) {
	for _, pos := range positions {
		list = append(list, lg.kept()[pos-lg.first].message.retain())
	}
	return list
}

// forgotten reports whether the log does not keep all that a visit has missed.
func (lg *recoveryLog) forgotten(v *visit) bool {
	return v.from < lg.first || len(v.first) > 0 && slices.Min(v.first) < lg.first
}
