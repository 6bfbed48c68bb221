// Package cluster makes the namespaces of several servers one. [Node] is an
// [adapter.Adapter] over a [Bus], which only carries messages. The Node counts
// answers, ends requests at their time limits and knows which nodes are alive.
//
// A namespace calls its Node as an Adapter, and the Node calls the namespace as
// an [adapter.Local]. Package redisadapter has a Bus for each of the
// reference's adapters, and package wire encodes messages. For another message
// broker implement a Bus and return [New]'s Node from sio.Config.Adapter.
//
// # Broadcasts
//
// Out: the emitter's goroutine has the bus encode and queue the message, then
// delivers the packet to this server's sockets. Publish never waits for the
// network, so local delivery does not either. A bus that loses no messages may
// wait while its queue is full. A message that the bus later fails to send is
// counted, and is no error of Emit. Emit fails, and no socket gets the packet,
// if it can't be encoded or the queue is full: see [ErrUnencodable] and
// [ErrOverloaded].
//
// In: the bus's goroutine decodes the message and calls the receive function,
// which calls Local's Broadcast: there is no queue and no goroutine in between.
// Operations on sockets take the same way, so the messages of one node are
// carried out in order.
//
// # Requests
//
// A request is first registered by its id, then published, then awaited, so
// that no answer can arrive too early. Its responders are the nodes that must
// answer. On a bus that is a [Counter] only their number is known, from the
// bus, and each UID counts once. Otherwise they are the nodes whose heartbeats
// have arrived. A node that dies or leaves is no longer awaited. An answer of
// an unknown node is accepted too, but does not count for another node.
// Responses without a UID, as those of the reference's Pub/Sub adapter, count
// one each.
//
// A request ends when all nodes have answered, with its context, after the time
// limit of the Config if the context has no deadline, or with Close. Answers
// that arrive later count in Stats.Unknown. The error is a [*ResponseError].
//
// The bus may block, so a request calls it on a goroutine of its own. The
// caller waits until its context ends, or for the limits of Config, and half a
// second longer.
//
// A broadcast with acknowledgements is a request that every node answers with
// the number of its clients and then with each client's answer. The asking node
// accepts at most that many answers from a node, so the answering node keeps
// answers back until it has sent the number. While a Counter counts the nodes,
// they count as one server, so that the broadcast need not wait for their
// number.
//
// # Answers in parts
//
// A request with Message.Parts takes answers in parts. Nodes of the reference
// don't send it and get whole answers of [MaxWhole] bytes at most. An answer
// that does not fit the first part is a sequence of records (parts_records.go),
// which is cut by bytes. The answering node sends a part when a NextPart has
// confirmed the one before and bounded the next one, and again if it is not
// confirmed. It describes sockets page by page as parts are requested. The
// asking node divides a window among all answers that arrive, so that the bus
// never has much to deliver to one node: it may close the connections of slow
// readers. Acknowledgements use parts, too: those that arrive while a part is
// in flight are the next part, and the last part reports that all other clients
// are gone.
//
// # Bounds
//
// The receive function waits for nothing. Handlers of ServerSideEmit run on
// goroutines that are started when needed and end when idle, at most
// Config.Handlers, in no particular order. Sockets are described on at most two
// goroutines of their own, so handlers that block don't delay them. Both have a
// queue of Config.MaxQueued. The memory of answers is bounded by
// Config.MaxAnswerBytes, broadcasts that collect acknowledgements for other
// nodes by Config.MaxRequests and Config.AckTimeout, known nodes by a constant.
// What exceeds a bound is dropped and counted in [Stats].
//
// # Goroutines and locks
//
// An idle node has no goroutine, and without a Counter two timers. No lock is
// held while the bus or Local is called. While a lock is held, only locks below
// it with more indentation are taken:
//
//	query, collection       the state of one request
//	  requests              all pending requests
//	  liveness              the nodes that are alive
//	  those behind adapter.Acks
//	ackRelay                the acknowledgements for another node's broadcast
//	  outgoingAnswer        an answer that is sent in parts
//	    outgoingAnswers     all of them
//	      describers
//	workers                 alone
//
// A bus may call receive within Publish.
package cluster
