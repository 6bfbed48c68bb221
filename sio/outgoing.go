package sio

import (
	"slices"

	"github.com/sioserver/sioserver/loop"
)

// outgoing is an event on its way out as listeners see it. Immutable.
type outgoing struct {
	event string
	args  RawArgs
}

// observe describes an event for the listeners of the namespace and its
// sockets; nil when there are none.
func (ns *Namespace) observe(event string, args []any) *outgoing {
	if ns.listeners.Load() == 0 {
		return nil
	}
	raw, err := rawArgs(args)
	if err != nil {
		return nil // the caller has noticed
	}
	return &outgoing{event, raw}
}

// notifyOutgoing calls the listeners for what the socket is about to be sent.
// It is called on the loop.
func (s *Socket) notifyOutgoing(o *outgoing) { s.client.Loop().Contain(&outgoingTask{s, o}) }

type outgoingTask struct {
	s *Socket
	o *outgoing
}

// Run implements loop.Task.
func (t *outgoingTask) Run(*loop.Loop) {
	s := t.s
	call := func(l *outgoingFunc) {
		s.ns.srv.runHook(s, "outgoing", func() { l.call(s, t.o.event, t.o.args) })
	}
	defer func() {
		s.mu.Lock()
		var own []*outgoingFunc
		if s.extra != nil {
			own = s.extra.outgoing
		}
		s.mu.Unlock()
		inTurn(own, call)
	}()
	inTurn(s.ns.hooks.Load().outgoing, call)
}

// OnAnyOutgoing adds a listener that is called with every event that one of the
// namespace's sockets is sent, for a broadcast once for each recipient.
// Acknowledgements are no events. It runs on the loop and must not block. As
// long as there is a listener, here or on a socket, every emit is encoded a
// second time. off removes it.
func (ns *Namespace) OnAnyOutgoing(h func(s *Socket, event string, args RawArgs)) (off func()) {
	return ns.onOutgoing(h, false)
}

// PrependAnyOutgoing is OnAnyOutgoing for a listener that is called before
// those already there.
func (ns *Namespace) PrependAnyOutgoing(h func(s *Socket, event string, args RawArgs)) (off func()) {
	return ns.onOutgoing(h, true)
}

func (ns *Namespace) onOutgoing(h func(*Socket, string, RawArgs), first bool) (off func()) {
	wantHandler("OnAnyOutgoing", h != nil)
	l := &outgoingFunc{h}
	ns.listeners.Add(1)
	ns.updateHooks(func(k *hooks) { k.outgoing = added(k.outgoing, l, first) })
	return func() {
		ns.updateHooks(func(k *hooks) {
			k.outgoing = ns.removed(k.outgoing, l)
		})
	}
}

// OffAnyOutgoing removes all listeners of OnAnyOutgoing.
func (ns *Namespace) OffAnyOutgoing() {
	ns.updateHooks(func(k *hooks) {
		ns.listeners.Add(-int32(len(k.outgoing)))
		k.outgoing = nil
	})
}

// ListenersAnyOutgoing is the number of the namespace's listeners of
// OnAnyOutgoing; those of single sockets are not counted.
func (ns *Namespace) ListenersAnyOutgoing() int { return len(ns.hooks.Load().outgoing) }

// ListenersAnyOutgoing is the number of this socket's own listeners of
// OnAnyOutgoing.
func (s *Socket) ListenersAnyOutgoing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return 0
	}
	return len(s.extra.outgoing)
}

// OnAnyOutgoing adds a listener for what this socket is sent: see
// [Namespace.OnAnyOutgoing].
func (s *Socket) OnAnyOutgoing(h func(event string, args RawArgs)) (off func()) {
	return s.onOutgoing(h, false)
}

// PrependAnyOutgoing is OnAnyOutgoing for a listener that is called before the
// socket's others.
func (s *Socket) PrependAnyOutgoing(h func(event string, args RawArgs)) (off func()) {
	return s.onOutgoing(h, true)
}

func (s *Socket) onOutgoing(h func(string, RawArgs), first bool) (off func()) {
	wantHandler("OnAnyOutgoing", h != nil)
	l := &outgoingFunc{func(_ *Socket, event string, args RawArgs) { h(event, args) }}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open() {
		return func() {}
	}
	s.ns.listeners.Add(1)
	c := s.extraLocked()
	c.outgoing = added(c.outgoing, l, first)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.extra.outgoing = s.ns.removed(s.extra.outgoing, l)
	}
}

// OffAnyOutgoing removes this socket's listeners of OnAnyOutgoing.
func (s *Socket) OffAnyOutgoing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.extra; c != nil {
		s.ns.listeners.Add(-int32(len(c.outgoing)))
		c.outgoing = nil
	}
}

func added(list []*outgoingFunc, l *outgoingFunc, first bool) []*outgoingFunc {
	if first {
		return slices.Concat([]*outgoingFunc{l}, list)
	}
	return with(list, l)
}

// removed returns list without l and keeps the namespace's count.
func (ns *Namespace) removed(list []*outgoingFunc, l *outgoingFunc) []*outgoingFunc {
	next := without(list, l)
	ns.listeners.Add(int32(len(next) - len(list)))
	return next
}
