// Package adapter keeps who is in which room, and tells a broadcast whom it
// reaches. It depends on nothing and knows no sockets: sio embeds a [Member]
// in each of its sockets and one [Rooms] in each namespace.
//
// It also declares what lies between a namespace and a cluster of servers,
// [Adapter] and [Local], because neither side may import the other.
//
// # Shards
//
// There is one shard a loop, each behind its own mutex. A member belongs to
// the shard of its loop for life. All methods are safe for concurrent use and
// their effect is visible to everybody when they return; the exception is
// [Cast.Next], which belongs to the shard's loop. No method holds two shards'
// locks, calls out, or blocks on anything but a shard's lock, except that once
// [Rooms.Observe] was called changes take the observer's lock inside a shard's and
// call the observer when both are free.
//
// # Broadcasts and versions
//
// A broadcast is decided where Emit is called and carried out later, on each
// loop. It must reach those who were members when it was emitted, no matter
// who joined or left in between. So each shard numbers the broadcasts that it
// takes part in, and each membership remembers between which two numbers it
// held: it was joined after broadcast number `joined` and left after number
// `left`. Broadcast n reaches exactly the memberships with
//
//	joined < n <= left
//
// A membership that ends while broadcasts are pending stays in place as a
// tombstone until the last broadcast that may need it is done. That is what
// makes the walk cheap: nothing moves while it runs, so it can let go of the
// lock every few members.
//
//	Emit:   Take  (lock, has members? number it, unlock)  -> post to the loop
//	loop:   Next, Next, … (lock, collect a batch, unlock; send), Done
//
// The rejected alternative, copying the members' list at Emit, costs an
// allocation and a copy of the room for each broadcast.
//
// # Unions and excepts
//
// A member carries the number of the last broadcast that marked it. Excepted
// members are marked first, each one found is marked as it is collected, and a
// marked one is skipped: no set is built.
package adapter
