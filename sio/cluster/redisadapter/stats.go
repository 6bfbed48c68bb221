package redisadapter

import "github.com/sioserver/sioserver/sio/cluster"

// Stats are the figures of [PubSub] or [Sharded]: counters since it was made, and
// what is now.
type Stats struct {
	// Published is messages that Redis has taken.
	Published uint64
	// Lost is messages that Redis has not taken, or did not say so in time: because
	// it was away or refused them, or because too much waited for it.
	Lost uint64
	// TooLarge is messages that were refused because of MaxMessageBytes: the emit has
	// failed, or an answer has not been given.
	TooLarge uint64
	// Received is messages of other servers that were understood, Invalid what was not.
	Received, Invalid uint64
	// Dropped is requests, events and answers of other servers that came faster than
	// they could be dealt with.
	Dropped uint64
	// Disconnects is how often the connection was lost.
	Disconnects uint64

	// Queued is messages that wait for Redis.
	Queued int
	// Channels is what Redis is subscribed to, or shall be.
	Channels int
	// Connected is whether Redis takes messages, as far as is known, and has
	// subscribed to what it shall.
	Connected bool
	// Nodes are the sums over all namespaces. Published and Lost in it are what was
	// queued and what could not be.
	Nodes cluster.Stats
}
