package sio

import "maps"

// HandlerOption changes how a handler is called.
type HandlerOption func(h *handler)

// Inline makes a handler of a namespace run on the loop of the socket, where it
// costs least. It promises not to block, not even for [Socket.EmitAck]: all
// connections of the loop wait for it. The event and its arguments are borrowed
// until the handler returns; for a later answer see [Event.Reply]. Inline
// handlers see the events of one socket in order, but may overtake earlier
// events that still wait for their handlers, and the connection handlers. For
// handlers of a single socket, which always run on its queue, it has no effect.
func Inline() HandlerOption { return func(h *handler) { h.inline = true } }

// lends marks a handler that keeps nothing of the event when it returns, so
// that the event can be used again.
func lends() HandlerOption { return func(h *handler) { h.lends = true } }

type handler struct {
	call   HandlerFunc
	inline bool
	lends  bool
}

func newHandler(call HandlerFunc, opts []HandlerOption) handler {
	h := handler{call: call}
	for _, opt := range opts {
		opt(&h)
	}
	return h
}

// routes are the handlers by event. Immutable: with makes a changed copy.
type routes map[string]*route

// route is the handlers of one event. Immutable.
type route struct {
	event          string
	inline, queued []HandlerFunc
	keeps          bool // a queued handler may keep the event
}

func (rs routes) with(event string, h handler) routes {
	next := maps.Clone(rs)
	if next == nil {
		next = make(routes)
	}
	r := route{event: event}
	if old := rs[event]; old != nil {
		r = *old
	}
	if h.inline {
		r.inline = with(r.inline, h.call)
	} else {
		r.queued = with(r.queued, h.call)
		r.keeps = r.keeps || !h.lends
	}
	next[event] = &r
	return next
}
