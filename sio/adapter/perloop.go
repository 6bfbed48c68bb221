package adapter

import (
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// perLoop is the part of [Rooms] that belongs to one event loop.
type perLoop[M any] struct {
	mu     invariants.Mutex[perLoop[M]]
	rooms  map[string]*room[M] // nil until the first is made
	list   []*Member[M]        // all members, by slot; nil where free
	free   []uint32
	live   int  // members that are present
	closed bool // Reserve fails

	observer *observer[M] // nil unless Observe was called

	seq     uint64           // the number of the last broadcast
	pending serials[bool]    // the broadcasts from number seq-len+1 to seq: done or not
	tombs   serials[tomb[M]] // what ended while broadcasts were pending, oldest first
	_       [64]byte         // keeps neighbours off this cache line
}

// tomb is a membership that has ended, or a free place in the list if room is
// nil. Pending broadcasts up to number left may still reach it.
type tomb[M any] struct {
	room *room[M]
	pos  uint32
	left uint64
}

func (s *perLoop[M]) join(m *Member[M], name string) {
	r := s.rooms[name]
	if r == nil {
		r = &room[M]{name: name}
		if s.rooms == nil {
			s.rooms = make(map[string]*room[M])
		}
		s.rooms[name] = r
	} else if m.find(r) >= 0 {
		return
	}
	joined := never
	if m.state == present {
		joined = s.seq
	}
	if m.rooms == nil {
		m.rooms = new([]membership[M])
	}
	r.entries = append(r.entries, entry[M]{m: m, span: span{joined, never}, at: uint32(len(*m.rooms))})
	*m.rooms = append(*m.rooms, membership[M]{room: r, pos: uint32(len(r.entries) - 1)})
	r.members++
	if s.observer != nil {
		s.observer.joined(name, m.Owner)
	}
}

// leave ends the i-th membership of m.
func (s *perLoop[M]) leave(m *Member[M], i int) {
	list := *m.rooms
	r, pos := list[i].room, list[i].pos
	last := len(list) - 1
	if i != last {
		moved := list[last]
		list[i] = moved
		moved.room.entries[moved.pos].at = uint32(i)
	}
	list[last] = membership[M]{}
	if last == 0 {
		m.rooms = nil
	} else {
		*m.rooms = list[:last]
	}

	if s.observer != nil {
		s.observer.left(r.name, m.Owner)
	}
	if r.members--; r.members == 0 {
		delete(s.rooms, r.name)
	}
	if s.pending.Len() == 0 {
		s.drop(r, pos)
		return
	}
	r.entries[pos].left = s.seq
	r.entries[pos].at = s.tombs.push(tomb[M]{room: r, pos: pos, left: s.seq})
}

// drop removes an entry from its room and moves the last entry into its place.
// So nothing may be dropped that a walk has not passed yet: see complete.
func (s *perLoop[M]) drop(r *room[M], pos uint32) {
	last := uint32(len(r.entries) - 1)
	if pos != last {
		moved := r.entries[last]
		r.entries[pos] = moved
		if moved.left == never {
			(*moved.m.rooms)[moved.at].pos = pos
		} else {
			s.tombs.at(moved.at).pos = pos
		}
	}
	r.entries[last] = entry[M]{}
	r.entries = r.entries[:last]
	if cap(r.entries) > 64 && int(last) < cap(r.entries)/4 {
		r.entries = append(make([]entry[M], 0, 2*last), r.entries...)
	}
}

// remove ends all memberships of m and frees its slot.
func (s *perLoop[M]) remove(m *Member[M]) {
	for n := len(m.memberships()); n > 0; n-- {
		s.leave(m, n-1)
	}
	if s.observer != nil && m.state == present {
		s.observer.left(s.observer.id(m.Owner), m.Owner)
	}
	if m.state == present {
		s.live--
	}
	m.state = removed
	m.left = s.seq
	if s.pending.Len() > 0 {
		s.tombs.push(tomb[M]{pos: m.slot, left: s.seq})
		return
	}
	s.release(m.slot)
}

func (s *perLoop[M]) release(slot uint32) {
	s.list[slot] = nil
	s.free = append(s.free, slot)
}

// complete notes that broadcast n is done, and drops the tombs that no pending
// broadcast needs.
func (s *perLoop[M]) complete(n uint64) {
	oldest := s.seq + 1 - uint64(s.pending.Len())
	s.pending.Items()[n-oldest] = true
	for s.pending.Len() > 0 && s.pending.Items()[0] {
		s.pending.pop()
		oldest++
	}
	for s.tombs.Len() > 0 && s.tombs.Items()[0].left < oldest {
		t := s.tombs.pop()
		if t.room != nil {
			s.drop(t.room, t.pos)
		} else {
			s.release(t.pos)
		}
	}
}

// serials is a queue whose items can be changed in place. push returns the
// serial of the new item, by which at finds the item until it is popped.
type serials[T any] struct {
	fifo.Queue[T]
	first uint32 // the serial of the oldest item
}

func (q *serials[T]) at(serial uint32) *T { return &q.Items()[int(serial-q.first)] }

func (q *serials[T]) push(v T) (serial uint32) {
	q.Push(v)
	return q.first + uint32(q.Len()) - 1
}

func (q *serials[T]) pop() T {
	q.first++
	return q.Pop()
}
