package sio

import "slices"

// HandlerKind is what an event's handler is registered as.
type HandlerKind uint8

// The kinds of handlers that [Config.WrapHandlers] is called for.
const (
	EventHandler     HandlerKind = iota // On and OnAck
	AnyHandler                          // OnAny and PrependAny
	PacketMiddleware                    // UsePacket and Socket.Use
)

// HandlerInfo describes a handler that is being registered.
type HandlerInfo struct {
	// Namespace is the name of the namespace. For a child of a parent namespace,
	// whose name a client has chosen, and for its sockets, it is the parent's,
	// such as "/_0".
	Namespace string
	// Event is the event's name as it was registered; "" for other kinds, which
	// have all events.
	Event string
	Kind  HandlerKind
}

// HandlerWrapper returns a handler that is called instead of next, usually one
// that calls it: see [Config.WrapHandlers].
type HandlerWrapper func(of HandlerInfo, next HandlerFunc) HandlerFunc

// wrapped returns a handler as Config.WrapHandlers wants it called; nil for
// nil, which registering refuses.
func (ns *Namespace) wrapped(kind HandlerKind, event string, h HandlerFunc) HandlerFunc {
	if h == nil {
		return nil
	}
	name := ns.name
	if ns.parent != nil {
		name = ns.parent.name
	}
	for _, wrap := range slices.Backward(ns.srv.cfg.WrapHandlers) {
		if h = wrap(HandlerInfo{name, event, kind}, h); h == nil {
			panic("sio: a function of Config.WrapHandlers has returned nil")
		}
	}
	return h
}
