package adapter

import "slices"

// Select returns the owners of the present members that match t, each once, in
// no order. It costs more than a broadcast for each member and allocates.
func (r *Rooms[M]) Select(t *Target[M]) (owners []M) {
	for i := range r.shards {
		s := &r.shards[i]
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
func (s *shard[M]) selected(t *Target[M]) (found []*Member[M]) {
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
