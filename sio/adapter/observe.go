package adapter

import "sync"

// RoomEvent is a change of a room.
type RoomEvent struct {
	Kind   RoomEventKind
	Room   string
	Socket string // the id of the member; "" for RoomCreated and RoomDeleted
}

// RoomEventKind says what has changed.
type RoomEventKind uint8

// The kinds of room events. A room is created before its first member joins and
// deleted after its last one has left.
const (
	RoomCreated RoomEventKind = iota
	RoomJoined
	RoomLeft
	RoomDeleted
)

func (k RoomEventKind) String() string {
	return [...]string{"create-room", "join-room", "leave-room", "delete-room"}[k]
}

// observer counts the members of rooms over all shards, because a room is
// created and deleted as a whole, and hands on what happens. Its lock is taken
// with a shard's held, never the other way round.
type observer[M any] struct {
	id   func(owner M) string
	call func(e RoomEvent)

	mu     sync.Mutex
	counts map[string]int
	queue  []RoomEvent
	busy   bool // a goroutine hands on the queue
}

// Observe makes call be called for each change of a room from now on, one after
// the other in the order in which they happen, without any lock held: by the
// goroutine that has made the change before its method returns, or by another
// one that is at it. id tells the id of a member. Without it rooms cost nothing
// more. It must be called once at most; call must not panic. Members that are
// present already are taken to be in the rooms of their ids.
func (r *Rooms[M]) Observe(id func(owner M) string, call func(e RoomEvent)) {
	o := &observer[M]{id: id, call: call, counts: make(map[string]int)}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.observer = o
		o.mu.Lock()
		for name, in := range s.rooms {
			o.counts[name] += in.members
		}
		for _, m := range s.list {
			if m != nil && m.state == present {
				o.counts[id(m.Owner)]++
			}
		}
		o.mu.Unlock()
		s.mu.Unlock()
	}
}

// unlock ends what lock began, and hands on what was observed meanwhile.
func (s *shard[M]) unlock() {
	o := s.observer
	s.mu.Unlock()
	if o != nil {
		o.flush()
	}
}

// joined notes that a member has joined a room. The member's shard is locked.
func (o *observer[M]) joined(room string, owner M) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts[room]++; o.counts[room] == 1 {
		o.queue = append(o.queue, RoomEvent{RoomCreated, room, ""})
	}
	o.queue = append(o.queue, RoomEvent{RoomJoined, room, o.id(owner)})
}

// left notes that a member has left a room. The member's shard is locked.
func (o *observer[M]) left(room string, owner M) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, RoomEvent{RoomLeft, room, o.id(owner)})
	if o.counts[room]--; o.counts[room] == 0 {
		delete(o.counts, room)
		o.queue = append(o.queue, RoomEvent{RoomDeleted, room, ""})
	}
}

// flush hands on the queue, unless somebody else is at it.
func (o *observer[M]) flush() {
	o.mu.Lock()
	idle := !o.busy && len(o.queue) > 0
	o.busy = o.busy || idle
	o.mu.Unlock()
	if idle {
		o.handOn(nil)
	}
}

// handOn calls for the batch and then for what is in the queue. When a call ends the
// goroutine another one goes on.
func (o *observer[M]) handOn(batch []RoomEvent) {
	finished := false
	defer func() {
		if !finished {
			go o.handOn(batch)
		}
	}()
	for {
		for len(batch) > 0 {
			e := batch[0]
			batch = batch[1:]
			o.call(e)
		}
		o.mu.Lock()
		batch, o.queue = o.queue, nil
		o.busy = len(batch) > 0
		o.mu.Unlock()
		if len(batch) == 0 {
			finished = true
			return
		}
	}
}
