package sio

import (
	"errors"
	"math"

	"github.com/sioserver/sioserver/loop"
)

// A namespace ends when it is closed, and when a hook of its creation has
// panicked. One that was made for a client ends with its last socket, unless
// Config.KeepEmptyNamespaces is set: it counts its sockets, also those in a
// middleware and those that wait for their clients, and what the application
// has added to it.

// gone is added to the count of a namespace that has ended. The count stays
// negative, however many sockets depart later.
const gone = math.MinInt64 / 2

// arrive counts a socket. It returns false if the namespace has ended; look it
// up again.
func (ns *Namespace) arrive() bool {
	if !ns.endsEmpty {
		return !ns.dead()
	}
	for {
		n := ns.users.Load()
		if n < 0 {
			return false
		}
		if ns.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// depart takes back an arrive.
func (ns *Namespace) depart() {
	if ns.endsEmpty && ns.users.Add(-1) == 0 && ns.users.CompareAndSwap(0, gone) {
		ns.unlist()
		ns.retire()
	}
}

// keepEmptyLocked keeps a namespace to which something is added that another
// one of its name would not have. mu must be held.
func (ns *Namespace) keepEmptyLocked() {
	if ns.endsEmpty && !ns.keptEmpty && ns.ready() {
		ns.keptEmpty = ns.arrive()
	}
}

func (ns *Namespace) dead() bool { return ns.users.Load() < 0 }

// end ends the namespace and takes it out of the server. It reports false when
// it had ended before. The caller retires it.
func (ns *Namespace) end() bool {
	for {
		n := ns.users.Load()
		if n < 0 {
			return false
		}
		if ns.users.CompareAndSwap(n, n+gone) {
			ns.unlist()
			return true
		}
	}
}

// discard ends a namespace that no client could enter.
func (ns *Namespace) discard() {
	if ns.end() {
		ns.retire()
	}
}

// unlist takes a namespace that has ended out of the server, so that another
// one of its name can be made.
func (ns *Namespace) unlist() {
	ns.srv.namespaces.remove(ns)
	if ns.parent != nil {
		ns.parent.dynamic.children.remove(ns)
	}
}

// retire releases what a namespace that is not listed has beside its sockets.
// It is called once. The adapter's error can be received when that is closed,
// which may take time.
func (ns *Namespace) retire() <-chan error {
	ns.delivery.stop()
	return ns.peers.retire()
}

// forgotten is called when nothing is left of a namespace.
func (ns *Namespace) forgotten() {
	if ns.parent != nil {
		ns.srv.dynamic.Add(-1)
	}
}

// Close removes the namespace from its server. Its sockets are disconnected
// with [ServerNamespaceDisconnect]; their clients are notified and keep their
// connections. Clients that are about to connect are refused, and so are later
// ones. Close waits for the adapter to other servers to be closed, whose error
// it returns, but not for handlers: disconnect handlers run afterwards. Events
// that wait are not handled; they are counted in [Stats].Unhandled. What is
// done to the namespace from then on reaches no socket.
//
// Another namespace of the name can be made like any other: by [Server.Of], or,
// if a parent allows it, for a client that asks for it. Closing a parent closes
// its children and keeps clients from making more. Close returns
// [ErrMainNamespace] for "/", and nil at once for a namespace that has ended.
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

// shut is Close for all but "/", and does not wait: the errors can be received
// when the adapters are closed.
func (ns *Namespace) shut() (closed []<-chan error) {
	if !ns.end() {
		return nil
	}
	if ns.dynamic != nil {
		ns.srv.removeParent(ns)
		for child := range ns.dynamic.children.all() {
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

// ousterTask refuses a socket that was about to connect when its namespace was
// closed.
type ousterTask Socket

func (t *ousterTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	if s.state.Load() == stateConnecting {
		(&refuseTask{s: s, message: invalidNamespace}).Run(nil)
	} else {
		s.Disconnect(false)
	}
}
