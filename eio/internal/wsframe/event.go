package wsframe

// EventType says what a Reader found.
type EventType uint8

// The types of an Event.
const (
	None   EventType = iota // nothing more in these bytes
	Text                    // a whole text message, valid UTF-8 unless compressed
	Binary                  // a whole binary message
	Ping                    // to be answered by AppendPong
	Pong
	Close // the peer's close frame; nothing after it counts
)

// Event is what [Reader.Next] found.
type Event struct {
	Type EventType
	// Compressed: the message has RSV1 set, so Payload is deflated (RFC 7692), and the UTF-8 of a text message and
	// the size after inflation are the caller's to check.
	Compressed bool
	// Code is the status of a Close; 0 when it had none.
	Code uint16
	// Payload is the message, the payload of a Ping or Pong, or the reason of a Close. Borrowed until the next call
	// on the Reader, and writable.
	Payload []byte
}

// Buffers lends assembly buffers to Readers, usually one pool a loop.
type Buffers interface {
	// Get returns an empty slice with a capacity of at least n bytes.
	Get(n int) []byte
	// Put takes back a slice from Get, perhaps with other content and length, never used again by the Reader.
	Put(b []byte)
}

// Limits is what a Reader may accept; the same for all calls of a connection, and shareable by connections.
type Limits struct {
	// Message is the largest message in bytes, fragments added up and before inflation; 0 means no limit, and then a
	// peer can make the Reader hold whatever it sends. One in fragments has less than 4 GiB in any case.
	Message int64
	// Frames is the most frames that a message may take, control frames in between counted too; 0 means no limit.
	Frames uint32
	// RSV1 admits the bit on the first frame of a message: permessage-deflate was negotiated.
	RSV1 bool
	// Buffers lends the assembly buffers; nil for the garbage collector's.
	Buffers Buffers
}
