package adapter

import "github.com/sioserver/sioserver/loop/invariants"

// RoomEvent is a change of a room.
type RoomEvent struct {
	Kind   RoomEventKind
	Room   string
	Socket string // the id of the member; "" for RoomCreated and RoomDeleted
}

// RoomEventKind is the kind of a [RoomEvent].
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

// observer counts the members of each room over all loops, because a room is
// created and deleted as a whole, and calls the hook. Its lock may be taken
// while a loop's is held, never the other way round.
type observer[M any] struct {
	id   func(owner M) string
	call func(e RoomEvent)

	mu     invariants.Mutex[observer[M]]
	counts map[string]int
	queue  []RoomEvent
	busy   bool // a goroutine calls for the queue
}

// Observe has call called for each change of a room from now on, one after the
// other in the order of the changes, with no lock held. The goroutine that
// makes a change calls it before its method returns, unless another goroutine
// is calling already and continues with the change. call must not panic. id
// returns the id of a member; members that are present already are in the rooms
// of their ids. Observe may be called once.
func (r *Rooms[M]) Observe(id func(owner M) string, call func(e RoomEvent)) {
	o := &observer[M]{id: id, call: call, counts: make(map[string]int)}
	for i := range r.loops {
		s := &r.loops[i]
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

// unlock releases the lock and calls the observer with the events that wait.
func (s *perLoop[M]) unlock() {
	o := s.observer
	s.mu.Unlock()
	if o != nil {
		o.flush()
	}
}

// joined notes that a member has joined a room. The lock of the member's loop
// is held.
func (o *observer[M]) joined(room string, owner M) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts[room]++; o.counts[room] == 1 {
		o.queue = append(o.queue, RoomEvent{RoomCreated, room, ""})
	}
	o.queue = append(o.queue, RoomEvent{RoomJoined, room, o.id(owner)})
}

// left notes that a member has left a room. The lock of the member's loop is
// held.
func (o *observer[M]) left(room string, owner M) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, RoomEvent{RoomLeft, room, o.id(owner)})
	if o.counts[room]--; o.counts[room] == 0 {
		delete(o.counts, room)
		o.queue = append(o.queue, RoomEvent{RoomDeleted, room, ""})
	}
}

// flush calls for the queue, unless another goroutine does.
func (o *observer[M]) flush() {
	o.mu.Lock()
	idle := !o.busy && len(o.queue) > 0
	o.busy = o.busy || idle
	o.mu.Unlock()
	if idle {
		o.deliver(nil)
	}
}

// deliver calls for the events of batch and then for those of the queue. If a
// call ends the goroutine, another goroutine continues.
func (o *observer[M]) deliver(batch []RoomEvent) {
	finished := false
	defer func() {
		if !finished {
			go o.deliver(batch)
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
