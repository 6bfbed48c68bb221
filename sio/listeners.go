package sio

// What a namespace and a socket have in common: handlers for events, catch-all
// handlers and packet middlewares. For each event they run in this order, those
// of the namespace before those of the socket: catch-all handlers, packet
// middlewares, handlers of the event.

// wantHandler refuses a handler that is nil where it is registered, as it would
// panic for each event.
func wantHandler(method string, given bool) {
	if !given {
		panic("sio: " + method + ": the handler is nil")
	}
}

func (ns *Namespace) edit(change func(t *table)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.keepEmptyLocked()
	ns.table.Store(ns.table.Load().edited(change))
}

func (s *Socket) edit(change func(t *table)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.rareLocked()
	c.table = c.table.edited(change)
}

// own is the socket's own table, or nil.
func (s *Socket) own() *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cold == nil {
		return nil
	}
	return s.cold.table
}

// On adds a handler for an event of all the namespace's sockets. It costs
// nothing a connection. [On] and [OnAck] are more convenient. off removes it
// again; an event that waits already may still be handled.
func (ns *Namespace) On(event string, h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(ns.edit).on(event, h, opts)
}

// Off removes the handlers of events, or of all events when none is named.
// Catch-all handlers and those of single sockets stay.
func (ns *Namespace) Off(events ...string) { editor(ns.edit).off(events) }

// Events are the names of the events that the namespace has handlers for, sorted.
func (ns *Namespace) Events() []string { return ns.table.Load().events() }

// Listeners is the number of handlers that the namespace has for an event; those
// of catch-all handlers and of single sockets are not counted.
func (ns *Namespace) Listeners(event string) int { return ns.table.Load().count(event) }

// ListenersAny is the number of the namespace's catch-all handlers.
func (ns *Namespace) ListenersAny() int { return len(ns.table.Load().any) }

// OnAny adds a catch-all handler: it is called for every event of the
// namespace's sockets, before the event's own handlers and whether or not there
// are any; also for an event packet without content, which has no name and no
// arguments. It must not acknowledge the event. An error that it returns is
// reported as that of a handler and stops nothing. Unless it is [Inline], inline
// handlers of the namespace run on the sockets' queues as long as it is there.
func (ns *Namespace) OnAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(ns.edit).onAny(h, opts, false)
}

// PrependAny is OnAny for a handler that is called before those already there.
func (ns *Namespace) PrependAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(ns.edit).onAny(h, opts, true)
}

// OffAny removes all catch-all handlers of the namespace.
func (ns *Namespace) OffAny() { ns.edit(func(t *table) { t.any = nil }) }

// UsePacket adds a packet middleware: it is called for every event of the
// namespace's sockets, after the catch-all handlers and before the event's own.
// An error that it returns rejects the event: no further middleware or handler
// is called, and the handlers of OnError get the error. The connection lives on.
// It must not acknowledge an event that it lets pass. For Inline see OnAny.
func (ns *Namespace) UsePacket(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(ns.edit).onPacket(h, opts)
}

// OnError adds a handler for the errors of sockets: [*PacketError] before the
// connection is closed because of an invalid packet, and what a packet
// middleware has returned. It runs on the socket's queue. An event called
// "error" that a client sends is an event like any other.
func (ns *Namespace) OnError(h func(s *Socket, err error)) {
	wantHandler("OnError", h != nil)
	ns.updateHooks(func(k *hooks) { k.errors = with(k.errors, h) })
}

// On adds a handler for an event of this socket alone. It costs memory for
// each socket: prefer handlers of the namespace. A handler that is added by a
// connection handler misses no event. off removes it again.
func (s *Socket) On(event string, h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(s.edit).on(event, h, queued(opts))
}

// queued takes [Inline] back.
func queued(opts []HandlerOption) []HandlerOption {
	return with(opts, func(h *handler) { h.inline = false })
}

// Off removes this socket's own handlers of events, or of all events when none
// is named. Catch-all handlers stay.
func (s *Socket) Off(events ...string) { editor(s.edit).off(events) }

// Events are the names of the events that this socket has handlers of its own
// for, sorted.
func (s *Socket) Events() []string { return s.own().events() }

// Listeners is the number of handlers of its own that this socket has for an event.
func (s *Socket) Listeners(event string) int { return s.own().count(event) }

// ListenersAny is the number of this socket's own catch-all handlers.
func (s *Socket) ListenersAny() int {
	if t := s.own(); t != nil {
		return len(t.any)
	}
	return 0
}

// OnAny adds a catch-all handler for this socket alone: see [Namespace.OnAny].
func (s *Socket) OnAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(s.edit).onAny(h, queued(opts), false)
}

// PrependAny is OnAny for a handler that is called before the socket's others.
func (s *Socket) PrependAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(s.edit).onAny(h, queued(opts), true)
}

// OffAny removes all catch-all handlers of this socket.
func (s *Socket) OffAny() { s.edit(func(t *table) { t.any = nil }) }

// Use adds a packet middleware for this socket alone: see [Namespace.UsePacket].
func (s *Socket) Use(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return editor(s.edit).onPacket(h, queued(opts))
}

// OnError adds a handler for this socket's errors: see [Namespace.OnError].
func (s *Socket) OnError(h func(err error)) {
	wantHandler("OnError", h != nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.rareLocked()
	c.errors = with(c.errors, h)
}
