package sio

import "github.com/sioserver/sioserver/sio/adapter"

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
