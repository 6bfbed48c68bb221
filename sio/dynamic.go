package sio

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/adapter"
)

// Dynamic namespaces: parents decide which
// names may exist; a child is made when the first client asks for its name.

// family is what makes a namespace a parent.
type family struct {
	pattern  *regexp.Regexp // nil for OfFunc
	match    func(name string, auth json.RawMessage) bool
	children atomic.Pointer[[]*Namespace] // replaced under Server.mu
}

// OfPattern returns a parent namespace: clients, and [Server.Of], can connect to
// every namespace whose name, slash included, matches the pattern (anywhere in
// the name, unless it is anchored), and make it by that. Such a child begins with
// the handlers and middlewares that the parent has at that moment. What is
// emitted to the parent reaches the sockets of all children. Parents are asked in
// the order of their registration, after the namespaces that exist.
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	return srv.addParent(&family{
		pattern: pattern,
		match:   func(name string, _ json.RawMessage) bool { return pattern.MatchString(name) },
	})
}

// OfFunc is OfPattern for names that a function decides about. auth is the JSON
// object that the client has sent along, "{}" when none; read-only. match runs on
// a goroutine of its own and may block; a panic refuses the client.
func (srv *Server) OfFunc(match func(name string, auth json.RawMessage) bool) *Namespace {
	return srv.addParent(&family{match: match})
}

func (srv *Server) addParent(f *family) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	f.children.Store(new([]*Namespace))
	parents := *srv.parents.Load()
	p := newNamespace(srv, "/_"+strconv.Itoa(len(parents)))
	p.family = f
	close(p.born)
	parents = with(parents, p)
	srv.parents.Store(&parents)
	return p
}

// OnNamespace adds a hook that is called with every namespace that is made from
// now on, by [Server.Of] or by a client that asks for a dynamic one, before
// clients can connect to it: the place to add handlers to it. It is called on the
// goroutine that makes the namespace and may block.
func (srv *Server) OnNamespace(h func(ns *Namespace)) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.onNamespace = with(srv.onNamespace, h)
}

// known returns the namespace called name, or nil.
func (srv *Server) known(name string) *Namespace {
	if ns := (*srv.namespaces.Load())[name]; ns != nil && !ns.dead() {
		return ns
	}
	return nil
}

// patternParent returns the first parent whose pattern matches name, or nil.
func (srv *Server) patternParent(name string) *Namespace {
	for _, p := range *srv.parents.Load() {
		if p.family.pattern != nil && p.family.match(name, nil) {
			return p
		}
	}
	return nil
}

// create returns the namespace called name, made as a child of parent, unless
// that is nil, when it does not exist.
func (srv *Server) create(name string, parent *Namespace) *Namespace {
	made := newNamespace(srv, name)
	if srv.cfg.Adapter != nil {
		made.adapter = srv.cfg.Adapter(local{made})
		if made.log != nil {
			if r, ok := made.adapter.(adapter.Recoverer); ok {
				made.log.recoverer.Store(&r)
			}
		}
	}
	srv.mu.Lock()
	if ns := srv.known(name); ns != nil {
		srv.mu.Unlock()
		made.closeAdapter() // somebody else was faster
		return ns
	}
	if parent != nil {
		made.inherit(parent)
	}
	srv.replaceLocked(name, made)
	hooks := srv.onNamespace
	srv.mu.Unlock()
	complete := false
	defer func() {
		if !complete { // a hook has panicked: what it was to add, such as a middleware, may be missing
			made.users.Store(gone)
			srv.bury(made)
		}
		close(made.born)
	}()
	for _, h := range hooks {
		h(made)
	}
	complete = true
	return made
}

// closeAdapter leaves the other servers.
func (ns *Namespace) closeAdapter() {
	if ns.adapter == nil {
		return
	}
	if err := ns.adapter.Close(); err != nil {
		ns.srv.cfg.Logger.Warn("sio: can't close the adapter", "namespace", ns.name, "error", err)
	}
}

