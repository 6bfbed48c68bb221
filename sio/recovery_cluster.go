package sio

import (
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// A log whose adapter is a Recoverer keeps a part of what the adapter keeps for
// the whole cluster, in the same order and with the adapter's offsets: what this
// server was handed since it began to listen, but for the oldest that a limit has
// cost. An own packet is not sent before its turn comes, so all servers send all
// packets in one order, and a client's offset means the same to each of them.
//
// A packet that the adapter can't keep in time is sent without an offset. Should
// it be kept after all, it is added to the log but not sent here again: a client
// that comes back with an older offset then gets it a second time. Who comes back
// in between is sent it then, too, as it would never be otherwise.

// keeper is the adapter that keeps the packets and sessions; nil when the log does.
func (lg *recoveryLog) keeper() adapter.Recoverer {
	if r := lg.recoverer.Load(); r != nil {
		return *r
	}
	return nil
}

// keepers is the keeper of the namespace's log, if it has one.
func (ns *Namespace) keepers() adapter.Recoverer {
	if ns.log == nil {
		return nil
	}
	return ns.log.keeper()
}

// publishing is an own packet that waits for its turn.
type publishing struct {
	log     *recoveryLog
	draft   draft
	bare    message // the packet without an offset; only with a Parser
	to      BroadcastOperator
	options adapter.Options
	socket  *Socket // whom alone it is for, unless nil
	sent    bool
	early   uint64 // of the log, if it was sent before its turn
}

// publish hands an event to the adapter. s, unless nil, is the socket whom alone
// it is for.
func (lg *recoveryLog) publish(o BroadcastOperator, s *Socket, event string, args []any) error {
	d, err := eventDraft(lg.ns, event, args, o.plain)
	if err != nil {
		return err
	}
	p := &publishing{log: lg, draft: d, to: o, options: o.options(), socket: s}
	if lg.ns.srv.cfg.Parser != nil {
		if p.bare, err = eventMessage(lg.ns, 0, false, event, args); err != nil {
			d.drop()
			return err
		}
	}
	list, err := spread(args, nil)
	if err == nil {
		err = lg.keeper().BroadcastKept(adapter.Packet{Event: event, Args: list}, p.options, p.deliver)
	}
	if err != nil {
		d.drop()
		p.bare.release()
	}
	return err
}

// deliver sends the packet to this server's sockets, once, and keeps it when its
// offset is known.
func (p *publishing) deliver(text string) {
	lg := p.log
	o, ok := recovery.ParseEntryID(text)
	if ok {
		lg.look()
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	var m message
	switch {
	case ok:
		m = lg.place(o, p.draft.finish(text), p.options)
		if p.sent {
			lg.log.Settle(p.early)
		}
		p.bare.release()
	case p.sent:
		return
	default:
		m = p.draft.withoutOffset(p.bare)
		p.early = lg.log.Anticipate(keptPacket(m, p.options.Rooms, p.options.Except))
	}
	p.bare = message{}
	defer m.release()
	if p.sent {
		return
	}
	p.sent = true
	if s := p.socket; s != nil && s.state.Load() == stateConnecting {
		// No broadcast reaches it yet.
		if v := s.membership(); v == nil || !v.Behind {
			_ = s.post(m.retain(), false) // an error means that it has gone
		}
		return
	}
	p.to.cast(m, nil)
}

// withoutOffset is the packet as if it could not be recovered, with a reference
// for the caller. bare, which it takes over, is that for a server with a Parser.
func (d draft) withoutOffset(bare message) message {
	if d.srv.cfg.Parser != nil {
		return bare
	}
	p := d.srv.newPacket()
	b := p.Begin()
	b = append(b, d.body[len(b):len(d.body)-len(`,""]`)]...)
	p.End(append(b, ']'))
	for _, a := range d.attachments {
		a.Retain()
	}
	return message{head: p, attachments: d.attachments, outgoing: d.outgoing}
}

// receive takes a packet that another server has published.
func (lg *recoveryLog) receive(p adapter.Packet, o BroadcastOperator) error {
	id, ok := recovery.ParseEntryID(p.Offset)
	if !ok {
		return fmt.Errorf("sio: the adapter's offset %q is not two numbers with a dash between them", p.Offset)
	}
	d, err := eventDraft(lg.ns, p.Event, p.Args, o.plain)
	if err != nil {
		return err
	}
	lg.look()
	lg.mu.Lock()
	defer lg.mu.Unlock()
	m := lg.place(id, d.finish(p.Offset), o.options())
	o.cast(m, nil)
	m.release()
	return nil
}

// place keeps a packet at its offset.
func (lg *recoveryLog) place(o recovery.Offset, m message, to adapter.Options) message {
	lg.log.Place(lg.now(), o, keptPacket(m, to.Rooms, to.Except))
	lg.wake()
	lg.wakeWaiting()
	return m
}

// look asks the keeper what it has handed over. lg.mu is not held: the adapter may do
// anything then, and nothing is done that matters more than a client that comes back.
// What is known before a packet has its place is known to all that looks at the log then.
func (lg *recoveryLog) look() (changed <-chan struct{}) {
	lg.looking.Lock()
	defer lg.looking.Unlock()
	lg.ns.srv.protect("restore", func() {
		var text string
		text, changed = lg.keeper().Since()
		if text == lg.sinceText {
			return
		}
		lg.sinceText = text
		lg.mu.Lock()
		defer lg.mu.Unlock()
		lg.log.SetSince(recovery.ParseEntryID(text))
	})
	return changed
}

// offsetWaiter waits until a log has reached an offset.
type offsetWaiter struct {
	offset recovery.Offset
	done   chan struct{}
}

// wakeWaiting tells those who wait for what has been reached.
func (lg *recoveryLog) wakeWaiting() {
	waiting := lg.waiting[:0]
	for _, w := range lg.waiting {
		if w.offset.Compare(lg.log.Last()) <= 0 {
			close(w.done)
		} else {
			waiting = append(waiting, w)
		}
	}
	clear(lg.waiting[len(waiting):])
	lg.waiting = waiting
}

// awaited reports whether a client that is gone may come back.
func (lg *recoveryLog) awaited(m *membership) bool {
	if m == nil {
		return false
	}
	lg.mu.Lock()
	defer lg.mu.Unlock()
	return lg.log.Awaited(lg.now(), m)
}

// persist ends a socket's part in its session, which the adapter keeps when the
// client may come back.
func (lg *recoveryLog) persist(s *Socket, m *membership, r adapter.Recoverer, reason Reason) {
	lg.mu.Lock()
	m.DropHistory()
	keep := reason.recoverable() && lg.log.Pass(lg.now(), m)
	rooms := append(m.Session.Rooms(), s.ID())
	lg.mu.Unlock()
	if keep {
		s.withData("persist", func(data []byte) {
			r.Persist(adapter.Session{ID: s.ID(), PID: m.Session.PID, Rooms: rooms, Data: data})
		})
	}
}
