package sio

import (
	"encoding/json"
	"slices"

	"github.com/sioserver/sioserver/loop"
)

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
// client's wish to be in one of that name: whatever else it sends to that name
// is out of order.
func (c *client) limbo(name string) *Socket {
	ns := &Namespace{srv: c.srv, name: name, rooms: c.srv.Namespace.rooms}
	ns.hooks.Store(&noHooks)
	ns.delivery, ns.peers = direct{ns}, alone{ns} // OnPanic may be given the socket
	s := &Socket{client: c, ns: ns}
	s.state.Store(stateConnecting)
	x := c.needExtra()
	x.sockets = append(x.sockets, s)
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

// post has the client's loop go on, unless that has ended, and the client with
// it.
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
// arrived there: a namespace that no client enters ends like one that all have
// left.
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
			case <-ns.opened:
			case <-t.s.Context().Done():
				return
			}
		}
		if ns.arrive() {
			t.ns = ns
			return
		}
		if ns.neverOpened {
			return
		}
	}
}

// look returns the namespace of the name. If there is none, the first parent
// that allows the name makes it. It returns nil if the client is refused or has
// left.
func (t *admitTask) look() *Namespace {
	srv, name := t.s.ns.srv, t.s.ns.name
	if ns := srv.known(name); ns != nil {
		return ns
	}
	for _, p := range *srv.parents.Load() {
		allowed := p.dynamic.match(name, t.auth)
		switch {
		case t.s.left(): // nothing is made for a client that has left
			return nil
		case !allowed:
		case srv.claimDynamic():
			return srv.create(name, p, !srv.cfg.KeepEmptyNamespaces)
		default:
			t.s.client.perLoop().counts.crowded.Add(1)
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
		c.refuse(s.ns.name, t.refusal)
	default:
		c.enter(t.ns, t.auth, joinState{})
	}
}
