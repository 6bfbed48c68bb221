package adapter

import "slices"

// MaxSlots bounds the members of one loop: a slot fits into 24 bits of an id.
const MaxSlots = 1 << 24

// Rooms holds the members and rooms of one namespace, in memory. It is safe for
// concurrent use.
//
// It does not hold the rooms named by the members' ids: the caller looks such
// an id up and puts the member itself into [Target.Members].
type Rooms[M any] struct {
	loops []perLoop[M]
}

// New returns empty rooms for a number of event loops.
func New[M any](loops int) *Rooms[M] {
	return &Rooms[M]{loops: make([]perLoop[M], loops)}
}

// Loops returns the number of event loops.
func (r *Rooms[M]) Loops() int { return len(r.loops) }

func (r *Rooms[M]) lock(m *Member[M]) *perLoop[M] {
	s := &r.loops[m.loop]
	s.mu.Lock()
	return s
}

// Reserve gives m a slot on a loop. From then on m may join rooms, but no
// broadcast reaches it until Add. It reports false if the loop is full or the
// rooms are closed. m must not have been reserved before. Remove ends the
// reservation.
//
// Unless placed is nil, Reserve calls it when m has its slot, before
// [Rooms.Find] finds m, with the loop's lock held: it must not block and must
// not call a method of Rooms.
func (r *Rooms[M]) Reserve(m *Member[M], loop int, placed func()) bool {
	m.loop = uint16(loop)
	s := r.lock(m)
	defer s.mu.Unlock()
	if s.closed {
		return false
	} else if n := len(s.free); n > 0 {
		m.slot = s.free[n-1]
		s.free = s.free[:n-1]
	} else if len(s.list) < MaxSlots {
		m.slot = uint32(len(s.list))
		s.list = append(s.list, nil)
	} else {
		return false
	}
	if placed != nil {
		placed()
	}
	s.list[m.slot] = m
	m.span = span{never, never}
	m.state = reserved
	return true
}

// Add makes a reserved member present: broadcasts emitted from now on reach it,
// also through the rooms that it has joined. It reports false, and does
// nothing, if m is not reserved.
func (r *Rooms[M]) Add(m *Member[M]) bool {
	defer r.FlushEvents(m)
	return r.AddDeferred(m)
}

// AddDeferred is Add, but its room events wait for FlushEvents. It is for
// callers that hold a lock.
func (r *Rooms[M]) AddDeferred(m *Member[M]) bool {
	s := r.lock(m)
	defer s.mu.Unlock()
	if m.state != reserved {
		return false
	}
	m.state = present
	if s.observer != nil {
		s.observer.joined(s.observer.id(m.Owner), m.Owner)
	}
	s.live++
	m.joined = s.seq
	for _, in := range m.memberships() {
		in.room.entries[in.pos].joined = s.seq
	}
	return true
}

// FlushEvents calls the observer with the room events that wait.
func (r *Rooms[M]) FlushEvents(m *Member[M]) { r.lock(m).unlock() }

// Remove removes m from all rooms and from the list, for good, and returns the
// names of the rooms that it was in. Broadcasts emitted before still reach it.
func (r *Rooms[M]) Remove(m *Member[M]) []string {
	s := r.lock(m)
	defer s.unlock()
	if m.state == unknown || m.state == removed {
		return nil
	}
	names := m.names()
	s.remove(m)
	return names
}

// Find returns the owner of the member in a slot of a loop, reserved or
// present.
func (r *Rooms[M]) Find(loop int, slot uint32) (owner M, ok bool) {
	if loop < 0 || loop >= len(r.loops) {
		return owner, false
	}
	s := &r.loops[loop]
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(slot) >= len(s.list) {
		return owner, false
	}
	m := s.list[slot]
	if m == nil || m.state == removed {
		return owner, false
	}
	return m.Owner, true
}

// Join adds m to rooms. It reports false, and does nothing, before Reserve and
// after Remove.
func (r *Rooms[M]) Join(m *Member[M], rooms ...string) bool {
	defer r.FlushEvents(m)
	return r.JoinDeferred(m, rooms...)
}

