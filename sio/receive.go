package sio

import "github.com/sioserver/sioserver/codec/socketio"

// expects reports whether the packet that h begins may be for one of the
// client's sockets. If not, the connection is closed: its attachments are not
// waited for.
func (c *client) expects(h socketio.Header) bool {
	h = c.protocol().normal(h)
	s := c.find(h.Namespace)
	if s == nil || s.state.Load() == stateConnecting {
		c.outOfOrder(h, s)
		return false
	}
	return true
}

// dispatch handles a complete packet. h is borrowed; the attachments are the
// packet's own.
func (c *client) dispatch(h socketio.Header, attachments [][]byte) {
	h = c.protocol().normal(h)
	s := c.find(h.Namespace)
	if h.Type == socketio.Connect && s == nil && !c.isJoining(h.Namespace) {
		c.join(h)
		return
	}
	if s == nil || s.state.Load() == stateConnecting {
		c.outOfOrder(h, s)
		return
	}
	switch h.Type {
	case socketio.Event, socketio.BinaryEvent:
		s.receiveEvent(h, attachments)
	case socketio.Ack, socketio.BinaryAck:
		s.receiveAck(h, attachments)
	case socketio.Disconnect:
		s.close(stateLeft, ClientNamespaceDisconnect, nil)
		c.forget(s)
		c.throttle()
	default:
		c.outOfOrder(h, s)
	}
}

// receiveEvent runs the inline handlers of an event and queues it for the
// others.
func (s *Socket) receiveEvent(h socketio.Header, attachments [][]byte) {
	p := s.client.perLoop()
	name, args, err := s.ns.srv.codec.splitEvent(h.Data, attachments)
	if err != nil {
		s.client.invalid(err)
		return
	}
	p.counts.eventsIn.Add(1)
	if s.state.Load() != stateConnected {
		s.ns.srv.stats.unhandled.Add(1)
		return
	}
	t := s.ns.table.Load()
	var r *eventHandlers
	if name != nil {
		r = t.byEvent[string(name)]
	}
	busy, first := s.ownHandlers()
	if t.serial || first {
		s.queueEvent(h, name, args, t, r, false)
		return
	}
	if t.first() || r != nil && len(r.inline) > 0 {
		e := p.scratch
		p.scratch = nil
		if e == nil {
			e = new(Event)
		}
		e.begin(s, h, t, r)
		if r == nil {
			e.name = string(name)
		}
		e.RawArgs = args
		e.runAny(t)
		passed := e.runUse(t, true) && s.state.Load() == stateConnected
		if passed && r != nil {
			for _, h := range r.inline {
				s.ns.srv.runHandler(h, e)
			}
		}
		e.reset()
		p.scratch = e
		if !passed {
			return
		}
	}
	if r != nil && len(r.queued) > 0 || busy && name != nil {
		s.queueEvent(h, name, args, t, r, true)
	}
}

// ownHandlers reports whether the socket may have handlers of its own when the
// event's turn comes, because it has some or what runs now may add some, and
// whether some of them come before those of the namespace.
func (s *Socket) ownHandlers() (busy, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return s.queue != nil, false
	}
	return s.queue != nil || s.extra.table != nil, s.extra.table.first()
}

// queueEvent copies what was split of an event to the socket's queue. begun
// reports whether the loop has run the namespace's inline handlers.
func (s *Socket) queueEvent(h socketio.Header, name []byte, args RawArgs, t *handlerTable, r *eventHandlers, begun bool) {
	e := events.Get().(*Event)
	e.begin(s, h, t, r)
	e.begun = begun
	e.keep(name, args)
	s.enqueue(e, true)
}
