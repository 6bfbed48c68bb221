package sio

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/adapter"
)

// RoomEvent is a change of a room: its creation or deletion, or a socket that
// joins or leaves.
type RoomEvent = adapter.RoomEvent

// The kinds of room events.
const (
	RoomCreated = adapter.RoomCreated
	RoomJoined  = adapter.RoomJoined
	RoomLeft    = adapter.RoomLeft
	RoomDeleted = adapter.RoomDeleted
)

// OnRoom adds a hook that is called for each change of a room on this server, one
// after the other, in order: a room is created, sockets join and leave it, it is
// deleted. A socket's id is a room that it joins when it connects. The hook runs on a
// goroutine of its own, soon after the change, and may block; up to 65,536 changes wait
// for it, and what comes while so many do is dropped and counted by
// [Stats.RoomEventsDropped]. It makes joining and leaving somewhat slower. Best added
// before the server listens: what was before is not reported, except that rooms which
// it knew are deleted.
func (ns *Namespace) OnRoom(h func(e RoomEvent)) {
	wantHandler("OnRoom", h != nil)
	q := &roomQueue{srv: ns.srv, hook: h}
	ns.onRoom(q.add)
}

// onRoom has h called on the goroutine that makes a change, which may be a loop.
func (ns *Namespace) onRoom(h func(e RoomEvent)) {
	ns.updateHooks(func(k *hooks) { k.room = with(k.room, h) })
	ns.observeRooms()
}

func (ns *Namespace) observeRooms() {
	ns.observed.Do(func() {
		ns.rooms.Observe((*Socket).ID, func(e RoomEvent) {
			for _, h := range ns.hooks.Load().room {
				ns.srv.protect(e.Kind.String(), func() { h(e) })
			}
		})
	})
}

// Count is the number of sockets of this server in a room, those in a middleware
// included. It costs a look at each loop's part of the room.
func (ns *Namespace) Count(room string) int {
	n := ns.rooms.Count(room)
	if s := ns.find(room); s != nil && s.Connected() {
		n++
	}
	return n
}

// Rooms returns the rooms of this server's part of the namespace, with the number
// of sockets that each has, those in a middleware included; of a parent those of
// its children, added up. The rooms of the sockets' own ids are not among them.
//
// It is no picture of one moment: a room that exists throughout the call is
// returned with the sockets that it had at some moment of it, on each loop; one that
// is made or deleted meanwhile may be missing. It takes about half a microsecond and
// 200 bytes for each room, and holds up joins, leaves and broadcasts of one loop for
// 1,024 rooms at a time. To learn of changes use OnRoom, for one room Count.
func (ns *Namespace) Rooms() map[string]int {
	rooms := make(map[string]int)
	_ = ns.each(func(ns *Namespace) error {
		ns.rooms.Sizes(rooms)
		return nil
	})
	return rooms
}

// Len is the number of connected sockets of this server.
func (ns *Namespace) Len() int { return ns.rooms.Len() }

// maxRoomEvents is how many changes of rooms may wait for a hook of OnRoom.
const maxRoomEvents = 65_536

// roomQueue is what waits for one hook of OnRoom. The hook runs on a goroutine of its
// own, which exists while something waits: rooms change on loops too, which the hook
// must not stop. Safe for concurrent use.
type roomQueue struct {
	srv  *Server
	hook func(e RoomEvent)

	mu    sync.Mutex // guards what follows
	queue []RoomEvent
	busy  bool // the goroutine exists
	full  bool // something was dropped since the queue was empty
}

// add hands an event to the hook. It never waits: what finds the queue full is dropped.
func (q *roomQueue) add(e RoomEvent) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= maxRoomEvents {
		q.srv.stats.roomEventsDropped.Add(1)
		if !q.full {
			q.full = true
			go q.warn()
		}
		return
	}
	q.queue = append(q.queue, e)
	if !q.busy {
		q.busy = true
		q.srv.roomHooks.begin()
		go q.run()
	}
}

func (q *roomQueue) warn() {
	q.srv.cfg.Logger.Warn("sio: a hook of OnRoom is too slow; events are dropped")
}

// run calls the hook until nothing waits. A hook that ends the goroutine is called for
// the next event by another one.
func (q *roomQueue) run() {
	finished := false
	defer func() {
		if !finished {
			go q.run()
			return
		}
		q.srv.roomHooks.end()
	}()
	for e, ok := q.next(); ok; e, ok = q.next() {
		q.srv.protect(e.Kind.String(), func() { q.hook(e) })
	}
	finished = true
}

// next takes an event from the queue. When there is none the goroutine has to end.
func (q *roomQueue) next() (e RoomEvent, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.queue, q.busy, q.full = nil, false, false
		return e, false
	}
	e = q.queue[0]
	q.queue[0] = RoomEvent{}
	q.queue = q.queue[1:]
	return e, true
}

// tally counts what is under way, for an end that waits for it. Safe for concurrent use.
type tally struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n becomes 0; nil when nothing waits for that
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

// wait returns when nothing is under way, or ctx's error when that is done first.
func (t *tally) wait(ctx context.Context) error {
	t.mu.Lock()
	none := t.none
	if t.n > 0 && none == nil {
		none = make(chan struct{})
		t.none = none
	}
	t.mu.Unlock()
	if none == nil {
		return nil
	}
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns the socket with the id, connected or about to be, or nil.
func (ns *Namespace) find(id string) *Socket {
	if shard, slot, ok := place(id); ok {
		if s, ok := ns.rooms.Find(shard, slot); ok && string(s.id[:]) == id && s.ID() == id {
			return s
		}
	}
	return ns.byCustomID.find(id)
}

// remove takes a socket out of the namespace and returns the rooms it was in. The
// caller lets it depart when it does not need the namespace's adapter any more.
func (ns *Namespace) remove(s *Socket) []string {
	ns.byCustomID.remove(s)
	return ns.rooms.Remove(&s.member)
}

// customIDs are the sockets of a namespace whose ids don't have their places: those
// of protocol 4 have the ids of their connections, and recovered ones those of
// the sockets before them. Safe for concurrent use; without any, a look-up costs
// one load.
type customIDs struct {
	count   atomic.Int64
	mu      sync.Mutex
	sockets map[string]*Socket // by id
}

func (st *customIDs) add(s *Socket) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sockets == nil {
		st.sockets = make(map[string]*Socket)
	}
	st.sockets[s.ID()] = s
	st.count.Store(int64(len(st.sockets)))
}

// remove removes s, but not another one that has taken over its id.
func (st *customIDs) remove(s *Socket) {
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

func (st *customIDs) find(id string) *Socket {
	if st.count.Load() == 0 {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.sockets[id]
}
