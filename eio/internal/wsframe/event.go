package wsframe

// EventType is the kind of an [Event].
type EventType uint8

// The types of an Event.
const (
	None   EventType = iota // nothing more in these bytes
	Text                    // a whole text message, valid UTF-8 unless compressed
	Binary                  // a whole binary message
	Ping                    // to be answered by AppendPong
	Pong
	Close // the peer's close frame; the caller ignores what follows it
)

// Event is what [Reader.Next] found.
type Event struct {
	Type EventType
	// Compressed reports whether the message had RSV1 set. Payload is then
	// deflated (RFC 7692), and the caller checks the size after inflation and
	// the UTF-8 of a text message.
	Compressed bool
	// Code is the status of a Close; 0 when it had none.
	Code uint16
	// Payload is the message, the payload of a Ping or Pong, or the reason of a
	// Close. Borrowed until the next call on the Reader, and writable.
	Payload []byte
}

// Limits is what a Reader accepts. A connection uses the same Limits in all
// calls; connections may share one. Immutable while it is used.
type Limits struct {
	// Message is the largest message in bytes, all fragments together and
	// before inflation. 0 means no limit: a peer can then make the Reader hold
	// whatever it sends. A message in fragments is always smaller than 4 GiB.
	Message int64
	// Frames is the largest number of frames in a message, control frames
	// between its fragments included; 0 means no limit.
	Frames uint32
	// RSV1 permits the bit on the first frame of a message, because
	// permessage-deflate was negotiated.
	RSV1 bool
}
