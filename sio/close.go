package sio

import (
	"errors"

	"github.com/sioserver/sioserver/loop"
)

// Close removes the namespace from its server. Its sockets are disconnected with
// [ServerNamespaceDisconnect], and their clients are told and keep their
// connections; clients that are about to connect are refused, as are later ones.
// It waits for the adapter to other servers to be closed, whose error it returns,
// and not for handlers: those of disconnections run afterwards. Events that wait are
// not handled; they are counted in [Stats].Unhandled. What is done to
// the namespace from then on reaches no socket.
//
// Another namespace of the name can be made as any other: by [Server.Of], or, if a
// parent allows it, by a client that asks for it. Closing a parent closes its
// children and keeps clients from making more. Close returns [ErrMainNamespace]
// for "/", and nil at once for a namespace that has ended.
func (ns *Namespace) Close() error {
	if ns == ns.srv.Namespace {
		return ErrMainNamespace
	}
	var errs []error
	for _, err := range ns.shut() {
		errs = append(errs, <-err)
	}
	return errors.Join(errs...)
}

// shut is Close for all but "/", without waiting: the errors can be received when
// the adapters are closed.
func (ns *Namespace) shut() (closed []<-chan error) {
	if !ns.end() {
		return nil
	}
	if ns.family != nil {
		ns.srv.removeParent(ns)
		for child := range ns.family.children.all() {
			closed = append(closed, child.shut()...)
		}
	}
	for _, s := range ns.rooms.Close() {
		if s.Connected() {
			s.Disconnect(false)
		} else {
			s.client.Loop().Post((*ousterTask)(s))
		}
	}
	return append(closed, ns.retire())
}

func (srv *Server) removeParent(p *Namespace) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	parents := without(*srv.parents.Load(), p)
	srv.parents.Store(&parents)
}

// ousterTask is a socket that was about to connect when its namespace was closed.
type ousterTask Socket

func (t *ousterTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	if s.state.Load() == stateConnecting {
		(&refuseTask{s: s, message: invalidNamespace}).Run(nil)
	} else {
		s.Disconnect(false)
	}
}
