package sio

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// joining is a CONNECT packet that the loop can't answer at once. Its step
// finds the namespace, or the session that the client asks for: a seekStep or
// restoreStep on a worker, an awaitStep by waiting for another connection.
//
// As long as it is in the client's list, the client waits: any other packet to
// the namespace is out of order, and the joining counts against
// Config.MaxNamespaces. It leaves the list on the loop, when the step's outcome
// is there or the client has left.
type joining struct {
	client  *client
	name    string          // of the namespace
	auth    json.RawMessage // the joining's own
	step    joinStep
	work    func()        // the step's part on a worker; nil for none
	perLoop *perLoop      // the client's; nil without work
	left    chan struct{} // closed when the client has left
	state   atomic.Uint32
}

// The states of a joining.
const (
	joinWaits   uint32 = iota
	joinRuns           // a worker has it
	joinDropped        // the client left before one had it
)

// joinStep is what a joining waits for. Exactly one of its methods is called,
// once.
type joinStep interface {
	// decide goes on with the outcome. It is called on the client's loop, when
	// the client is not in the list any more.
	decide(j *joining)
	// drop lets go of what the step holds: the client has left. Called on any
	// goroutine.
	drop(j *joining)
}

// wait has the client wait for a step. auth is borrowed.
func (c *client) wait(name string, auth []byte, step joinStep) *joining {
	j := &joining{
		client: c, name: name, auth: slices.Clone(auth), step: step, left: make(chan struct{}),
	}
	x := c.needExtra()
	x.joins = append(x.joins, j)
	c.charge(j.load())
	c.throttle()
	return j
}

// runOnWorker has a worker do the step's work, from the end of the burst on.
func (j *joining) runOnWorker(work func()) {
	pool := &j.client.srv.workers
	j.work, j.perLoop = work, j.client.perLoop()
	start := func() { pool.Start(j) }
	if !j.client.Loop().PostFunc(start) {
		start()
	}
}

// Drain implements workers.Runnable.
func (j *joining) Drain() (done bool) {
	switch {
	case j.state.CompareAndSwap(joinWaits, joinRuns):
		defer j.post() // also when user code ends the goroutine
		j.work()
	case j.state.Load() == joinDropped: // else it has ended its goroutine
		j.perLoop.taken()
	}
	return true
}

// post has the client's loop go on with the outcome. If the loop has ended, the
// client has left.
func (j *joining) post() {
	if !j.client.Loop().Post(j) {
		j.drop()
	}
}

// Run implements loop.Task: the step's outcome is there.
func (j *joining) Run(*loop.Loop) {
	switch {
	case j.state.Load() == joinDropped:
	case j.client.stopWaiting(j):
		j.client.discharge(j.load())
		j.step.decide(j)
	default:
		j.drop()
	}
}

// abandon ends the joining of a client that leaves. What a worker still does is
// held until that returns. What none has yet may wait for one for long: it lets
// go of what it refers to, and counts as stranded. It is called on the loop,
// and the joining is not in the list any more.
func (j *joining) abandon() {
	close(j.left)
	if j.perLoop != nil {
		j.perLoop.backlog.stranded.Add(workload.Of(1, 0))
	}
	if !j.state.CompareAndSwap(joinWaits, joinDropped) {
		j.perLoop.taken()
		return
	}
	j.drop()
	j.client, j.name, j.auth, j.step, j.work = nil, "", nil, nil, nil
}

func (j *joining) drop() {
	j.client.discharge(j.load())
	j.step.drop(j)
}

// load is what the client holds while it waits, not only until a worker has the
// joining.
func (j *joining) load() workload.Load { return workload.Of(1, len(j.name)+len(j.auth)) }

// socket makes a socket that stands for the client in Config.OnPanic. It is not
// connected, and never will be.
func (j *joining) socket(ns *Namespace) *Socket {
	s := &Socket{client: j.client, ns: ns}
	s.state.Store(stateDisconnected)
	return s
}

// isJoining reports whether the client waits to enter the namespace.
func (c *client) isJoining(namespace []byte) bool {
	return c.extra != nil && slices.ContainsFunc(c.extra.joins, func(j *joining) bool {
		return j.name == string(namespace)
	})
}

// stopWaiting takes j out of the list. It reports false if the client has left.
func (c *client) stopWaiting(j *joining) bool {
	i := slices.Index(c.extra.joins, j)
	if i < 0 {
		return false
	}
	c.extra.joins = slices.Delete(c.extra.joins, i, i+1)
	return true
}

// abandonJoins ends all that the client waits for.
func (c *client) abandonJoins() {
	if c.extra == nil {
		return
	}
	joins := c.extra.joins
	c.extra.joins = nil
	for _, j := range joins {
		j.abandon()
	}
}

// seek lets the parents decide about a namespace that does not exist, or waits
// for one that is being made. auth is borrowed.
func (c *client) seek(name string, auth []byte) {
	if len(auth) == 0 {
		auth = []byte("{}")
	}
	step := &seekStep{refusal: invalidNamespace}
	j := c.wait(name, auth, step)
	j.runOnWorker(func() { step.run(j) })
}

// seekStep finds or makes a namespace. The client has arrived there: one that
// no client enters ends like one that all have left.
type seekStep struct {
	ns      *Namespace // nil: refused
	refusal string
}

func (t *seekStep) run(j *joining) {
	srv, finished := j.client.srv, false
	defer func() {
		runtime.UnlockOSThread() // see loop.Contain
		if !finished {
			srv.reportPanic(j.socket(newNamespace(srv, j.name)), "namespace", ended(recover()), debug.Stack())
		}
	}()
	for !isClosed(j.left) {
		ns := t.look(j)
		if ns == nil {
			break
		}
		if !ns.ready() {
			select {
			case <-ns.opened:
			case <-j.left:
				continue
			}
		}
		if ns.arrive() { // also for a client that has left, so that it ends
			t.ns = ns
			break
		}
		if ns.neverOpened {
			break
		}
	}
	finished = true
}

// look returns the namespace of the name. If there is none, the first parent
// that allows the name makes it. It returns nil if the client is refused or has
// left.
func (t *seekStep) look(j *joining) *Namespace {
	srv := j.client.srv
	if ns := srv.known(j.name); ns != nil {
		return ns
	}
	for _, p := range *srv.parents.Load() {
		allowed := p.dynamic.match(j.name, j.auth)
		switch {
		case isClosed(j.left): // nothing is made for a client that has left
			return nil
		case !allowed:
		case srv.claimDynamic():
			return srv.create(j.name, p, !srv.cfg.KeepEmptyNamespaces)
		default:
			j.client.perLoop().counts.crowded.Add(1)
			t.refusal = tooManyDynamic
			return nil
		}
	}
	return nil
}

func (t *seekStep) decide(j *joining) {
	if t.ns == nil {
		j.client.refuse(j.name, t.refusal)
		return
	}
	defer t.ns.depart() // when it has arrived a second time
	j.client.enter(t.ns, j.auth, joinState{})
}

func (t *seekStep) drop(*joining) {
	if t.ns != nil {
		t.ns.depart()
	}
}
