// Package redisadapter connects the servers of a cluster through Redis. It alone imports
// the client of Redis.
//
// [Streams] does it by Redis Streams, in the wire format of
// @socket.io/redis-streams-adapter 0.3, and keeps what clients need to come back
// to any server. Its Adapter method is what sio.Config.Adapter takes.
//
// [PubSub] and [Sharded] do it by channels, in the wire formats of
// @socket.io/redis-adapter 8.3: what is published while Redis, or another server, is
// away is lost there. Both carry the messages of cluster.Node. A message's way out:
// the emitter's goroutine encodes it into a bounded queue, one goroutine sends what is
// in the queue at once. The way in: one goroutine for each connection that subscribes
// decodes and calls the node, message by message.
//
// With streams a message's way out: the emitter's goroutine encodes it into a bounded
// queue, where it may have to wait for room, and one goroutine for each stream adds the
// queue's head to the stream, several at once.
// The way in: one goroutine for each stream reads it from the beginning of the
// adapter's life on and calls the namespaces' adapter.Local, entry by entry.
//
// [Directory] tells the nodes where the others are, for requests that a load balancer
// brings to the wrong one.
//
// A client that asks Sentinels is followed to another master, also when the former one
// is well.
//
// No local delivery fails with Redis, nor does it wait for it, but for a Recoverer as
// long as StreamsConfig.OrderTimeout, and for room in a stream's queue, while Redis takes
// entries, as long as StreamsConfig.QueueTimeout.
package redisadapter
