package sio

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
)

// HandlerOption changes how a handler is called.
type HandlerOption func(h *handler)

// Inline makes a handler of a namespace run on the loop of the socket, where it
// costs least. It promises not to block, not even for [Socket.EmitAck]: all
// connections of the loop wait for it. The event and its arguments are borrowed
// until the handler returns; for a later answer see [Event.Reply]. A handler
// that ends its goroutine ([runtime.Goexit]) costs its client the connection;
// one that locks its thread ([runtime.LockOSThread]) must unlock it. Inline
// handlers see the events of one socket in order, but may overtake earlier
// events that still wait for their handlers, and the connection handlers. For
// handlers of a single socket, which always run on its queue, it has no effect,
// and none while a catch-all handler or packet middleware that is not inline
// has to run first.
func Inline() HandlerOption { return func(h *handler) { h.inline = true } }

// Once makes a handler be called for one event only, the first; then it is
// removed. A handler of a namespace is called for the first event of any
// socket.
func Once() HandlerOption { return func(h *handler) { h.once = true } }

// lends marks a handler that keeps nothing of the event when it returns, so
// that the event can be used again.
func lends() HandlerOption { return func(h *handler) { h.lends = true } }

// tableEditor replaces a table by what change makes of a shallow copy.
type tableEditor func(change func(t *handlerTable))

// register adds a handler by way of add and returns what removes it by way of
// remove.
func (edit tableEditor) register(call HandlerFunc, opts []HandlerOption, add, remove func(t *handlerTable, h *handler)) (off func()) {
	wantHandler("On", call != nil)
	h := &handler{call: call}
	for _, opt := range opts {
		opt(h)
	}
	off = func() { edit(func(t *handlerTable) { remove(t, h) }) }
	if h.once {
		var used atomic.Bool
		h.call = func(ctx context.Context, e *Event) error {
			if used.Swap(true) {
				return nil
			}
			off()
			return call(ctx, e)
		}
	}
	if h.limit.On() {
		unlimited := h.call
		h.call = func(ctx context.Context, e *Event) error {
			if wait := e.socket.takeFor(h); wait > 0 {
				e.socket.ns.srv.stats.callsRefused.Add(1)
				return tooMany(wait)
			}
			return unlimited(ctx, e)
		}
	}
	edit(func(t *handlerTable) { add(t, h) })
	return off
}

func (edit tableEditor) on(event string, call HandlerFunc, opts []HandlerOption) (off func()) {
	change := func(list func(have []*handler, h *handler) []*handler) func(t *handlerTable, h *handler) {
		return func(t *handlerTable, h *handler) { t.setList(event, h, list) }
	}
	return edit.register(call, opts, change(with[*handler]), change(without[*handler]))
}

func (edit tableEditor) onAny(call HandlerFunc, opts []HandlerOption, first bool) (off func()) {
	return edit.register(call, opts, func(t *handlerTable, h *handler) {
		if first {
			t.any = slices.Concat([]*handler{h}, t.any)
		} else {
			t.any = with(t.any, h)
		}
	}, func(t *handlerTable, h *handler) { t.any = without(t.any, h) })
}

func (edit tableEditor) onPacket(call HandlerFunc, opts []HandlerOption) (off func()) {
	return edit.register(call, opts,
		func(t *handlerTable, h *handler) { t.use = with(t.use, h) },
		func(t *handlerTable, h *handler) { t.use = without(t.use, h) })
}

// off removes the handlers of events; of all when there are none.
func (edit tableEditor) off(events []string) {
	edit(func(t *handlerTable) {
		next := make(map[string]*eventHandlers)
		if len(events) > 0 {
			maps.Copy(next, t.byEvent)
		}
		for _, event := range events {
			delete(next, event)
		}
		t.byEvent = next
	})
}

// edited returns what change makes of a copy of t, which may be nil.
func (t *handlerTable) edited(change func(t *handlerTable)) *handlerTable {
	next := new(handlerTable)
	if t != nil {
		*next = *t
	}
	change(next)
	next.serial = false
	for _, h := range slices.Concat(next.any, next.use) {
		next.serial = next.serial || !h.inline
	}
	return next
}

// setList replaces the list that h belongs to.
func (t *handlerTable) setList(event string, h *handler, list func(have []*handler, h *handler) []*handler) {
	next := &eventHandlers{event: event}
	if old := t.byEvent[event]; old != nil {
		*next = *old
	}
	if h.inline {
		next.inline = list(next.inline, h)
	} else {
		next.queued = list(next.queued, h)
	}
	next.keeps = false
	for _, h := range next.queued {
		next.keeps = next.keeps || !h.lends
	}
	events := maps.Clone(t.byEvent)
	if events == nil {
		events = make(map[string]*eventHandlers)
	}
	if len(next.inline)+len(next.queued) > 0 {
		events[event] = next
	} else {
		delete(events, event)
	}
	t.byEvent = events
}

// events are the names of the events that have handlers.
func (t *handlerTable) events() []string {
	if t == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(t.byEvent))
}

// count is the number of handlers of an event.
func (t *handlerTable) count(event string) int {
	if t == nil || t.byEvent[event] == nil {
		return 0
	}
	return len(t.byEvent[event].inline) + len(t.byEvent[event].queued)
}

// What a namespace and a socket have in common: handlers for events, catch-all
// handlers and packet middlewares. For each event they run in this order, those
// of the namespace before those of the socket: catch-all handlers, packet
// middlewares, handlers of the event.

func (ns *Namespace) edit(change func(t *handlerTable)) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.keepEmptyLocked()
	ns.table.Store(ns.table.Load().edited(change))
}