// inherit makes ns a child. Server.mu must be held.
func (ns *Namespace) inherit(parent *Namespace) {
	ns.parent = parent
	ns.mortal = ns.srv.cfg.CleanupEmptyChildNamespaces
	ns.table.Store(parent.table.Load())
	k := *parent.hooks.Load()
	k.room = slices.Concat(ns.hooks.Load().room, k.room) // its adapter may have added some
	ns.hooks.Store(&k)
	if len(k.room) > 0 {
		ns.observeRooms()
	}
	ns.listeners.Store(int32(len(k.outgoing)))
	children := with(*parent.family.children.Load(), ns)
	parent.family.children.Store(&children)
}

// ready reports whether the hooks of OnNamespace have seen the namespace.
func (ns *Namespace) ready() bool {
	select {
	case <-ns.born:
		return true
	default:
		return false
	}
}

// each calls f with the namespaces that a broadcast to ns is for: its children
// if it is a parent, else itself.
func (ns *Namespace) each(f func(ns *Namespace) error) (err error) {
	if ns.family == nil {
		return f(ns)
	}
	for _, child := range *ns.family.children.Load() {
		if e := f(child); err == nil {
			err = e
		}
	}
	return err
}

// ask lets the parents decide about a namespace that does not exist, or waits
// for one that is being made. Meanwhile the client is in limbo.
func (c *client) ask(name string, auth []byte) {
	if len(auth) == 0 {
		auth = []byte("{}")
	}
	// It waits until it is decided about, not only until a worker has it.
	c.hold(len(name) + len(auth))
	c.limbo(name).enqueue(&askJob{slices.Clone(auth)}, true)
}

// limbo puts a socket in a namespace of no consequence, which stands for the
// client's wish to be in one of that name: whatever else it sends to that name is
// out of order.
func (c *client) limbo(name string) *Socket {
	ns := &Namespace{srv: c.srv, name: name, rooms: c.srv.main.rooms}
	ns.hooks.Store(new(hooks))
	s := &Socket{client: c, ns: ns}
	s.state.Store(stateConnecting)
	more := c.extra()
	more.sockets = append(more.sockets, s)
	return s
}

// leaveLimbo ends a socket in limbo. It reports false when that has happened,
// because the client is gone.
func (s *Socket) leaveLimbo() bool {
	if !s.state.CompareAndSwap(stateConnecting, stateDisconnected) {
		return false
	}
	s.release()
	s.client.forget(s)
	return true
}

// askJob asks the parents.
type askJob struct{ auth json.RawMessage }

func (j *askJob) size() int      { return 0 } // counted by ask
func (j *askJob) lapses() bool   { return true }
func (j *askJob) drop(s *Socket) { s.client.unhold(len(s.ns.name) + len(j.auth)) }

func (j *askJob) run(s *Socket) {
	s.client.Loop().Post(&admitTask{s, s.ns.srv.admitted(s, j.auth), j.auth})
}

// admitted returns the namespace that s waits for, or nil. It has arrived there:
// a namespace that nobody enters dies like one that everybody has left.
func (srv *Server) admitted(s *Socket, auth json.RawMessage) (ns *Namespace) {
	defer srv.rescue(s, "namespace", func() { ns = nil })
	for {
		if ns = srv.decided(s, auth); ns == nil || ns.arrive() {
			return ns
		}
	}
}

// decided is admitted but for the arrival.
func (srv *Server) decided(s *Socket, auth json.RawMessage) (ns *Namespace) {
	name := s.ns.name
	ns = srv.known(name)
	for _, p := range *srv.parents.Load() {
		if ns != nil || s.state.Load() != stateConnecting {
			break
		}
		if p.family.match(name, auth) {
			ns = srv.create(name, p)
		}
	}
	if ns != nil {
		<-ns.born
	}
	return ns
}

// admitTask is a client whose wish was decided about.
type admitTask struct {
	s    *Socket
	ns   *Namespace // nil: refused
	auth json.RawMessage
}

func (t *admitTask) Run(*loop.Loop) {
	s, c := t.s, t.s.client
	c.unhold(len(s.ns.name) + len(t.auth))
	if t.ns != nil {
		defer t.ns.depart()
	}
	switch {
	case !s.leaveLimbo():
	case t.ns == nil:
		c.refuse(s.ns.name, invalidNamespace, nil)
	default:
		c.enter(t.ns, t.auth, arrival{})
	}
}
