package sio

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// client is one connection and its sockets. Session and the first socket of
// the main namespace live inside it: an idle client is one allocation.
// Loop-owned but for what is counted in its backlog, and its flags.
type client struct {
	eio.Session
	srv     *Server
	connect *connectTimer // until a namespace was joined
	extra   *clientExtra  // nil for a client in "/" only that sends no binary
	hasMain bool          // main is among the sockets
	ended   bool          // by the application, or about to be
	flags   clientFlags
	main    Socket

	waiting workload.Gauge // the jobs of all sockets
}

// clientExtra is what the simplest client never needs.
type clientExtra struct {
	sockets []*Socket          // all but main
	joins   []*joining         // the namespaces that the client waits to enter
	late    map[*late]struct{} // sockets that left while events waited
	binary  socketio.Reconstructor
	pacer   *pacer // nil until the client has passed a limit of events
}

// late is a socket with late events.
type late struct {
	socket   atomic.Pointer[Socket] // nil once they were taken
	stranded bool                   // the connection is over; under Socket.mu

	prev, next *late // in a lateList
}

// lateList is the sockets with late events of one loop's clients that are gone,
// in the order in which these left. Safe for concurrent use.
type lateList struct {
	mu   invariants.Mutex[lateList] // taken while Socket.mu is held
	root late
}

func (l *lateList) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *lateList) push(r *late) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.prev, r.next = l.root.prev, &l.root
	r.prev.next, r.next.prev = r, r
}

// remove takes r out of the list if it is in one.
func (l *lateList) remove(r *late) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.next != nil {
		r.prev.next, r.next.prev = r.next, r.prev
		r.prev, r.next = nil, nil
	}
}

// pop takes out the first socket; nil when there is none.
func (l *lateList) pop() *late {
	l.mu.Lock()
	r := l.root.next
	l.mu.Unlock()
	if r == &l.root {
		return nil
	}
	l.remove(r)
	return r
}

// clientFlags are the facts about a client that any goroutine may need, in one
// word. Safe for concurrent use.
type clientFlags struct{ v atomic.Uint32 }

func (f *clientFlags) has(flag uint32) bool { return f.v.Load()&flag != 0 }

func (f *clientFlags) set(flag uint32) { f.v.Or(flag) }

// clear clears the flag. It reports false if it was not set.
func (f *clientFlags) clear(flag uint32) bool { return f.v.And(^flag)&flag != 0 }

const (
	isThrottled uint32 = 1 << iota // paused until waiting has shrunk
	isListed                       // in throttledClients
	hasLeft                        // the session is over
	isDismissed                    // told to go: see Drain
)

func (c *client) needExtra() *clientExtra {
	if c.extra == nil {
		c.extra = new(clientExtra)
	}
	return c.extra
}

// perLoop returns what the client's loop owns.
func (c *client) perLoop() *perLoop { return c.srv.perLoop(c.Loop()) }

// isProtocol4 is for Socket.ID alone, which must be inlined: then comparing an
// id allocates nothing.
func (c *client) isProtocol4() bool { return c.Protocol() == 3 }

// find returns the client's socket in the namespace, or nil.
func (c *client) find(namespace []byte) *Socket {
	if c.hasMain && string(namespace) == "/" {
		return &c.main
	}
	if c.extra != nil {
		for _, s := range c.extra.sockets {
			if s.ns.name == string(namespace) {
				return s
			}
		}
	}
	return nil
}

// sockets returns a copy of the list of the client's sockets.
func (c *client) sockets() (list []*Socket) {
	if c.hasMain {
		list = append(list, &c.main)
	}
	if c.extra != nil {
		list = append(list, c.extra.sockets...)
	}
	return list
}

// backlog is what waits on one loop. It is safe for concurrent use.
type backlog struct {
	waiting workload.Gauge // for all clients of the loop together
	// stranded is what waits for clients that are gone: connection and
	// disconnect handlers, and events that run.
	stranded workload.Gauge
	late     workload.Gauge // for clients that are gone: events
}

// A client that sends faster than its handlers run is paused: its connection is
// not read, so TCP slows it down, until about half of its backlog is gone. This
// happens when its own limits are reached, and when its backlog is as large as
// what is left of the loop's limits. So the larger a backlog, the sooner it has
// to wait, all together stay within the limits, and a client for which nothing
// waits can always bring an event.

