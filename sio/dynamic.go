package sio

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"

	"github.com/sioserver/sioserver/loop"
)

// Dynamic namespaces: parents decide which
// names may exist; a child is made when the first client asks for its name.

// family is what makes a namespace a parent.
type family struct {
	pattern  *regexp.Regexp // nil for OfFunc
	match    func(name string, auth json.RawMessage) bool
	children children
}

// OfPattern returns a parent namespace: clients, and [Server.Of], can connect to
// every namespace whose name, slash included, matches the pattern (anywhere in
// the name, unless it is anchored), and make it by that. Such a child begins with
// the handlers and middlewares that the parent has at that moment. What is
// emitted to the parent reaches the sockets of all children. Parents are asked in
// the order of their registration, after the namespaces that exist.
// [Config.MaxDynamicNamespaces] bounds how many clients can make. A child ends with
// its last socket: see [Config.KeepEmptyNamespaces].
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	if pattern == nil {
		panic("sio: OfPattern: the pattern is nil")
	}
	return srv.addParent(&family{
		pattern: pattern,
		match:   func(name string, _ json.RawMessage) bool { return pattern.MatchString(name) },
	})
}

// OfFunc is OfPattern for names that a function decides about. auth is the JSON
// object that the client has sent along, "{}" when none; read-only. match runs on
// a goroutine of its own and may block; a panic refuses the client.
func (srv *Server) OfFunc(match func(name string, auth json.RawMessage) bool) *Namespace {
	wantHandler("OfFunc", match != nil)
	return srv.addParent(&family{match: match})
}

func (srv *Server) addParent(f *family) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	parents := *srv.parents.Load()
	p := newNamespace(srv, "/_"+strconv.Itoa(srv.made))
	srv.made++
	p.family = f
	close(p.born)
	parents = with(parents, p)
	srv.parents.Store(&parents)
	return p
}

// OnNamespace adds a hook that is called with every namespace that is made from
// now on, by [Server.Of] or by a client that asks for a dynamic one, before
// clients can connect to it: the place to add handlers to it. It is called on the
// goroutine that makes the namespace and may block; only clients that want to
// connect to that namespace wait for it. They are refused if it closes the namespace.
func (srv *Server) OnNamespace(h func(ns *Namespace)) {
	wantHandler("OnNamespace", h != nil)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	hooks := with(*srv.onNamespace.Load(), h)
	srv.onNamespace.Store(&hooks)
}

