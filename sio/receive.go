package sio

import (
	"math"

	"github.com/sioserver/sioserver/codec/socketio"
)

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
	if c.srv.tracesPackets {
		c.tracePacket("sio: packet in", h.Type, h.Namespace, len(attachments))
	}
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
	if l := s.ns.srv.events; l != nil && !l.admits(s, h, name) {
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

// receiveText handles a text message: a packet, or the head of one that has
// attachments.
func (c *client) receiveText(data []byte) {
	if c.extra != nil && c.extra.binary.Pending() {
		c.invalid(socketio.ErrPlaintextInReconstruction)
		return
	}
	h, err := socketio.ParseHeader(data, c.srv.cfg.MaxAttachments)
	if err != nil {
		c.invalid(err)
		return
	}
	if h.Attachments > 0 {
		if !c.expects(h) {
			return
		}
		messages := 1 + h.Attachments
		most := int(min(c.srv.cfg.MaxHTTPBufferSize, int64(math.MaxInt/messages))) * messages
		if err := c.needExtra().binary.Start(h, most); err != nil {
			c.invalid(err)
			return
		}
		c.SetHeld(c.extra.binary.Held())
		return
	}
	c.dispatch(h, nil)
}

// receiveAttachment handles a binary message.
func (c *client) receiveAttachment(data []byte) {
	if c.extra == nil || !c.extra.binary.Pending() {
		c.invalid(socketio.ErrUnexpectedBinary)
		return
	}
	done, err := c.extra.binary.Add(data)
	switch {
	case err != nil:
		c.SetHeld(0)
		c.invalid(err)
	case done:
		h, attachments := c.extra.binary.Take()
		c.SetHeld(0)
		c.dispatch(h, attachments)
	default:
		c.SetHeld(c.extra.binary.Held())
	}
}

func (jsonCodec) receive(c *client, data []byte, binary bool) {
	if binary {
		c.receiveAttachment(data)
	} else {
		c.receiveText(data)
	}
}

func (pc *parserCodec) receive(c *client, data []byte, binary bool) {
	h, err := pc.parser.Parse(data, binary)
	if err == nil && h.Type == socketio.Connect && h.Data != nil {
		h.Data, err = pc.parser.AppendJSON(nil, h.Data)
	}
	if err != nil {
		c.invalid(err)
		return
	}
	c.dispatch(h, nil)
}