// JoinDeferred is Join, but its room events wait for FlushEvents.
func (r *Rooms[M]) JoinDeferred(m *Member[M], rooms ...string) bool {
	s := r.lock(m)
	defer s.mu.Unlock()
	if m.state != reserved && m.state != present {
		return false
	}
	for _, name := range rooms {
		s.join(m, name)
	}
	return true
}

// JoinWithin is JoinDeferred for one room, unless m is in most others, which 0
// does not limit. full reports that this was so.
func (r *Rooms[M]) JoinWithin(m *Member[M], most int, name string) (joined, full bool) {
	s := r.lock(m)
	defer s.mu.Unlock()
	if m.state != reserved && m.state != present {
		return false, false
	}
	if most > 0 && len(m.memberships()) >= most {
		if in := s.rooms[name]; in == nil || m.find(in) < 0 {
			return false, true
		}
	}
	s.join(m, name)
	return true, false
}

// Leave removes m from a room, if m is in it.
func (r *Rooms[M]) Leave(m *Member[M], name string) {
	defer r.FlushEvents(m)
	r.LeaveDeferred(m, name)
}

// LeaveDeferred is Leave, but its room events wait for FlushEvents.
func (r *Rooms[M]) LeaveDeferred(m *Member[M], name string) {
	s := r.lock(m)
	defer s.mu.Unlock()
	if in := s.rooms[name]; in != nil {
		if i := m.find(in); i >= 0 {
			s.leave(m, i)
		}
	}
}

// RoomsOf returns the names of the rooms that m is in, in no order.
func (r *Rooms[M]) RoomsOf(m *Member[M]) []string {
	s := r.lock(m)
	defer s.mu.Unlock()
	return m.names()
}

// Close makes every later Reserve fail. It returns the owners of the members
// that are reserved or present, in no order.
func (r *Rooms[M]) Close() (owners []M) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		s.closed = true
		for _, m := range s.list {
			if m != nil && m.state != removed {
				owners = append(owners, m.Owner)
			}
		}
		s.mu.Unlock()
	}
	return owners
}

// In reports whether m is in the room.
func (r *Rooms[M]) In(m *Member[M], name string) bool {
	s := r.lock(m)
	defer s.mu.Unlock()
	in := s.rooms[name]
	return in != nil && m.find(in) >= 0
}

func (m *Member[M]) names() []string {
	list := m.memberships()
	if len(list) == 0 {
		return nil
	}
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].room.name
	}
	return names
}

// Members returns the owners of the room's members that are present, in no
// order.
func (r *Rooms[M]) Members(name string) (owners []M) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		if in := s.rooms[name]; in != nil {
			owners = slices.Grow(owners, in.members)
			for j := range in.entries {
				if e := &in.entries[j]; e.live() {
					owners = append(owners, e.m.Owner)
				}
			}
		}
		s.mu.Unlock()
	}
	return owners
}

// All returns the owners of all present members, in no order.
func (r *Rooms[M]) All() (owners []M) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		owners = slices.Grow(owners, s.live)
		for _, m := range s.list {
			if m != nil && m.live() {
				owners = append(owners, m.Owner)
			}
		}
		s.mu.Unlock()
	}
	return owners
}

// Count returns the number of members in the room, reserved ones included.
func (r *Rooms[M]) Count(name string) (n int) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		if in := s.rooms[name]; in != nil {
			n += in.members
		}
		s.mu.Unlock()
	}
	return n
}

// listBatch is how many rooms Sizes reads before it releases its lock for a
// moment.
const listBatch = 1024

// Sizes adds the numbers of members of all rooms, reserved ones included, to
// sizes. It holds a loop's lock for up to 1,024 rooms at a time. On each loop a
// room is counted at some moment of the call. A room that is created or deleted
// during the call may be missing.
func (r *Rooms[M]) Sizes(sizes map[string]int) {
	for i := range r.loops {
		for name, members := range r.loops[i].sizes() {
			sizes[name] += members
		}
	}
}

func (s *perLoop[M]) sizes() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := make(map[string]int, len(s.rooms))
	for name, in := range s.rooms {
		sizes[name] = in.members // a name may come twice: the map may change in between
		if len(sizes)%listBatch == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	return sizes
}

// Len returns the number of present members.
func (r *Rooms[M]) Len() (n int) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		n += s.live
		s.mu.Unlock()
	}
	return n
}