// known returns the namespace called name, or nil.
func (srv *Server) known(name string) *Namespace {
	if name == "/" {
		return srv.main
	}
	if ns := srv.namespaces.find(name); ns != nil && !ns.dead() {
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

// claimDynamic counts a dynamic namespace that a client is about to make. It
// reports false when there are too many.
func (srv *Server) claimDynamic() bool {
	if srv.dynamic.Add(1) > int64(srv.cfg.MaxDynamicNamespaces) {
		srv.dynamic.Add(-1)
		return false
	}
	return true
}

// create returns the namespace called name, made as a child of parent, unless
// that is nil, when it does not exist. The child is counted by the caller. A mortal
// one ends with its last socket.
func (srv *Server) create(name string, parent *Namespace, mortal bool) *Namespace {
	made := newNamespace(srv, name)
	made.parent, made.mortal = parent, mortal
	complete := false
	defer func() {
		if !complete { // the adapter's function or a hook has not returned: what it was to add may be missing
			made.discard()
		}
		close(made.born)
	}()
	made.chooseDelivery()
	if parent != nil {
		made.inherit()
	}
	if have := srv.namespaces.add(made); have != nil { // another goroutine was faster
		complete = true
		made.discard()
		return have
	}
	if parent != nil {
		parent.family.children.add(made)
		if parent.dead() { // perhaps before it knew its child
			made.shut()
		}
	}
	for _, h := range *srv.onNamespace.Load() {
		h(made)
	}
	complete = true
	if made.dead() {
		made.unopened = true
		made.unlist() // its parent may not have known it when it was closed
	}
	if srv.ended.Load() { // Shutdown may not have seen it
		made.peers.close()
	}
	return made
}

// inherit gives a new child what its parent has.
func (ns *Namespace) inherit() {
	parent := ns.parent
	ns.table.Store(parent.table.Load())
	k := *parent.hooks.Load()
	k.room = slices.Concat(ns.hooks.Load().room, k.room) // its adapter may have added some
	ns.hooks.Store(&k)
	if len(k.room) > 0 {
		ns.observeRooms()
	}
	ns.listeners.Store(int32(len(k.outgoing)))
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
	for child := range ns.family.children.all() {
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
	c.hold(loadOf(1, len(name)+len(auth)))
	c.limbo(name).enqueue(&askJob{slices.Clone(auth)}, true)
}

// limbo puts a socket in a namespace of no consequence, which stands for the
// client's wish to be in one of that name: whatever else it sends to that name is
// out of order.
func (c *client) limbo(name string) *Socket {
	ns := &Namespace{srv: c.srv, name: name, rooms: c.srv.main.rooms}
	ns.hooks.Store(&noHooks)
	ns.delivery = direct{ns}
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
	s.release(stateDisconnected)
	s.client.forget(s)
	return true
}

// askJob asks the parents.
type askJob struct{ auth json.RawMessage }

func (j *askJob) size() int          { return 0 } // counted by ask
func (j *askJob) lapses(uint32) bool { return true }
func (j *askJob) drop(s *Socket)     { s.client.unhold(loadOf(1, len(s.ns.name)+len(j.auth))) }

func (j *askJob) run(s *Socket) {
	t := &admitTask{s: s, auth: j.auth, refusal: invalidNamespace}
	defer t.post() // also when a parent's function ends the goroutine
	t.decide()
}

// admitTask is a client whose wish was decided about.
type admitTask struct {
	s       *Socket
	ns      *Namespace // nil: refused
	auth    json.RawMessage
	refusal string
}

// post has the client's loop go on, unless that has ended, and the client with it.
func (t *admitTask) post() {
	if !t.s.client.Loop().Post(t) {
		t.unhold()
		t.depart()
	}
}

// unhold takes back what the client has held while it waited.
func (t *admitTask) unhold() { t.s.client.unhold(loadOf(1, len(t.s.ns.name)+len(t.auth))) }

func (t *admitTask) depart() {
	if t.ns != nil {
		t.ns.depart()
	}
}

// decide finds or makes the namespace that the client waits for. The client has
// arrived there: a namespace that no client enters ends like one that all have left.
func (t *admitTask) decide() {
	finished := false
	defer t.s.ns.srv.rescue(t.s, "namespace", &finished, nil)
	t.seek()
	finished = true
}

func (t *admitTask) seek() {
	for !t.s.left() {
		ns := t.look()
		if ns == nil {
			return
		}
		if !ns.ready() {
			select {
			case <-ns.born:
			case <-t.s.Context().Done():
				return
			}
		}
		if ns.arrive() {
			t.ns = ns
			return
		}
		if ns.unopened {
			return
		}
	}
}

// look returns the namespace of the name. If there is none, the first parent that
// allows the name makes it. It returns nil if the client is refused or has left.
func (t *admitTask) look() *Namespace {
	srv, name := t.s.ns.srv, t.s.ns.name
	if ns := srv.known(name); ns != nil {
		return ns
	}
	for _, p := range *srv.parents.Load() {
		allowed := p.family.match(name, t.auth)
		switch {
		case t.s.left(): // nothing is made for a client that has left
			return nil
		case !allowed:
		case srv.claimDynamic():
			return srv.create(name, p, !srv.cfg.KeepEmptyNamespaces)
		default:
			t.s.client.part().counts.crowded.Add(1)
			t.refusal = tooManyDynamic
			return nil
		}
	}
	return nil
}

// left reports whether the client of a socket in limbo does not wait any more.
func (s *Socket) left() bool { return s.state.Load() != stateConnecting }

func (t *admitTask) Run(*loop.Loop) {
	s, c := t.s, t.s.client
	t.unhold()
	defer t.depart() // when it has arrived a second time
	switch {
	case !s.leaveLimbo():
	case t.ns == nil:
		c.refuse(s.ns.name, t.refusal, nil)
	default:
		c.enter(t.ns, t.auth, arrival{})
	}
}
