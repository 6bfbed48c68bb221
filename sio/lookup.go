package sio

import (
	"sync"
	"sync/atomic"
)

// find returns the socket with the id, connected or about to be, or nil.
func (ns *Namespace) find(id string) *Socket {
	if shard, slot, ok := place(id); ok {
		if s, ok := ns.rooms.Find(shard, slot); ok && string(s.id[:]) == id && s.ID() == id {
			return s
		}
	}
	return ns.strays.find(id)
}

// remove takes a socket out of the namespace and returns the rooms it was in. The
// caller lets it depart when it does not need the namespace's adapter any more.
func (ns *Namespace) remove(s *Socket) []string {
	ns.strays.remove(s)
	return ns.rooms.Remove(&s.member)
}

// strays are the sockets of a namespace whose ids don't tell their places: those
// of protocol 4 have the ids of their connections, and recovered ones those of
// the sockets before them. Safe for concurrent use; without any, a look-up costs
// one load.
type strays struct {
	count   atomic.Int64
	mu      sync.Mutex
	sockets map[string]*Socket // by id
}

func (st *strays) add(s *Socket) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sockets == nil {
		st.sockets = make(map[string]*Socket)
	}
	st.sockets[s.ID()] = s
	st.count.Store(int64(len(st.sockets)))
}

// remove removes s, but not another one that has taken over its id.
func (st *strays) remove(s *Socket) {
	if st.count.Load() == 0 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if id := s.ID(); st.sockets[id] == s {
		delete(st.sockets, id)
		st.count.Store(int64(len(st.sockets)))
	}
}

func (st *strays) find(id string) *Socket {
	if st.count.Load() == 0 {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.sockets[id]
}
