package cluster

import (
	"context"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// MessageType is the type of a message. The values are those of the reference's
// cluster adapters.
type MessageType uint8

// The types of messages, and the fields of Message that each of them uses.
const (
	InitialHeartbeat       MessageType = 1 + iota // from a new node; others answer with a Heartbeat
	Heartbeat                                     // the node is alive
	Broadcast                                     // Packet, Options; with RequestID, Timeout clients acknowledge
	SocketsJoin                                   // Options, Rooms
	SocketsLeave                                  // Options, Rooms
	DisconnectSockets                             // Options, Close
	FetchSockets                                  // Options, RequestID, CountOnly
	FetchSocketsResponse                          // RequestID, Sockets; or with CountOnly ClientCount
	ServerSideEmit                                // Packet; with RequestID nodes answer
	ServerSideEmitResponse                        // RequestID, Answer
	BroadcastClientCount                          // RequestID, ClientCount
	BroadcastAck                                  // RequestID, Answer
	AdapterClose                                  // the node leaves
)

// The types of messages between nodes of this package. They are sent only for
// requests with Message.Parts. The reference is not likely to use their values.
const (
	AnswerPart MessageType = 64 + iota // RequestID, Part: a part of an answer
	NextPart                           // RequestID, which is Part.Stream of the answer, and Part
)

// EmitterUID is the UID of the messages of emitters, which are not nodes.
const EmitterUID = "emitter"

// Message is a message of one node to the other nodes of its namespace, or to
// one of them. It is immutable once it was published or received. A bus that
// keeps broadcasts sets Packet.Offset of those that it delivers.
type Message struct {
	Type      MessageType
	UID       string // the sender: see Node
	Namespace string
	To        string // the UID of the only receiver; "" is all nodes

	// Instance identifies the node, to detect that two nodes have the same UID.
	// A Node sets it. A bus may carry it, replace it with another value that is
	// unique for each node, or leave it empty.
	Instance string

	RequestID   string // of a request, and of its responses
	Packet      adapter.Packet
	Options     adapter.Options
	Timeout     time.Duration // of a Broadcast: how long it waits for acknowledgements
	Rooms       []string
	Close       bool
	Sockets     []adapter.Details
	ClientCount int
	Answer      adapter.Answer

	// CountOnly of FetchSockets asks for ClientCount alone; of the response it
	// says that Sockets is empty for this reason. Nodes of the reference ignore
	// it and answer with Sockets.
	CountOnly bool

	// Parts of a request is how many bytes the first part of an answer may
	// have; 0 if answers must be whole. Of a response it is the value of the
	// request.
	Parts int
	Part  *Part
}

// Part is a part of an answer, which is sent when the part before was
// confirmed. In a NextPart it confirms the part before and requests the next
// one. Immutable.
type Part struct {
	Stream string // the id of the answer at its sender
	Number int    // counts from 0; of a NextPart, the number of the requested part
	Last   bool   // no parts follow
	Bytes  []byte // records; the end of one may be in the next part
	Limit  int    // of a NextPart, how many bytes the part may have
	Stop   bool   // of a NextPart: the answer must end
}

// Bus carries the messages of one namespace of one server. All methods are safe
// for concurrent use.
//
// A bus passes the messages of other nodes to the receive function of [New], in
// order for each sender, on any goroutine. Ownership of the message transfers.
// receive ignores the node's own messages, so a bus may pass these, too. It may
// call Publish. It blocks until the function that opens the bus has returned,
// and never after that.
//
// A bus may also implement [Counter], [Watcher] and [Sizer].
type Bus interface {
	// Publish sends m, to the node m.To if that is set. It must not wait for
	// the network. If its queue is full it may wait for a limited time, where
	// [adapter.Waiter] allows it. The error is [ErrUnencodable] if m can't be
	// encoded, and [ErrOverloaded] if the queue is full. m is borrowed until
	// Publish returns: the bus must encode it before, because the emitter owns
	// the values in Packet.Args.
	Publish(m *Message) error
	// Close stops receiving. Publish is not called afterwards.
	Close() error
}

// Counter is a [Bus] that knows the number of nodes. On a bus that is no
// Counter the nodes send heartbeats.
type Counter interface {
	// ServerCount returns the number of nodes that receive, this one included.
	ServerCount(ctx context.Context) (int, error)
}

// Watcher is a [Bus] that knows whether it reaches the other nodes.
type Watcher interface {
	// Away returns why the bus does not reach the other nodes, or nil. It must
	// not block.
	Away() error
}

// Sizer is a [Bus] that bounds the size of messages.
type Sizer interface {
	// MaxMessage returns how many bytes an encoded message may have. Publish
	// returns [ErrTooLarge] for larger ones.
	MaxMessage() int
}
