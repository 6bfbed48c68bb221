package adapter

// Target says whom a broadcast is for: the union of Rooms and Members, or
// everybody when All is set, minus the members of Except and minus
// ExceptMembers; each one once. Nothing of it is kept after Take.
type Target[M any] struct {
	All           bool
	Rooms         []string
	Members       []*Member[M]
	Except        []string
	ExceptMembers []*Member[M]
}

// Cast is one shard's part of a broadcast, from Take to Done. The zero value is
// ready; after Done it can be used again, and keeps its memory. It belongs to
// one goroutine at a time.
type Cast[M any] struct {
	shard *shard[M]
	n     uint64 // the broadcast's number on this shard
	all   bool
	marks bool // a member could be met twice, or must be left out

	rooms, except          []*room[M]
	members, exceptMembers []*Member[M]
	started                bool
	room, pos              int // where the next batch begins
}

// Take numbers the broadcast on a shard and fixes in c who is reached there:
// those who match at this moment. It reports false, and c is unused, when the
// shard has nobody in the target's rooms. Otherwise Done must follow, whether
// or not the cast was walked. Safe for concurrent use.
func (r *Rooms[M]) Take(shard int, t *Target[M], c *Cast[M]) bool {
	s := &r.shards[shard]
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
		c.members = ofShard(c.members, t.Members, shard)
		if len(c.rooms)+len(c.members) == 0 {
			return false
		}
	}
	for _, name := range t.Except {
		if in := s.rooms[name]; in != nil {
			c.except = append(c.except, in)
		}
	}
	c.exceptMembers = ofShard(c.exceptMembers, t.ExceptMembers, shard)
	c.marks = len(c.rooms)+len(c.members) > 1 || len(c.except)+len(c.exceptMembers) > 0
	c.shard = s
	s.seq++
	s.pending.push(false)
	c.n = s.seq
	return true
}

func ofShard[M any](dst, members []*Member[M], shard int) []*Member[M] {
	for _, m := range members {
		if int(m.shard) == shard {
			dst = append(dst, m)
		}
	}
	return dst
}

// Next appends to batch, up to its capacity, owners that the broadcast reaches
// and that no earlier call has given. It returns batch unchanged when there is
// none left. It must be called on the shard's loop, where only one walk is on
// its way at a time. The lock is free between two calls, so the caller may do
// with the owners what it likes, even remove them.
func (c *Cast[M]) Next(batch []M) []M {
	s := c.shard
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
// the shard's loop, or anywhere once that loop has stopped.
func (c *Cast[M]) Done() {
	s := c.shard
	s.mu.Lock()
	s.settle(c.n)
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
