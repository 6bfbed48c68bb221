package interpose

import "net"

// Call is what can fail.
type Call uint8

// The calls of backend.Sockets, by its methods' names, and Read of a net.Conn.
const (
	Send Call = iota
	Sendv
	CloseWrite
	Pause
	Resume
	Watch
	Enroll
	Detach
	Attach
	Release
	Read
)

// Names has a name for each call.
var Names = [...]string{"Send", "Sendv", "CloseWrite", "Pause", "Resume", "Watch", "Enroll", "Detach", "Attach", "Release", "Read"}

func (c Call) String() string { return Names[c] }

// Fault is how a call fails.
type Fault struct {
	// Err is what the call returns. It is nil for a send that takes only a
	// part, as of a send buffer that is full.
	Err error
	// Part is how many bytes of a send are sent all the same.
	Part int
}

// Plan decides whether a call for the connection of a peer fails. It is false
// if the call is to be made.
type Plan func(call Call, peer net.Addr) (Fault, bool)
