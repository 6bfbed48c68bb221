package sio

import (
	"github.com/sioserver/sioserver/sio/adapter"
)

// prepared is an event for an adapter that is encoded for this server's clients
// already: so what these can't be sent is sent to no others. It goes by way of
// adapter.Packet.Prepared to the adapter and comes back with the packet.
type prepared struct {
	ns      *Namespace
	packet  adapter.Packet
	message message
	draft   *draft // instead of the message, for a log of this server's own
	id      uint64 // of the acknowledgement, if one is wanted
}

// prepare encodes an event for the clients here, and returns the packet for the
// adapter. release must follow.
func (o BroadcastOperator) prepare(event string, wantsAck bool, args []any) (p prepared, err error) {
	p.ns, p.packet.Event = o.ns, event
	if p.packet.Args, err = spread(args, takesJSON); err != nil {
		return p, err
	}
	if o.logsHere() && !wantsAck {
		d, err := eventDraft(o.ns, event, args, o.plain)
		if err != nil {
			return p, err
		}
		p.draft = &d
		return p, nil
	}
	if wantsAck {
		p.id = o.ns.ackIDs.Add(1) - 1
	}
	if p.message, err = eventMessage(o.ns, p.id, wantsAck, event, args); err != nil {
		return p, err
	}
	p.message.mark(o.ns.srv, o.plain, o.volatile)
	return p, nil
}

// preparedFor returns what ns itself has made of a packet; nil when it has not, and
// for a draft that was used: the adapter hands on the packet once more.
func preparedFor(ns *Namespace, p adapter.Packet) *prepared {
	if own, ok := p.Prepared.(*prepared); ok && own.ns == ns && (own.draft != nil || own.message.head != nil) {
		return own
	}
	return nil
}

// logsHere reports whether the event is kept by a log of this server alone.
func (o BroadcastOperator) logsHere() bool {
	return o.ns.log != nil && !o.volatile && o.ns.keepers() == nil
}

// release gives up what the adapter has not handed back.
func (p *prepared) release() {
	if p.draft != nil {
		p.draft.drop()
	}
	p.message.release()
}

// broadcastBy sends an event by way of the adapter.
func (o BroadcastOperator) broadcastBy(a adapter.Adapter, event string, args []any) error {
	p, err := o.prepare(event, false, args)
	if err != nil {
		return err
	}
	defer p.release()
	p.packet.Prepared = &p
	return a.Broadcast(p.packet, o.options())
}

// emitPrepared broadcasts to the sockets of this server.
func (o BroadcastOperator) emitPrepared(p *prepared) error {
	if d := p.draft; d != nil {
		p.draft = nil
		o.ns.log.broadcastDraft(o, *d)
		return nil
	}
	o.cast(p.message, nil)
	return nil
}
