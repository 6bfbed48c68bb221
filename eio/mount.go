package eio

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// Mount has other serve what lies under its Path on the connections of srv, and in
// what srv's Handler gets: several servers share one port so. What lies outside
// all their paths is srv's Fallback's; of two paths of which one begins with the
// other the longer one counts. A connection that no request has named a server on
// yet has the time-outs of the last one, srv at first. The sessions of both live on
// the same loops. One that is closed refuses new sessions until another one with
// its Path takes its place. Mount is called before other serves anything; srv may serve
// already. Safe for concurrent use.
func (srv *Server) Mount(other *Server) error {
	mounting.Lock()
	defer mounting.Unlock()
	switch {
	case srv.root != nil || other == srv:
		return fmt.Errorf("eio: Mount: the server of %q is mounted itself, or is the other", srv.prefix)
	case other.root != nil || other.sites.Load() != nil:
		return fmt.Errorf("eio: Mount: the server of %q is mounted already, or has others", other.prefix)
	}
	list := []*Server{srv}
	if before := srv.sites.Load(); before != nil {
		list = slices.Clone(*before)
	}
	list = slices.DeleteFunc(list, func(s *Server) bool { return s != srv && s.prefix == other.prefix && s.closing.Load() })
	for _, s := range list {
		if s.prefix == other.prefix {
			return fmt.Errorf("eio: Mount: Config.Path is %q for two servers; each must have its own", other.prefix)
		}
	}
	list = append(list, other)
	slices.SortStableFunc(list, func(a, b *Server) int { return len(b.prefix) - len(a.prefix) })
	other.root = srv
	srv.sites.Store(&list)
	return nil
}

// mounting guards the writes of root and sites of all servers.
var mounting sync.Mutex

// site is the server that a path belongs to; the one that others are mounted on
// when it belongs to none.
func (srv *Server) site(path []byte) *Server {
	root := srv
	if srv.root != nil {
		root = srv.root
	}
	if list := root.sites.Load(); list != nil {
		for _, s := range *list {
			if bytes.HasPrefix(path, []byte(s.prefix)) {
				return s
			}
		}
	}
	return root
}
