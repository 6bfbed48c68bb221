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
// until the handler returns; for a later answer see [Event.Reply]. A handler that ends
// its goroutine ([runtime.Goexit]) costs its client the connection; one that locks its
// thread ([runtime.LockOSThread]) must unlock it. Inline
// handlers see the events of one socket in order, but may overtake earlier
// events that still wait for their handlers, and the connection handlers. For
// handlers of a single socket, which always run on its queue, it has no effect,
// and none while a catch-all handler or packet middleware that is not inline has
// to run first.
func Inline() HandlerOption { return func(h *handler) { h.inline = true } }

// Once makes a handler be called for one event only, the first; then it is
// removed. A handler of a namespace is called for the first event of any socket.
func Once() HandlerOption { return func(h *handler) { h.once = true } }

// lends marks a handler that keeps nothing of the event when it returns, so
// that the event can be used again.
func lends() HandlerOption { return func(h *handler) { h.lends = true } }

// handler is a registered handler, known by its address. Immutable once registered.
type handler struct {
	call   HandlerFunc
	inline bool
	once   bool
	lends  bool
}

// table is what a namespace, or a socket, does with events. Immutable: it is
// edited as a copy.
type table struct {
	routes map[string]*route
	any    []*handler // catch-all handlers, then
	use    []*handler // packet middlewares, before the routes
	serial bool       // not all of any and use are inline: everything runs on the queue
}

// route is the handlers of one event. Immutable.
type route struct {
	event          string
	inline, queued []*handler
	keeps          bool // a handler may keep the event
}

// editor replaces a table by what change makes of a shallow copy.
type editor func(change func(t *table))

// register adds a handler by way of add and returns what removes it by way of remove.
func (edit editor) register(call HandlerFunc, opts []HandlerOption, add, remove func(t *table, h *handler)) (off func()) {
	wantHandler("On", call != nil)
	h := &handler{call: call}
	for _, opt := range opts {
		opt(h)
	}
	off = func() { edit(func(t *table) { remove(t, h) }) }
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
	edit(func(t *table) { add(t, h) })
	return off
}

func (edit editor) on(event string, call HandlerFunc, opts []HandlerOption) (off func()) {
	change := func(list func(have []*handler, h *handler) []*handler) func(t *table, h *handler) {
		return func(t *table, h *handler) { t.reroute(event, h, list) }
	}
	return edit.register(call, opts, change(with[*handler]), change(without[*handler]))
}

func (edit editor) onAny(call HandlerFunc, opts []HandlerOption, first bool) (off func()) {
	return edit.register(call, opts, func(t *table, h *handler) {
		if first {
			t.any = slices.Concat([]*handler{h}, t.any)
		} else {
			t.any = with(t.any, h)
		}
	}, func(t *table, h *handler) { t.any = without(t.any, h) })
}

func (edit editor) onPacket(call HandlerFunc, opts []HandlerOption) (off func()) {
	return edit.register(call, opts,
		func(t *table, h *handler) { t.use = with(t.use, h) },
		func(t *table, h *handler) { t.use = without(t.use, h) })
}

// off removes the handlers of events; of all when there are none.
func (edit editor) off(events []string) {
	edit(func(t *table) {
		next := make(map[string]*route)
		if len(events) > 0 {
			maps.Copy(next, t.routes)
		}
		for _, event := range events {
			delete(next, event)
		}
		t.routes = next
	})
}

// edited returns what change makes of a copy of t, which may be nil.
func (t *table) edited(change func(t *table)) *table {
	next := new(table)
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

// reroute replaces the list that h belongs to.
func (t *table) reroute(event string, h *handler, list func(have []*handler, h *handler) []*handler) {
	next := &route{event: event}
	if old := t.routes[event]; old != nil {
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
	routes := maps.Clone(t.routes)
	if routes == nil {
		routes = make(map[string]*route)
	}
	if len(next.inline)+len(next.queued) > 0 {
		routes[event] = next
	} else {
		delete(routes, event)
	}
	t.routes = routes
}

// events are the names of the events that have handlers.
func (t *table) events() []string {
	if t == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(t.routes))
}

// count is the number of handlers of an event.
func (t *table) count(event string) int {
	if t == nil || t.routes[event] == nil {
		return 0
	}
	return len(t.routes[event].inline) + len(t.routes[event].queued)
}

// first reports whether something has to run before the routes.
func (t *table) first() bool { return t != nil && len(t.any)+len(t.use) > 0 }

// with returns a longer copy of list: readers keep the old one.
func with[T any](list []T, v T) []T { return append(slices.Clip(list), v) }

// without returns a copy of list that lacks v.
func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(have T) bool { return have == v })
}