func (s *Socket) edit(change func(t *handlerTable)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	c.table = c.table.edited(change)
}

// own is the socket's own table, or nil.
func (s *Socket) own() *handlerTable {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return nil
	}
	return s.extra.table
}

// On adds a handler for an event of all the namespace's sockets. It costs
// nothing a connection. [On] and [OnAck] are more convenient. off removes it
// again; an event that waits already may still be handled.
func (ns *Namespace) On(event string, h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(ns.edit).on(event, ns.wrapped(EventHandler, event, h), opts)
}

// Off removes the handlers of events, or of all events when none is named.
// Catch-all handlers and those of single sockets stay.
func (ns *Namespace) Off(events ...string) { tableEditor(ns.edit).off(events) }

// Events are the names of the events that the namespace has handlers for,
// sorted.
func (ns *Namespace) Events() []string { return ns.table.Load().events() }

// Listeners is the number of handlers that the namespace has for an event;
// those of catch-all handlers and of single sockets are not counted.
func (ns *Namespace) Listeners(event string) int { return ns.table.Load().count(event) }

// ListenersAny is the number of the namespace's catch-all handlers.
func (ns *Namespace) ListenersAny() int { return len(ns.table.Load().any) }

// OnAny adds a catch-all handler: it is called for every event of the
// namespace's sockets, before the event's own handlers and whether or not there
// are any; also for an event packet without content, which has no name and no
// arguments. It must not acknowledge the event. An error that it returns is
// reported as that of a handler and stops nothing. Unless it is [Inline],
// inline handlers of the namespace run on the sockets' queues as long as it is
// there.
func (ns *Namespace) OnAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(ns.edit).onAny(ns.wrapped(AnyHandler, "", h), opts, false)
}

// PrependAny is OnAny for a handler that is called before those already there.
func (ns *Namespace) PrependAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(ns.edit).onAny(ns.wrapped(AnyHandler, "", h), opts, true)
}

// OffAny removes all catch-all handlers of the namespace.
func (ns *Namespace) OffAny() { ns.edit(func(t *handlerTable) { t.any = nil }) }

// UsePacket adds a packet middleware: it is called for every event of the
// namespace's sockets, after the catch-all handlers and before the event's own.
// An error that it returns rejects the event: no further middleware or handler
// is called, and the handlers of OnError get the error. The connection lives
// on. It must not acknowledge an event that it lets pass. For Inline see OnAny.
func (ns *Namespace) UsePacket(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(ns.edit).onPacket(ns.wrapped(PacketMiddleware, "", h), opts)
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
	return tableEditor(s.edit).on(event, s.ns.wrapped(EventHandler, event, h), queued(opts))
}

// queued takes [Inline] back.
func queued(opts []HandlerOption) []HandlerOption {
	return with(opts, func(h *handler) { h.inline = false })
}

// Off removes this socket's own handlers of events, or of all events when none
// is named. Catch-all handlers stay.
func (s *Socket) Off(events ...string) { tableEditor(s.edit).off(events) }

// Events are the names of the events that this socket has handlers of its own
// for, sorted.
func (s *Socket) Events() []string { return s.own().events() }

// Listeners is the number of handlers of its own that this socket has for an
// event.
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
	return tableEditor(s.edit).onAny(s.ns.wrapped(AnyHandler, "", h), queued(opts), false)
}

// PrependAny is OnAny for a handler that is called before the socket's others.
func (s *Socket) PrependAny(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(s.edit).onAny(s.ns.wrapped(AnyHandler, "", h), queued(opts), true)
}

// OffAny removes all catch-all handlers of this socket.
func (s *Socket) OffAny() { s.edit(func(t *handlerTable) { t.any = nil }) }

// Use adds a packet middleware for this socket alone: see
// [Namespace.UsePacket].
func (s *Socket) Use(h HandlerFunc, opts ...HandlerOption) (off func()) {
	return tableEditor(s.edit).onPacket(s.ns.wrapped(PacketMiddleware, "", h), queued(opts))
}

// OnError adds a handler for this socket's errors: see [Namespace.OnError].
func (s *Socket) OnError(h func(err error)) {
	wantHandler("OnError", h != nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	c.errors = with(c.errors, h)
}

// Registrar is where event handlers are registered: a [Server], a [Namespace]
// (which cost nothing a connection), or a [Socket].
type Registrar interface {
	// On adds a handler; off removes it.
	On(event string, h HandlerFunc, opts ...HandlerOption) (off func())
}

// queueError gives an error of the socket to its error handlers: see
// [Namespace.OnError].
func (s *Socket) queueError(err error, onLoop bool) {
	s.mu.Lock()
	listens := s.extra != nil && len(s.extra.errors) > 0
	s.mu.Unlock()
	if !listens && len(s.ns.hooks.Load().errors) == 0 {
		return
	}
	s.enqueue(&errorJob{err}, onLoop)
}

// errorJob runs the error handlers of a socket.
type errorJob struct{ err error }

func (j *errorJob) size() int { return 0 }

func (j *errorJob) lapses(uint32) bool { return false }

func (j *errorJob) drop(*Socket) {}

func (j *errorJob) run(s *Socket) {
	srv := s.ns.srv
	defer func() {
		s.mu.Lock()
		var own []func(err error)
		if s.extra != nil {
			own = s.extra.errors
		}
		s.mu.Unlock()
		inTurn(own, func(h func(error)) { srv.runHook(s, "error", func() { h(j.err) }) })
	}()
	inTurn(s.ns.hooks.Load().errors, func(h func(*Socket, error)) {
		srv.runHook(s, "error", func() { h(s, j.err) })
	})
}
