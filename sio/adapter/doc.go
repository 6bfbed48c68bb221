// Package adapter holds the rooms of a namespace and finds the members that a
// broadcast reaches. It does not know sockets: package sio embeds a [Member] in
// each of its sockets and one [Rooms] in each namespace.
//
// It also declares the interfaces between a namespace and a cluster of servers,
// [Adapter] and [Local], because neither side may import the other.
//
// # One lock a loop
//
// The members of each event loop are behind a mutex of their own. A member
// belongs to one loop for life. All methods are safe for concurrent use, and
// their effect is visible to all goroutines when they return. The exception is
// [Cast.Next], which must be called on the cast's loop. No method holds the
// locks of two loops, or blocks on anything but a lock. Two functions of the
// caller are called: Reserve calls its argument with the loop's lock held, and
// after [Rooms.Observe] each change takes the observer's lock inside a loop's,
// and calls the observer when both are free.
//
// # Broadcasts and versions
//
// A broadcast is decided where Emit is called and carried out later, on each
// loop. It must reach the sockets that were members when it was emitted,
// whatever joined or left since. So each loop numbers its broadcasts, and each
// membership has the numbers between which it held: it was joined after
// broadcast number `joined` and left after number `left`. Broadcast n reaches
// exactly the memberships with
//
//	joined < n <= left
//
// A membership that ends while broadcasts are pending stays in place as a
// tombstone until the last broadcast that may need it is done. So nothing moves
// during a walk, and the walk can release the lock every few members.
//
//	Emit:   Take  (lock, has members? number it, unlock)  -> post to the loop
//	loop:   Next, Next, … (lock, collect a batch, unlock; send), Done
//
// The rejected alternative, copying the list of members at Emit, costs an
// allocation and a copy of the room for each broadcast.
//
// # Unions and excepts
//
// A member has the number of the last broadcast that marked it. A walk marks
// the excepted members first, then each member that it collects, and skips
// marked ones. So it needs no set.
package adapter
