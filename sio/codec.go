package sio

import "github.com/sioserver/sioserver/eio"

// codec is the form in which a server reads and writes packets. New chooses it,
// so that nothing else asks whether there is a [Parser]. Immutable, safe for
// concurrent use. With a Parser of the application's, methods may panic, block
// or end their goroutine.
type codec interface {
	// receive handles one message of the client's connection: it dispatches the
	// packet that the message completes, or closes the connection. data is
	// borrowed. Called on the client's loop.
	receive(c *client, data []byte, binary bool)
	// splitEvent takes the name off the data of an event; splitAck has none. A
	// nil name is an event without one. What they return borrows from data.
	splitEvent(data []byte, attachments [][]byte) (name []byte, args RawArgs, err error)
	splitAck(data []byte, attachments [][]byte) (RawArgs, error)

	// binary reports whether packets are binary messages.
	binary() bool
	// ours reports whether the codec runs no code of the application's.
	ours() bool

	// The append methods append a packet to dst; on an error they return dst
	// unchanged.
	appendConnect(dst []byte, namespace, sid, pid string) []byte
	// appendConnectError appends a refusal; data is JSON, or nil.
	appendConnectError(dst []byte, namespace, message string, data []byte) []byte
	// appendConnect4 and appendConnectError4 are for clients of protocol 4.
	appendConnect4(dst []byte, namespace, sid string) []byte
	appendConnectError4(dst []byte, namespace, message string, data []byte) []byte
	appendDisconnect(dst []byte, namespace string) []byte
	// appendEvent and appendAck take RawArgs among args. The attachments are
	// the memory that args refer to.
	appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) (out []byte, attachments [][]byte, err error)
	appendAck(dst []byte, namespace string, id uint64, args []any) (out []byte, attachments [][]byte, err error)

	// copies reports whether appendRawEvent and appendRawAck can write args,
	// which they copy undecoded and without allocating.
	copies(args RawArgs) bool
	appendRawEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args RawArgs) []byte
	appendRawAck(dst []byte, namespace string, id uint64, args RawArgs) []byte

	// replaceEmpty puts text in the place of the empty string that is the last
	// argument of a packet from appendEvent.
	replaceEmpty(packet []byte, text string) []byte
	// cutEmpty takes that empty string off the packet, in place, if cutsEmpty
	// reports that the codec can.
	cutsEmpty() bool
	cutEmpty(packet []byte) []byte
}

// newCodec returns the protocol's own form if ps is nil.
func newCodec(ps Parser) codec {
	switch ps.(type) {
	case nil:
		return jsonCodec{}
	case messagePack:
		return &parserCodec{ps, takesMessagePack}
	default:
		return &parserCodec{ps, takesValues}
	}
}

// newPacket returns an empty packet in the form of the server's codec.
func (srv *Server) newPacket() *eio.EncodedPacket { return eio.NewEncodedPacket(srv.codec.binary()) }

// encodePlain returns a packet without attachments.
func (srv *Server) encodePlain(encode func(b []byte) []byte) encodedPacket {
	p := srv.newPacket()
	p.End(encode(p.Begin()))
	return encodedPacket{head: p}
}

// encodeDisconnect encodes a DISCONNECT packet.
func (srv *Server) encodeDisconnect(namespace string) encodedPacket {
	return srv.encodePlain(func(b []byte) []byte { return srv.codec.appendDisconnect(b, namespace) })
}
