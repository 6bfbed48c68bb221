package eio

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// Mount lets other serve the requests under its Path on the connections of srv,
// and in srv's Handler, so that several servers share one port. Requests
// outside of all paths go to srv's Fallback. Of two paths that both match, the
// longer one counts. Until a request has named a server, a connection has the
// time-outs of the server of its last request, at first those of srv. The
// sessions of both servers live on the same loops. A server that was closed
// refuses new sessions until another one with its Path is mounted. Mount must
// be called before other serves anything; srv may serve already. Safe for
// concurrent use.
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

// mounting guards writes of root and sites of all servers.
var mounting sync.Mutex

// site returns the server that a path belongs to. Outside of all paths that is
// the server on which the others are mounted.
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
