package sio

import "math"

// The end of namespaces. A namespace ends when it is closed, when a hook of its
// creation has panicked, and, if a client has made it and Config.KeepEmptyNamespaces
// is not set, with its last socket: such a child counts its sockets, those in a
// middleware and the lost ones included, and what the application has added to it.

// gone is added to the count of a namespace that has ended, which stays negative
// whoever departs later.
const gone = math.MinInt64 / 2

// arrive counts a socket. It returns false if the namespace has ended; look it up
// again.
func (ns *Namespace) arrive() bool {
	if !ns.mortal {
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
	if ns.mortal && ns.users.Add(-1) == 0 && ns.users.CompareAndSwap(0, gone) {
		ns.unlist()
		ns.retire()
	}
}

// pinLocked keeps a namespace that something is added to which another one of its
// name would not have. mu must be held.
func (ns *Namespace) pinLocked() {
	if ns.mortal && !ns.pinned && ns.ready() {
		ns.pinned = ns.arrive()
	}
}

func (ns *Namespace) dead() bool { return ns.users.Load() < 0 }

// end makes the namespace end and takes it out of the server. It reports false
// when it had ended before. The caller retires it.
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

// unlist takes a namespace that has ended out of the server: another one of its
// name can be made.
func (ns *Namespace) unlist() {
	ns.srv.namespaces.remove(ns)
	if ns.parent != nil {
		ns.parent.family.children.remove(ns)
	}
}

// retire lets go of what a namespace that is not listed has beside its sockets. It
// is called once. The adapter's error can be received when that is closed, which
// may take time.
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