// charge counts what waits. Safe for concurrent use.
func (c *client) charge(l workload.Load) {
	b := &c.perLoop().backlog
	if c.flags.has(hasLeft) {
		b.stranded.Add(l)
		return
	}
	c.waiting.Add(l)
	b.waiting.Add(l)
}

// discharge takes out what does not wait any more. Safe for concurrent use.
func (c *client) discharge(l workload.Load) {
	p := c.perLoop()
	b := &p.backlog
	rest, ok := c.waiting.Take(l)
	if ok {
		b.waiting.Sub(l)
	} else {
		b.stranded.Sub(l) // it was held before the client left
	}
	p.reportEmpty()
	if ok && c.flags.has(isThrottled) {
		c.unthrottle(rest)
	}
}

// leave stops counting what waits for the client against the limits of the
// others.
func (c *client) leave() {
	c.strand()
	c.flags.set(hasLeft)
	rest := c.waiting.Clear()
	b := &c.perLoop().backlog
	b.waiting.Sub(rest)
	b.stranded.Add(rest)
	p := c.perLoop()
	p.throttled.remove(c)
	p.reportHeld(c.Loop())
}

// throttle pauses the client when its backlog is too large. It is called, on
// the loop, when something was added to it.
func (c *client) throttle() {
	c.perLoop().reportHeld(c.Loop())
	if !c.congested(c.waiting.Load()) {
		return
	}
	c.flags.set(isThrottled)
	if c.relieved(c.waiting.Load()) && c.flags.clear(isThrottled) {
		return // meanwhile
	}
	if !c.Session.Paused() {
		p := c.perLoop()
		p.counts.pauses.Add(1)
		p.throttled.add(c)
		c.Session.Pause()
	}
}

// congested reports whether a backlog is as large as may be.
func (c *client) congested(l workload.Load) bool {
	return c.srv.each.Reached(l) || c.unspent().Reached(l)
}

// relieved reports whether a backlog that was too large is small enough to go
// on.
func (c *client) relieved(l workload.Load) bool {
	return l == 0 || !c.srv.each.Of(2).Reached(l) && !c.unspent().Of(2).Reached(l)
}

// unspent is what is left of the loop's limits.
func (c *client) unspent() workload.Limits {
	all, waiting := c.srv.share, c.perLoop().backlog.waiting.Load()
	return workload.Limits{Jobs: all.Jobs - waiting.Jobs(), Bytes: all.Bytes - waiting.Bytes()}
}

// unthrottle has a paused client go on if its backlog is small enough, which it
// reports. Safe for concurrent use: one of several callers resumes the client.
func (c *client) unthrottle(backlog workload.Load) (goesOn bool) {
	if !c.relieved(backlog) {
		return false
	}
	if c.flags.clear(isThrottled) {
		c.Loop().Post((*resumeTask)(c))
	}
	return true
}

// resumeTask is a client whose backlog has shrunk.
type resumeTask client

func (t *resumeTask) Run(*loop.Loop) { (*client)(t).Session.Resume() }

const (
	// reportStep is by how many bytes what waits changes before the loop is
	// notified.
	reportStep = 1 << 20
	// reportMuch is how many bytes must have waited for the loop to need to
	// know that they are gone.
	reportMuch = 8 << 20
	// jobCost is about what a job that waits takes beside its bytes.
	jobCost = 256
)

// bytes is how much memory waiting jobs hold, those of clients that have left
// included.
func (b *backlog) bytes() int64 {
	var n int64
	for _, g := range [...]*workload.Gauge{&b.waiting, &b.stranded, &b.late} {
		l := g.Load()
		n += l.Bytes() + jobCost*int64(l.Jobs())
	}
	return n
}

// reportHeld reports to the loop l what waits on it (see [loop.Loop.Hold]), if
// that has changed by much. Called on the loop.
func (p *perLoop) reportHeld(l *loop.Loop) {
	n := p.backlog.bytes()
	if d := n - p.reported; d >= reportStep || d <= -reportStep {
		p.reported = n
		l.Hold(int(d))
		p.reportedMuch.Store(n >= reportMuch)
		p.reportEmpty() // it may all have been dealt with since
	}
}

// reportEmpty notifies the loop when little waits any more: the loop does not
// notice that handlers have taken it if nothing new comes. Safe for concurrent
// use.
func (p *perLoop) reportEmpty() {
	if p.reportedMuch.Load() && p.backlog.bytes() < reportStep && p.reportedMuch.CompareAndSwap(true, false) {
		p.loop.Load().Post((*reportHeldTask)(p))
	}
}

// reportHeldTask is what a loop that is to be notified owns.
type reportHeldTask perLoop

