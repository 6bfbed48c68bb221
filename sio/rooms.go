package sio

import (
	"sync"

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

// OnRoom adds a hook that is called for each change of a room on this server,
// one after the other, in order: a room is created, sockets join and leave it,
// it is deleted. A socket's id is a room that it joins when it connects. The
// hook runs on a goroutine of its own, soon after the change, and may block. Up
// to 65,536 changes wait for it; while so many wait, further ones are dropped,
// and counted by [Stats.RoomEventsDropped]. A hook makes joining and leaving
// somewhat slower. Add it before the server listens: earlier changes are not
// reported, except that the deletion of earlier rooms is.
func (ns *Namespace) OnRoom(h func(e RoomEvent)) {
	wantHandler("OnRoom", h != nil)
	q := &roomQueue{srv: ns.srv, hook: h}
	ns.onRoom(q.add)
}

// onRoom registers h to be called on the goroutine that makes a change, which
// may be a loop.
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

// Count is the number of sockets of this server in a room, including those in a
// middleware. For a parent it adds up the children's. It looks at each loop's
// part of the room.
func (ns *Namespace) Count(room string) (n int) {
	_ = ns.each(func(ns *Namespace) error {
		n += ns.rooms.Count(room)
		if s := ns.find(room); s != nil && s.Connected() {
			n++
		}
		return nil
	})
	return n
}

// Rooms returns the rooms of this server's part of the namespace, with the
// number of sockets in each, including those in a middleware. For a parent it
// adds up the rooms of its children. The rooms of the sockets' own ids are left
// out.
//
// The result is no picture of one moment. A room that exists throughout the
// call is returned with the number that it had at some moment of it, on each
// loop; one that is made or deleted meanwhile may be missing. A call takes
// about half a microsecond and 200 bytes for each room, and holds up joins,
// leaves and broadcasts of one loop for 1,024 rooms at a time. To learn of
// changes use OnRoom, for one room Count.
func (ns *Namespace) Rooms() map[string]int {
	rooms := make(map[string]int)
	_ = ns.each(func(ns *Namespace) error {
		ns.rooms.Sizes(rooms)
		return nil
	})
	return rooms
}

// Len is the number of connected sockets of this server. For a parent it adds
// up the children's.
func (ns *Namespace) Len() (n int) {
	_ = ns.each(func(ns *Namespace) error {
		n += ns.rooms.Len()
		return nil
	})
	return n
}

// maxRoomEvents is how many changes of rooms may wait for a hook of OnRoom.
const maxRoomEvents = 65_536

// roomQueue is the events that wait for one hook of OnRoom. The hook runs on a
// goroutine of its own, which exists while an event waits: rooms change on
// loops too, and the hook must not block them. Safe for concurrent use.
type roomQueue struct {
	srv  *Server
	hook func(e RoomEvent)

	mu    sync.Mutex // guards what follows
	queue []RoomEvent
	busy  bool // the goroutine exists
	full  bool // an event was dropped since the queue was empty
}

// add hands an event to the hook. It never waits: when the queue is full the
// event is dropped.
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
		q.srv.roomHooks.Begin()
		go q.run()
	}
}

func (q *roomQueue) warn() {
	q.srv.cfg.Logger.Warn("sio: a hook of OnRoom is too slow; events are dropped")
}

// run calls the hook until no event waits. When a hook ends the goroutine,
// another one goes on with the next event.
func (q *roomQueue) run() {
	finished := false
	defer func() {
		if !finished {
			go q.run()
			return
		}
		q.srv.roomHooks.End()
	}()
	for e, ok := q.next(); ok; e, ok = q.next() {
		q.srv.protect(e.Kind.String(), func() { q.hook(e) })
	}
	finished = true
}

// next takes an event from the queue. When there is none it reports false, and
// the goroutine must end.
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
