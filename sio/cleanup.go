package sio

import (
	"maps"
	"slices"
)

// The end of dynamic namespaces: with Config.CleanupEmptyChildNamespaces a child
// counts its sockets, those in a middleware included, and dies with the last.

// gone is the count of a namespace that has died.
const gone = -1

// arrive counts a socket. It reports false when the namespace has died: then
// there is, or can be, another one of its name.
func (ns *Namespace) arrive() bool {
	if !ns.mortal {
		return !ns.dead()
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
	srv.graves.Lock()
	defer srv.graves.Unlock()
	if srv.dead = append(srv.dead, ns); len(srv.dead) == 1 {
		srv.burials.Go(srv.buryAll) // a loop would be kept too long by many
	}
}

// buryAll takes out all that have died, with one copy of each table.
func (srv *Server) buryAll() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.graves.Lock()
	srv.dead = nil
	srv.graves.Unlock()
	for _, p := range *srv.parents.Load() {
		children := slices.DeleteFunc(slices.Clone(*p.family.children.Load()), (*Namespace).dead)
		p.family.children.Store(&children)
	}
	next := maps.Clone(*srv.namespaces.Load())
	maps.DeleteFunc(next, func(_ string, ns *Namespace) bool { return ns.dead() })
	srv.namespaces.Store(&next)
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