func (t *reportHeldTask) Run(l *loop.Loop) { (*perLoop)(t).reportHeld(l) }

// Conn is the connection of one client, which its sockets share. It is safe for
// concurrent use.
type Conn client

// connOf is the connection of a session.
func connOf(s *eio.Session) *Conn { return (*Conn)(s.App.(*client)) }

// Conn is the connection of the socket's client.
func (s *Socket) Conn() *Conn { return (*Conn)(s.client) }

// ID is the connection's id, which is not that of a socket.
func (c *Conn) ID() string { return c.Session.ID() }

// Transport is the current transport, "polling" or "websocket".
func (c *Conn) Transport() string { return c.Session.Transport() }

// Protocol is the number of the Engine.IO protocol, 4 or 3.
func (c *Conn) Protocol() int { return c.Session.Protocol() }

// RemoteAddr is the client's address when the connection was made: see
// [Handshake].Address.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.Session.RemoteAddr() }

// Value returns what the context of the client's first HTTP request had for key
// when it came here, and nil without one: what an http.Handler around
// [Server.Handler] has put there, [Config.Middleware], or
// [Config.AllowRequest]. [Socket.Context], which handlers get, and [Handshake]
// have the same values, over both transports and after an upgrade. Those of
// later requests, such as polls and the upgrade's, end with the request.
// [Config.DiscardRequest] leaves the values. The end of the request's context
// has no effect. What is borrowed for the time of a request, such as chi's
// RouteContext, must not be used later. With Listen only values cost memory; of
// a client that came through Handler the context is kept, which takes about 500
// bytes.
func (c *Conn) Value(key any) any { return c.Session.Value(key) }

// Request is the first HTTP request; nil once [Config.DiscardRequest] has had
// its effect, or DiscardRequest was called.
func (c *Conn) Request() *eio.Request { return c.Session.Request() }

// DiscardRequest drops the first HTTP request, which saves about 230 bytes. See
// [Config.DiscardRequest] for what is lost.
func (c *Conn) DiscardRequest() { c.Session.DiscardRequest() }

// Close closes the connection, after what was sent has been delivered unless
// discard is set. Its sockets are disconnected with [ForcedClose]. Their events
// that wait are not handled.
func (c *Conn) Close(discard bool) { c.Loop().Post(&closeTask{c, discard}) }

// closeTask is a connection to be closed.
type closeTask struct {
	c       *Conn
	discard bool
}

func (t *closeTask) Run(*loop.Loop) {
	(*client)(t.c).ended = true
	if !t.discard {
		(*client)(t.c).sendHeld()
	}
	t.c.Session.Close(t.discard)
}

// Queued is how many bytes wait for the socket's client, its other sockets'
// included: what the kernel does not take because the client reads too slowly,
// and over polling what the client has not fetched. What was emitted a moment
// ago may not be counted yet: to be sure, wait with [Socket.Flush]. It never
// blocks.
func (s *Socket) Queued() int { return s.client.Unsent() }

// Flush waits until what was emitted to the socket before, by this goroutine,
// has left: so a caller that sends a file in pieces, for example, sends as fast
// as the client reads, and no faster. Over WebSocket it has left when the
// kernel has taken it, with TLS or another connection that [Server.Handler] has
// brought but for 128 KiB; over polling when it was put into the answer to the
// client's request. That does not mean that the client has received it: see
// [Socket.EmitAck]. Broadcasts that are held while connection handlers run
// ([Namespace.OnConnection]) are not waited for.
//
// It returns nil then, [ErrDisconnected] when the socket is disconnected
// before, or the error of ctx. It must not be called by an [Inline] handler,
// nor by anything else that runs on a loop. It costs nothing unless it is
// called.
func (s *Socket) Flush(ctx context.Context) error {
	if !s.open() {
		return ErrDisconnected
	}
	either, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.Context(), cancel)
	defer stop()
	err := s.Conn().Flush(either)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return ErrDisconnected
	}
	return err
}

// Queued is how many bytes wait for the client: see [Socket.Queued].
func (c *Conn) Queued() int { return c.Unsent() }

// Flush waits until what was emitted to the connection's sockets before has
// left: see [Socket.Flush]. It returns [ErrDisconnected] when the connection
// ends before.
func (c *Conn) Flush(ctx context.Context) error {
	err := c.Session.Flush(ctx)
	if errors.Is(err, eio.ErrSessionClosed) {
		return ErrDisconnected
	}
	return err
}
