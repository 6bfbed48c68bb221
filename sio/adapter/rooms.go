package adapter

import "slices"

// MaxSlots bounds the members of one shard: a slot fits into 24 bits of an id.
const MaxSlots = 1 << 24

// Rooms is the members and rooms of one namespace, in memory. It is safe for
// concurrent use.
//
// The room named by a member's own id is not kept here: whoever resolves room
// names looks the id up and addresses the member itself ([Target.Members]).
type Rooms[M any] struct {
	shards []shard[M]
}

// New returns empty rooms with the given number of shards, one a loop.
func New[M any](shards int) *Rooms[M] {
	return &Rooms[M]{shards: make([]shard[M], shards)}
}

// Shards is the number of shards.
func (r *Rooms[M]) Shards() int { return len(r.shards) }

func (r *Rooms[M]) lock(m *Member[M]) *shard[M] {
	s := &r.shards[m.shard]
	s.mu.Lock()
	return s
}

// Reserve gives m a slot in the shard. From then on it may join rooms, but no
// broadcast reaches it until Add. It reports false when the shard is full or the
// rooms are closed.
// placed, unless nil, is called once m has its slot and before [Rooms.Find] can
// find it, with the shard's lock held. m must not have been reserved before;
// Remove ends the reservation.
func (r *Rooms[M]) Reserve(m *Member[M], shard int, placed func()) bool {
	m.shard = uint16(shard)
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
// also through the rooms it has joined so far. It reports false, and does
// nothing, when m is not reserved (any more).
func (r *Rooms[M]) Add(m *Member[M]) bool {
	defer r.Tell(m)
	return r.AddUntold(m)
}

// AddUntold is Add, except that what is observed waits for Tell: for callers that
// hold a lock.
func (r *Rooms[M]) AddUntold(m *Member[M]) bool {
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

// Tell hands on what was observed on the member's shard.
func (r *Rooms[M]) Tell(m *Member[M]) { r.lock(m).unlock() }

// Remove takes m out of all rooms and of the list, for good, and returns the
// names of the rooms it was in. Broadcasts emitted before still reach it.
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

// Find returns the owner of the member in a slot of a shard, reserved or present.
func (r *Rooms[M]) Find(shard int, slot uint32) (owner M, ok bool) {
	if shard < 0 || shard >= len(r.shards) {
		return owner, false
	}
	s := &r.shards[shard]
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

// Join puts m into rooms; those it is in already are left as they are. It does
// nothing before Reserve and after Remove, which it reports with false.
func (r *Rooms[M]) Join(m *Member[M], rooms ...string) bool {
	defer r.Tell(m)
	return r.JoinUntold(m, rooms...)
}

// JoinUntold is Join, except that what is observed waits for Tell.
func (r *Rooms[M]) JoinUntold(m *Member[M], rooms ...string) bool {
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

// Leave takes m out of a room, if it is in.
func (r *Rooms[M]) Leave(m *Member[M], name string) {
	defer r.Tell(m)
	r.LeaveUntold(m, name)
}

// LeaveUntold is Leave, except that what is observed waits for Tell.
func (r *Rooms[M]) LeaveUntold(m *Member[M], name string) {
	s := r.lock(m)
	defer s.mu.Unlock()
	if in := s.rooms[name]; in != nil {
		if i := m.find(in); i >= 0 {
			s.leave(m, i)
		}
	}
}

// LeaveAll takes m out of all rooms; it stays a member of the namespace.
func (r *Rooms[M]) LeaveAll(m *Member[M]) {
	s := r.lock(m)
	defer s.unlock()
	for n := len(m.memberships()); n > 0; n-- {
		s.leave(m, n-1)
	}
}

// RoomsOf returns the names of the rooms that m is in, in no order.
func (r *Rooms[M]) RoomsOf(m *Member[M]) []string {
	s := r.lock(m)
	defer s.mu.Unlock()
	return m.names()
}

// Close makes every later Reserve fail and returns the owners of the members that
// there are, reserved or present, in no order.
func (r *Rooms[M]) Close() (owners []M) {
	for i := range r.shards {
		s := &r.shards[i]
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

// Members returns the owners of the room's members that are present, in no order.
func (r *Rooms[M]) Members(name string) (owners []M) {
	for i := range r.shards {
		s := &r.shards[i]
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

// All returns the owners of everybody that is present, in no order.
func (r *Rooms[M]) All() (owners []M) {
	for i := range r.shards {
		s := &r.shards[i]
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

// Count is the number of members in the room, reserved ones included.
func (r *Rooms[M]) Count(name string) (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		if in := s.rooms[name]; in != nil {
			n += in.members
		}
		s.mu.Unlock()
	}
	return n
}

// listBatch is how many rooms Sizes looks at before it gives its lock up for a moment.
const listBatch = 1024

// Sizes adds the numbers of members of all rooms, reserved ones included, to sizes.
// It holds a shard's lock for up to 1,024 rooms at a time. A room that exists all
// the while is counted as it is at some moment on each shard; one that is made or
// deleted meanwhile may be missing.
func (r *Rooms[M]) Sizes(sizes map[string]int) {
	for i := range r.shards {
		for name, members := range r.shards[i].sizes() {
			sizes[name] += members
		}
	}
}

func (s *shard[M]) sizes() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := make(map[string]int, len(s.rooms))
	for name, in := range s.rooms {
		sizes[name] = in.members // may come twice: the map may change in between
		if len(sizes)%listBatch == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	return sizes
}

// Len is the number of members that are present.
func (r *Rooms[M]) Len() (n int) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		n += s.live
		s.mu.Unlock()
	}
	return n
}
