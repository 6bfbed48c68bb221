// Package socketio turns Socket.IO packets into bytes and back (protocol 5,
// whose packets protocol 4 shares). It does no I/O and holds no state but
// Reconstructor's.
//
// The way in: the server's loop gives each text message to ParseHeader, which
// checks all that the protocol demands before the arguments matter, and leaves
// them raw. A packet of a binary type goes through a Reconstructor, which
// collects the binary messages that follow. SplitEvent finds the handler's
// name and the raw arguments; each is decoded straight into the handler's type
// with DecodeArg, on the goroutine of the handler.
//
// The way out: AppendEvent and AppendAck encode once, on the goroutine of the
// emitter, and give back the binary values found on the way, which follow the
// packet as binary messages.
//
// Functions are pure and safe for concurrent use; a Reconstructor belongs to
// one goroutine at a time. What is parsed borrows from the input; what
// Reconstructor and DecodeArg hand out does not.
//
// Where the reference is lax by accident, this package refuses: counts and ids
// that are not plain digits, a type that is a space, placeholders with
// fractional numbers.
package socketio
