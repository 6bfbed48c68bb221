package adapter

import "slices"

// Target selects the members that a broadcast reaches: the union of Rooms and
// Members, or all members if All is set, minus the members of the rooms in
// Except, minus ExceptMembers. Each member is reached once. Take keeps nothing
// of it.
type Target[M any] struct {
	All           bool
	Rooms         []string
	Members       []*Member[M]
	Except        []string
	ExceptMembers []*Member[M]
}

// Cast is a broadcast on one loop, from Take to Done. The zero value is ready.
// After Done it can be used again, and keeps its memory. One goroutine may use
// it at a time.
type Cast[M any] struct {
	loop  *perLoop[M]
	n     uint64 // the broadcast's number on this loop
	all   bool
	marks bool // a member may be met twice, or is excepted

	rooms, except          []*room[M]
	members, exceptMembers []*Member[M]
	started                bool
	room, pos              int // where the next batch begins
}

// Take numbers the broadcast on a loop. The members that match now are the ones
// that c reaches there. It reports false, and c is unused, if the loop has no
// member in the target's rooms. Otherwise Done must follow, even if Next was
// not called. Safe for concurrent use.
func (r *Rooms[M]) Take(loop int, t *Target[M], c *Cast[M]) bool {
	s := &r.loops[loop]
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.All {
		if s.live == 0 {
			return false
		}
		c.all = true
	} else {
		for _, name := range t.Rooms {
			if in := s.rooms[name]; in != nil {
				c.rooms = append(c.rooms, in)
			}
		}
		c.members = onLoop(c.members, t.Members, loop)
		if len(c.rooms)+len(c.members) == 0 {
			return false
		}
	}
	for _, name := range t.Except {
		if in := s.rooms[name]; in != nil {
			c.except = append(c.except, in)
		}
	}
	c.exceptMembers = onLoop(c.exceptMembers, t.ExceptMembers, loop)
	c.marks = len(c.rooms)+len(c.members) > 1 || len(c.except)+len(c.exceptMembers) > 0
	c.loop = s
	s.seq++
	s.pending.push(false)
	c.n = s.seq
	return true
}

func onLoop[M any](dst, members []*Member[M], loop int) []*Member[M] {
	for _, m := range members {
		if int(m.loop) == loop {
			dst = append(dst, m)
		}
	}
	return dst
}

// Next appends to batch, up to its capacity, owners that the broadcast reaches
// and that no earlier call returned. It returns batch unchanged if none is
// left. It must be called on the cast's loop, which walks one cast at a time.
// The lock is free between two calls, so the caller may remove the owners.
func (c *Cast[M]) Next(batch []M) []M {
	s := c.loop
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.started {
		c.started = true
		c.markExcepted()
	}
	if c.all {
		for ; c.pos < len(s.list) && len(batch) < cap(batch); c.pos++ {
			if m := s.list[c.pos]; m != nil && m.reachedBy(c.n) && c.mark(m) {
				batch = append(batch, m.Owner)
			}
		}
		return batch
	}
	for c.room < len(c.rooms) {
		entries := c.rooms[c.room].entries
		for ; c.pos < len(entries) && len(batch) < cap(batch); c.pos++ {
			if e := &entries[c.pos]; e.reachedBy(c.n) && c.mark(e.m) {
				batch = append(batch, e.m.Owner)
			}
		}
		if c.pos < len(entries) {
			return batch
		}
		c.room, c.pos = c.room+1, 0
	}
	for ; c.pos < len(c.members) && len(batch) < cap(batch); c.pos++ {
		if m := c.members[c.pos]; m.reachedBy(c.n) && c.mark(m) {
			batch = append(batch, m.Owner)
		}
	}
	return batch
}

// mark reports whether m is met for the first time.
func (c *Cast[M]) mark(m *Member[M]) bool {
	if c.marks {
		if m.mark == c.n {
			return false
		}
		m.mark = c.n
	}
	return true
}

func (c *Cast[M]) markExcepted() {
	for _, in := range c.except {
		for i := range in.entries {
			if e := &in.entries[i]; e.reachedBy(c.n) {
				e.m.mark = c.n
			}
		}
	}
	for _, m := range c.exceptMembers {
		m.mark = c.n
	}
}

// Done ends the cast and makes c ready for another Take. It must be called on
// the cast's loop, or on any goroutine once that loop has stopped.
func (c *Cast[M]) Done() {
	s := c.loop
	s.mu.Lock()
	s.complete(c.n)
	s.mu.Unlock()
	clear(c.rooms)
	clear(c.except)
	clear(c.members)
	clear(c.exceptMembers)
	*c = Cast[M]{
		rooms:         c.rooms[:0],
		except:        c.except[:0],
		members:       c.members[:0],
		exceptMembers: c.exceptMembers[:0],
	}
}

// Select returns the owners of the present members that match t, each once, in
// no order. It allocates, and costs more per member than a broadcast.
func (r *Rooms[M]) Select(t *Target[M]) (owners []M) {
	for i := range r.loops {
		s := &r.loops[i]
		s.mu.Lock()
		found := s.selected(t)
		for _, m := range found {
			owners = append(owners, m.Owner)
		}
		s.mu.Unlock()
	}
	return owners
}

// selected returns the members that match t.
func (s *perLoop[M]) selected(t *Target[M]) (found []*Member[M]) {
	seen := make(map[*Member[M]]bool)
	add := func(m *Member[M]) {
		if m.live() && !seen[m] {
			seen[m] = true
			found = append(found, m)
		}
	}
	for _, m := range t.ExceptMembers {
		seen[m] = true
	}
	if t.All {
		for _, m := range s.list {
			if m != nil {
				add(m)
			}
		}
	}
	for _, name := range t.Rooms {
		if in := s.rooms[name]; in != nil {
			for i := range in.entries {
				if e := &in.entries[i]; e.live() {
					add(e.m)
				}
			}
		}
	}
	for _, m := range t.Members {
		if m.slot < uint32(len(s.list)) && s.list[m.slot] == m {
			add(m)
		}
	}
	for _, name := range t.Except {
		if in := s.rooms[name]; in != nil {
			found = slices.DeleteFunc(found, func(m *Member[M]) bool { return m.find(in) >= 0 })
		}
	}
	return found
}
