package sio

import (
	"github.com/sioserver/sioserver/codec/socketio"
)

// receive handles a text message: one packet, or the head of one that has
// attachments.
func (c *client) receive(data []byte) {
	if c.more != nil && c.more.binary.Pending() {
		c.invalid(socketio.ErrPlaintextInReconstruction)
		return
	}
	h, err := socketio.ParseHeader(data, maxAttachments)
	if err != nil {
		c.invalid(err)
		return
	}
	if h.Attachments > 0 {
		if err := c.extra().binary.Start(h, int(c.srv.cfg.MaxHTTPBufferSize)*(1+h.Attachments)); err != nil {
			c.invalid(err)
		}
		return
	}
	c.dispatch(h, nil)
}

// receiveBinary handles a binary message: an attachment.
func (c *client) receiveBinary(data []byte) {
	if c.more == nil || !c.more.binary.Pending() {
		c.invalid(socketio.ErrUnexpectedBinary)
		return
	}
	done, err := c.more.binary.Add(data)
	switch {
	case err != nil:
		c.invalid(err)
	case done:
		h, attachments := c.more.binary.Take()
		c.dispatch(h, attachments)
	}
}

// dispatch handles a complete packet. h is borrowed; the attachments are the
// packet's own.
func (c *client) dispatch(h socketio.Header, attachments [][]byte) {
	s := c.find(h.Namespace)
	if h.Type == socketio.Connect && s == nil {
		c.join(h)
		return
	}
	if s == nil || s.state.Load() == stateConnecting {
		c.outOfOrder()
		return
	}
	switch h.Type {
	case socketio.Event, socketio.BinaryEvent:
		s.receiveEvent(h, attachments)
	case socketio.Ack, socketio.BinaryAck:
		s.receiveAck(h, attachments)
	case socketio.Disconnect:
		s.close(ClientNamespaceDisconnect)
		c.forget(s)
	default:
		c.outOfOrder()
	}
}

// receiveEvent runs the inline handlers of an event and queues it for the others.
func (s *Socket) receiveEvent(h socketio.Header, attachments [][]byte) {
	p := s.client.part()
	name, args, err := socketio.SplitEvent(h.Data)
	if err != nil {
		s.client.invalid(err)
		return
	}
	p.counts.eventsIn.Add(1)
	if name == nil || s.state.Load() != stateConnected {
		return
	}
	r := (*s.ns.routes.Load())[string(name)]
	if r != nil && len(r.inline) > 0 {
		e := p.scratch
		p.scratch = nil
		if e == nil {
			e = new(Event)
		}
		e.begin(s, h, r)
		e.RawArgs = RawArgs{args, attachments}
		for _, call := range r.inline {
			s.ns.srv.runHandler(call, e)
		}
		e.reset()
		p.scratch = e
	}
	if r != nil && len(r.queued) > 0 || s.mayHandle() {
		s.queueEvent(h, attachments, r)
	}
}

// mayHandle reports whether the socket may have handlers of its own when the
// event's turn comes: it has some, or what runs now may add some.
func (s *Socket) mayHandle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue != nil || s.cold != nil && s.cold.routes != nil
}

// queueEvent copies an event to the socket's queue.
func (s *Socket) queueEvent(h socketio.Header, attachments [][]byte, r *route) {
	c := s.client
	size := len(h.Data)
	for _, a := range attachments {
		size += len(a)
	}
	if c.overflows(size) {
		return
	}
	e := events.Get().(*Event)
	e.begin(s, h, r)
	e.buf = append(e.buf, h.Data...)
	e.RawArgs.attachments = attachments
	s.enqueue(e, true)
}
