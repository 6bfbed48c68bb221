// Package cluster makes the namespaces of several servers one: [Node] is an
// [adapter.Adapter] over a [Bus], which only carries messages. It counts answers,
// times requests out and tells which nodes are alive, so that a bus need not.
//
// Above it is a namespace, which calls the Node as its Adapter and is called as
// [adapter.Local]. Below it is a Bus: those of package redisadapter, which has one for
// each of the reference's adapters; package wire turns messages into their bytes.
//
// # The way of a broadcast
//
// Out: the emitter's goroutine has the bus encode and queue it, then delivers it to
// this server's sockets. A bus never waits for the network in Publish, so local
// delivery does not either; one that loses nothing may have the emitter wait for room.
// Whether the bus has taken it is only counted. An emit fails, and nothing is delivered,
// when that is its own fault or there is no room: see [ErrUnencodable] and
// [ErrOverloaded].
//
// In: the bus's goroutine decodes it and calls the receive function, which passes
// it straight to Local's Broadcast: no queue, no goroutine, no memory in between.
// Operations on sockets go the same way, so what one node says is done in order.
//
// # Requests
//
// A request is first made known by its id, then published, then awaited: an answer
// can't come too early. Its roll says who is to answer. On a bus that is a
// [Counter] that is a number, asked of the bus before; who answers is not known
// beforehand, but each UID is counted once. Without a Counter it is a set, the
// nodes whose heartbeats were heard. One that dies or leaves meanwhile is not
// waited for; one that was not known and answers too is welcome, but takes
// nobody's place. Responses without a UID, as those of the reference's Pub/Sub
// adapter, count one each.
//
// It ends when the roll is complete, with the context, after the time that the
// Config gives when the context has no deadline, or with Close; then what
// comes is counted as Unknown. A failure is a [*ResponseError].
//
// A broadcast with acknowledgements is a request that every node answers twice:
// with the number of its clients, then with each one's answer. A node is believed
// as many answers as it has announced, which is why the answering side keeps
// back those that are faster than their number. While a Counter is being asked
// how many nodes there are, one announced server stands for all of them, so that
// the broadcast need not wait for it.
//
// # Answers in parts
//
// A request says with Message.Parts that its answers may come in parts; nodes of the
// reference don't, and get whole answers of [MaxWhole] bytes at most. An answer that
// does not fit the first part is a stream of records (records.go), cut by bytes.
// The answering node sends a part when the one before was confirmed by a NextPart,
// which also says how large it may be, and again when that does not come; it describes
// sockets page by page as they are wanted. The node that asks divides a window among
// all answers that are coming, so that a bus which closes the connections of slow
// readers never has much for one. Acknowledgements use the same: what comes while a
// part is under way is the next one, and the last one says that all other clients are
// gone.
//
// A bus is called on goroutines of its own where a caller waits for it, and a caller
// waits no longer than its context, or the limits of Config, and half a second.
//
// # What others can do
//
// Nothing that comes from the bus is waited for. Handlers of ServerSideEmit run on
// goroutines that are started when needed and end when idle, at most
// Config.Handlers, in no certain order; descriptions of sockets are made on at most
// two, so that handlers that block don't hold them up. Both queue Config.MaxQueued
// at most. What is kept of answers is bounded by Config.MaxAnswerBytes, the
// broadcasts whose acknowledgements are collected for others by Config.MaxRequests
// and Config.AckTimeout, known nodes by a constant. Beyond each bound things are
// dropped, and counted in [Stats].
//
// # Goroutines and locks
//
// An idle node has no goroutine, and without a Counter two timers. All of these
// locks are short, none is held when the bus or Local is called:
//
//	query, collection   what one request has so far
//	  requests          which there are
//	  liveness          which nodes there are
//	  behind adapter.Acks
//	asked               what clients here have answered another node
//	  outflow           an answer that goes out in parts
//	    outflows        which there are
//	      describers
//	workers             else alone
//
// A lock is only taken inside one of less indentation. A bus may call receive
// within Publish.
package cluster
