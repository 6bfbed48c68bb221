package sio

import "maps"

// The end of dynamic namespaces: with Config.CleanupEmptyChildNamespaces a child
// counts its sockets, those in a middleware included, and dies with the last.

// gone is the count of a namespace that has died.
const gone = -1

// arrive counts a socket. It reports false when the namespace has died: then
// there is, or can be, another one of its name.
func (ns *Namespace) arrive() bool {
	if !ns.mortal {
		return true
	}
	for {
		n := ns.users.Load()
		if n == gone {
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
		ns.srv.bury(ns)
	}
}

func (ns *Namespace) dead() bool { return ns.users.Load() == gone }

// bury forgets a namespace that has died.
func (srv *Server) bury(ns *Namespace) {
	if ns.adapter != nil {
		srv.burials.Go(ns.closeAdapter) // it may block
	}
	if ns.log != nil {
		ns.log.stop()
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	children := without(*ns.parent.family.children.Load(), ns)
	ns.parent.family.children.Store(&children)
	if (*srv.namespaces.Load())[ns.name] == ns {
		srv.replaceLocked(ns.name, nil)
	}
}

// replaceLocked changes the table of namespaces; a nil ns is taken out.
func (srv *Server) replaceLocked(name string, ns *Namespace) {
	next := maps.Clone(*srv.namespaces.Load())
	if ns != nil {
		next[name] = ns
	} else {
		delete(next, name)
	}
	srv.namespaces.Store(&next)
}
