package sio

import (
	"encoding/json"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"github.com/sioserver/sioserver/sio/adapter"
)

// registry is the namespaces that exist, by name. Looking one up takes no lock,
// and adding or removing one costs the same however many there are. Safe for
// concurrent use.
type registry struct {
	byName sync.Map // of *Namespace by string
}

// find returns the namespace called name, or nil. It may have ended.
func (r *registry) find(name string) *Namespace {
	if ns, ok := r.byName.Load(name); ok {
		return ns.(*Namespace)
	}
	return nil
}

// add adds ns unless a namespace of its name exists. Then it returns that.
func (r *registry) add(ns *Namespace) (have *Namespace) {
	for {
		v, loaded := r.byName.LoadOrStore(ns.name, ns)
		if !loaded {
			return nil
		}
		if have = v.(*Namespace); !have.dead() {
			return have
		}
		r.remove(have) // its end is about to do the same
	}
}

// remove removes ns, but not another one of its name.
func (r *registry) remove(ns *Namespace) { r.byName.CompareAndDelete(ns.name, ns) }

// all returns the namespaces that exist, in no order. One that is made or ends
// meanwhile may be missing.
func (r *registry) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		r.byName.Range(func(_, v any) bool {
			ns := v.(*Namespace)
			return ns.dead() || yield(ns)
		})
	}
}

// children is the set of a parent's children. Safe for concurrent use.
type children struct{ set sync.Map } // of *Namespace, as keys

func (c *children) add(ns *Namespace) { c.set.Store(ns, nil) }

func (c *children) remove(ns *Namespace) { c.set.Delete(ns) }

// all returns the children, in no order. One that is made or ends meanwhile may
// be missing.
func (c *children) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		c.set.Range(func(k, _ any) bool { return yield(k.(*Namespace)) })
	}
}

// dynamicParent makes a namespace a parent: it decides which names its children
// may have. A child is made when the first client asks for its name.
type dynamicParent struct {
	pattern  *regexp.Regexp // nil with OfFunc
	match    func(name string, auth json.RawMessage) bool
	children children
}

// OfPattern returns a parent namespace: clients, and [Server.Of], can connect
// to every namespace whose name, slash included, matches the pattern (anywhere
// in the name, unless it is anchored). The namespace is made then, as a child
// of the parent, and begins with the handlers and middlewares that the parent
// has at that moment. What is emitted to the parent reaches the sockets of all
// children. Existing namespaces come first, then parents are asked in the order
// of their registration. [Config.MaxDynamicNamespaces] limits how many clients
// can make. A child ends with its last socket: see
// [Config.KeepEmptyNamespaces].
func (srv *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	if pattern == nil {
		panic("sio: OfPattern: the pattern is nil")
	}
	return srv.addParent(&dynamicParent{
		pattern: pattern,
		match:   func(name string, _ json.RawMessage) bool { return pattern.MatchString(name) },
	})
}

// OfFunc is OfPattern for names that a function decides about. auth is the JSON
// object that the client sent along, "{}" when none; read-only. match runs on a
// goroutine of its own and may block. A panic refuses the client.
func (srv *Server) OfFunc(match func(name string, auth json.RawMessage) bool) *Namespace {
	wantHandler("OfFunc", match != nil)
	return srv.addParent(&dynamicParent{match: match})
}

func (srv *Server) addParent(f *dynamicParent) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	parents := *srv.parents.Load()
	p := newNamespace(srv, "/_"+strconv.Itoa(srv.made))
	srv.made++
	p.dynamic = f
	close(p.opened)
	parents = with(parents, p)
	srv.parents.Store(&parents)
	return p
}

// OnNamespace adds a hook that is called with every namespace that is made from
// now on, by [Server.Of] or for a client that asks for a dynamic one, before
// clients can connect to it: the place to add handlers to it. It is called on
// the goroutine that makes the namespace and may block; only clients that want
// to connect to that namespace wait for it. They are refused if it closes the
// namespace.
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
		return srv.Namespace
	}
	if ns := srv.namespaces.find(name); ns != nil && !ns.dead() {
		return ns
	}
	return nil
}

// patternParent returns the first parent whose pattern matches name, or nil.
func (srv *Server) patternParent(name string) *Namespace {
	for _, p := range *srv.parents.Load() {
		if p.dynamic.pattern != nil && p.dynamic.match(name, nil) {
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

// create returns the namespace called name. If there is none it makes one, as a
// child of parent unless that is nil. The caller counts the child. With
// endsEmpty it ends with its last socket.
func (srv *Server) create(name string, parent *Namespace, endsEmpty bool) *Namespace {
	made := newNamespace(srv, name)
	made.parent, made.endsEmpty = parent, endsEmpty
	complete := false
	defer func() {
		if !complete { // the adapter's function or a hook has not returned: what it was to add may be missing
			made.discard()
		}
		close(made.opened)
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
		parent.dynamic.children.add(made)
		if parent.dead() { // perhaps before it knew its child
			made.shut()
		}
	}
	for _, h := range *srv.onNamespace.Load() {
		h(made)
	}
	complete = true
	if made.dead() {
		made.neverOpened = true
		made.unlist() // its parent may not have known it when it was closed
	}
	if srv.ended.Load() { // Shutdown may not have seen it
		made.peers.close()
	}
	return made
}

// chooseDelivery decides how the namespace delivers. It is called once, before
// any client can find the namespace. Parents, which have no sockets, keep that
// of direct.
func (ns *Namespace) chooseDelivery() {
	var here localDelivery = direct{ns}
	var log *recoveryLog
	if cfg := ns.srv.cfg.ConnectionStateRecovery; cfg != nil {
		log = newRecoveryLog(ns, cfg)
		here = ownLog{log}
	}
	ns.delivery = here
	connect := ns.srv.cfg.Adapter
	if connect == nil {
		return
	}
	// The adapter may hand packets over before its function returns. Then there
	// are no sockets yet: only those with offsets matter, which a shared log
	// keeps.
	l := &localNamespace{ns: ns}
	shared := &sharedLog{recoveryLog: log}
	if log != nil {
		l.deliverBy(shared)
	} else {
		l.deliverBy(here)
	}
	a := connect(l)
	if a == nil {
		l.deliverBy(here)
		return
	}
	r, recovers := a.(adapter.Recoverer)
	if log == nil || !recovers {
		l.deliverBy(here)
		d := &throughAdapter{localDelivery: here, namespace: l, adapter: a}
		ns.delivery, ns.peers = d, d
		return
	}
	shared.keeper.Store(&r)
	d := &recoveringAdapter{throughAdapter{localDelivery: shared, namespace: l, adapter: a}, shared}
	ns.delivery, ns.peers = d, d
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

// ready reports whether the hooks of OnNamespace have returned.
func (ns *Namespace) ready() bool { return isClosed(ns.opened) }

// isClosed reports whether c, which is never sent to, is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// each calls f with the namespaces that a broadcast to ns is for: with the
// children of a parent, else with ns. It returns the first error.
func (ns *Namespace) each(f func(ns *Namespace) error) (err error) {
	if ns.dynamic == nil {
		return f(ns)
	}
	for child := range ns.dynamic.children.all() {
		if e := f(child); err == nil {
			err = e
		}
	}
	return err
}
