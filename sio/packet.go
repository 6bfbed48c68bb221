package sio

import (
	"fmt"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
)

// encodedPacket is a packet encoded for the wire, with its attachments; each
// holder has a reference. Immutable, safe for concurrent use.
type encodedPacket struct {
	head        *eio.EncodedPacket
	attachments []*eio.EncodedPacket
	outgoing    *outgoing           // for listeners; nil if there are none
	kind        socketio.PacketType // for the log; Connect for none
	awaited     bool                // it is an acknowledgement, or asks for one
}

// encodeEvent encodes an event.
func encodeEvent(ns *Namespace, id uint64, wantsAck bool, event string, args []any) (encodedPacket, error) {
	p := ns.srv.newPacket()
	if len(args) == 1 {
		if raw, ok := args[0].(RawArgs); ok && ns.srv.codec.copies(raw) {
			p.End(ns.srv.codec.appendRawEvent(p.Begin(), ns.name, id, wantsAck, event, raw))
			return encodedPacket{head: p, outgoing: ns.observe(event, args), kind: socketio.Event, awaited: wantsAck}, nil
		}
	}
	b, attachments, err := ns.srv.codec.appendEvent(p.Begin(), ns.name, id, wantsAck, event, args)
	m, err := seal(p, b, attachments, err)
	if err == nil {
		m.outgoing = ns.observe(event, args)
	}
	m.kind, m.awaited = socketio.Event, wantsAck
	return m, err
}

// encodeAck encodes an acknowledgement.
func encodeAck(ns *Namespace, id uint64, args []any) (encodedPacket, error) {
	p := ns.srv.newPacket()
	b, attachments, err := ns.srv.codec.appendAck(p.Begin(), ns.name, id, args)
	m, err := seal(p, b, attachments, err)
	m.kind, m.awaited = socketio.Ack, true
	return m, err
}

// encodeRawAck encodes an acknowledgement whose arguments the codec copies.
func encodeRawAck(ns *Namespace, id uint64, args RawArgs) encodedPacket {
	p := ns.srv.newPacket()
	p.End(ns.srv.codec.appendRawAck(p.Begin(), ns.name, id, args))
	return encodedPacket{head: p, kind: socketio.Ack, awaited: true}
}

// newPacket returns an empty packet in the form of the server's codec.
func (srv *Server) newPacket() *eio.EncodedPacket { return eio.NewEncodedPacket(srv.codec.binary()) }

// encodePlain returns a packet without attachments.
func (srv *Server) encodePlain(kind socketio.PacketType, encode func(b []byte) []byte) encodedPacket {
	p := srv.newPacket()
	p.End(encode(p.Begin()))
	return encodedPacket{head: p, kind: kind}
}

// encodeDisconnect encodes a DISCONNECT packet.
func (srv *Server) encodeDisconnect(namespace string) encodedPacket {
	return srv.encodePlain(socketio.Disconnect, func(b []byte) []byte { return srv.codec.appendDisconnect(b, namespace) })
}

func seal(p *eio.EncodedPacket, b []byte, attachments [][]byte, err error) (encodedPacket, error) {
	p.End(b)
	if err != nil {
		p.Release()
		return encodedPacket{}, fmt.Errorf("sio: can't encode the arguments: %w", err)
	}
	return encodedPacket{head: p, attachments: attachmentPackets(attachments)}, nil
}

func attachmentPackets(attachments [][]byte) (packets []*eio.EncodedPacket) {
	for _, a := range attachments {
		p := eio.NewEncodedPacket(true)
		p.End(append(p.Begin(), a...))
		packets = append(packets, p)
	}
	return packets
}

// draft is an event that is complete but for its offset, in whose place is an
// empty string.
type draft struct {
	encodedPacket
	srv  *Server
	body []byte // what encodedPacket.head is to be ended with
}

// eventDraft encodes an event that gets an offset. plain leaves it
// uncompressed.
func eventDraft(ns *Namespace, event string, args []any, plain bool) (draft, error) {
	p := ns.srv.newPacket()
	b, attachments, err := ns.srv.codec.appendEvent(p.Begin(), ns.name, 0, false, event, with(args, any("")))
	if err != nil {
		_, err = seal(p, b, nil, err)
		return draft{}, err
	}
	m := encodedPacket{head: p, attachments: attachmentPackets(attachments), outgoing: ns.observe(event, args), kind: socketio.Event}
	for _, p := range m.attachments {
		p.Compact() // now: the draft may be sent before it is finished
	}
	m.mark(plain, false) // volatile ones have no offset
	return draft{m, ns.srv, b}, nil
}

// finish makes the offset the event's last argument.
func (d draft) finish(o string) encodedPacket {
	d.head.End(d.srv.codec.replaceEmpty(d.body, o))
	d.head.Compact() // it is kept long
	return d.encodedPacket
}

func (d draft) drop() {
	d.head.End(d.body)
	d.release()
}

// size is how many bytes of memory the packet holds.
func (m encodedPacket) size() int {
	n := m.head.Size()
	for _, p := range m.attachments {
		n += p.Size()
	}
	return n
}

// leavePlain keeps the packet from being compressed. It must not be shared
// yet.
func (m encodedPacket) leavePlain() {
	m.head.SetCompress(false)
	for _, p := range m.attachments {
		p.SetCompress(false)
	}
}

// maxGroup is how many messages a packet that may be dropped can have: itself
// and its attachments.
const maxGroup = 255

// mark notes what its emitter asked for: plain leaves the packet uncompressed,
// a droppable one may be dropped when it has waited longest for a slow client.
// It must not be shared yet.
func (m encodedPacket) mark(plain, droppable bool) {
	if plain {
		m.leavePlain()
	}
	if n := 1 + len(m.attachments); droppable && !m.awaited && n <= maxGroup {
		m.head.SetDroppable(n)
	}
}

func (m encodedPacket) retain() encodedPacket {
	m.head.Retain()
	for _, p := range m.attachments {
		p.Retain()
	}
	return m
}

// release gives the reference up; that of the zero message is none.
func (m encodedPacket) release() {
	if m.head == nil {
		return
	}
	m.head.Release()
	for _, p := range m.attachments {
		p.Release()
	}
}
