package sio

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Of returns the namespace called name, created if need be, as a child of the
// first parent whose pattern matches (see [Server.OfPattern]); a missing slash
// at the beginning is added. Clients can connect to it from then on. One that a
// client has made may end, if nothing is added to it: see
// [Config.KeepEmptyNamespaces].
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if ns := srv.known(name); ns != nil {
		return ns
	}
	parent := srv.patternParent(name)
	if parent != nil {
		srv.dynamic.Add(1)
	}
	return srv.create(name, parent, false)
}

// Namespaces returns the namespaces that exist, parents left out, by name.
func (srv *Server) Namespaces() []*Namespace {
	return slices.SortedFunc(srv.namespaces.all(), func(a, b *Namespace) int {
		return strings.Compare(a.name, b.name)
	})
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
		if !complete {
			// The adapter's function or a hook has not returned: what it was to
			// add may be missing.
			made.discard()
		}
		close(made.opened)
	}()
	made.chooseDelivery()
	if parent != nil {
		made.inherit()
	}
	if have := srv.namespaces.add(made); have != nil {
		complete = true // another goroutine was faster
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

// inherit gives a new child what its parent has.
func (ns *Namespace) inherit() {
	parent := ns.parent
	ns.table.Store(parent.table.Load())
	k := *parent.hooks.Load()
	// Its adapter may have added some.
	k.room = slices.Concat(ns.hooks.Load().room, k.room)
	ns.hooks.Store(&k)
	if len(k.room) > 0 {
		ns.observeRooms()
	}
	ns.listeners.Store(int32(len(k.outgoing)))
}

// A namespace ends when it is closed, and when a hook of its creation has
// panicked. One that was made for a client ends with its last socket, unless
// Config.KeepEmptyNamespaces is set: it counts its sockets, also those in a
// middleware and those that wait for their clients, and what the application
// has added to it.

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
