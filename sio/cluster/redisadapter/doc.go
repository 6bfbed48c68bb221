// Package redisadapter connects the servers of a cluster through Redis. Only
// this package imports the Redis client.
//
// [Streams] uses Redis Streams, in the wire format of
// @socket.io/redis-streams-adapter 0.3. It keeps what clients need to come back
// to any server. Its Adapter method is the value of sio.Config.Adapter.
//
// [PubSub] and [Sharded] use channels, in the wire formats of
// @socket.io/redis-adapter 8.3. A message that is published while a server has
// no connection to Redis does not reach that server. Both carry the messages of
// cluster.Node. Out: the emitter's goroutine encodes a message into a bounded
// queue, and one goroutine sends the whole queue at once. In: one goroutine for
// each connection that subscribes decodes each message and calls the node.
//
// With streams, out: the emitter's goroutine encodes a message into a bounded
// queue, where it may wait while the queue is full, and one goroutine for each
// stream adds the entries to the stream, several at once. In: one goroutine for
// each stream reads the entries that are added after the adapter has started,
// and calls the namespaces' adapter.Local for each entry.
//
// [Directory] lists the addresses of the nodes, for requests that a load
// balancer sends to the wrong node.
//
// If the client asks Sentinels, the package follows them to a new master, even
// if the former master still runs.
//
// Delivery to this server's sockets neither fails nor waits because of Redis,
// with two exceptions: with recovery a packet waits up to
// StreamsConfig.OrderTimeout for its place in the stream, and an emit waits up
// to StreamsConfig.QueueTimeout while Redis takes entries and the queue is
// full.
package redisadapter
