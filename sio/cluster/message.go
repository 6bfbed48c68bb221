package cluster

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// MessageType tells messages apart. The values are those of the reference's
// cluster adapters.
type MessageType uint8

// The types of messages, and the fields of Message that each of them uses.
const (
	InitialHeartbeat       MessageType = 1 + iota // a node is new: others answer with a Heartbeat
	Heartbeat                                     // a node is alive
	Broadcast                                     // Packet, Options; with RequestID, Timeout clients acknowledge
	SocketsJoin                                   // Options, Rooms
	SocketsLeave                                  // Options, Rooms
	DisconnectSockets                             // Options, Close
	FetchSockets                                  // Options, RequestID, CountOnly
	FetchSocketsResponse                          // RequestID, Sockets; or with CountOnly ClientCount
	ServerSideEmit                                // Packet; with RequestID an answer is wanted
	ServerSideEmitResponse                        // RequestID, Answer
	BroadcastClientCount                          // RequestID, ClientCount
	BroadcastAck                                  // RequestID, Answer
	AdapterClose                                  // a node leaves
)

// The types of messages that only nodes of this package send each other, and only to
// those that have asked for it by Message.Parts. They have values that the reference
// is not likely to use.
const (
	AnswerPart MessageType = 64 + iota // RequestID, Part: a piece of an answer
	NextPart                           // RequestID, which is Part.Stream of the answer, and Part
)

// EmitterUID is the sender of what comes from an emitter, which is no node.
const EmitterUID = "emitter"

// Message is what one node tells the others, or one of them, about one
// namespace. It is immutable once it was published or received. A bus that keeps
// broadcasts names them in Packet.Offset.
type Message struct {
	Type      MessageType
	UID       string // the sender: see Node
	Namespace string
	To        string // the UID of the only addressee, for responses; "" is everybody

	// Instance tells nodes apart whose UIDs are the same, which must not be. A Node sets
	// it; a bus may carry it, or put something else in its place that is another for
	// each node. "" tells nothing.
	Instance string

	RequestID   string // of a request, and of its responses
	Packet      adapter.Packet
	Options     adapter.Options
	Timeout     time.Duration // how long a Broadcast's acknowledgements are awaited
	Rooms       []string
	Close       bool
	Sockets     []adapter.Details
	ClientCount int
	Answer      adapter.Answer

	// CountOnly, of FetchSockets, says that ClientCount is enough of an answer; of the
	// response that it is all there is. Nodes of the reference don't know it and
	// answer with Sockets.
	CountOnly bool

	// Parts, of a request, says that its answers may come in parts, and how many bytes
	// the first one may have; 0 when they must not. Of a response it is what the request
	// has said.
	Parts int
	Part  *Part
}

// Part is a piece of an answer that travels in several, each of which is sent when the
// one before has arrived; or, in a NextPart, what the node that has asked says about
// it. Immutable.
type Part struct {
	Stream string // the answer's name at the node that sends it
	Number int    // counts from 0; of a NextPart, of the part that is wanted
	Last   bool   // nothing follows
	Bytes  []byte // records; the end of one may be in the next part
	Limit  int    // of a NextPart, how many bytes the part may have
	Stop   bool   // of a NextPart: nothing more is wanted
}

// Bus carries the messages of one namespace of one server. All methods are safe
// for concurrent use. What others publish is handed to the receive function that
// the bus was opened with, in order for each sender, and belongs to it; the
// node's own messages may come back, they are ignored. Calls from several
// goroutines are allowed. receive may call Publish; it waits until the function
// that opens the bus has returned, and otherwise for nothing.
type Bus interface {
	// Publish sends m. It does not wait for the network, but may wait for room, for a
	// while, where [adapter.Waiter] allows it: it returns an error when m can't be sent,
	// one that is [ErrUnencodable] when that is m's own fault, [ErrOverloaded] when there
	// is no room for m, and takes m otherwise. It keeps nothing of m, nor m itself, after
	// it has returned: the values in Packet.Args belong to whoever emits them.
	Publish(m *Message) error
	// Close stops receiving. Publish is not called afterwards.
	Close() error
}

// Counter is a [Bus] that knows how many nodes there are. Without it the nodes
// send heartbeats.
type Counter interface {
	// ServerCount is the number of nodes that listen, this one included.
	ServerCount(ctx context.Context) (int, error)
}

// Watcher is a [Bus] that knows when it does not reach the other nodes.
type Watcher interface {
	// Away says what is wrong, or returns nil. It does not wait.
	Away() error
}

// Sizer is a [Bus] that bounds the size of messages.
type Sizer interface {
	// MaxMessage is how many bytes an encoded message may have. Publish refuses larger
	// ones with [ErrTooLarge].
	MaxMessage() int
}
