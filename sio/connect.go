package sio

import (
	"errors"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
)

// join handles a CONNECT packet of a client that is not in the namespace. The
// answer is sent by a later task: any other packet that the client sends to the
// namespace before that is out of order.
func (c *client) join(h socketio.Header) {
	if c.extra != nil && len(c.extra.sockets)+len(c.extra.joins) >= c.srv.cfg.MaxNamespaces {
		c.refuse(string(h.Namespace), tooManyNamespaces)
		return
	}
	if c.srv.share.Reached(c.perLoop().backlog.stranded.Load()) {
		c.perLoop().counts.overflows.Add(1)
		c.refuse(string(h.Namespace), overloaded)
		return
	}
	if c.Failing() {
		c.refuse(string(h.Namespace), tooManyFailures)
		return
	}
	ns := c.srv.known(string(h.Namespace))
	switch {
	case ns != nil && ns.ready():
		c.enter(ns, h.Data, joinState{})
	case ns != nil || len(*c.srv.parents.Load()) > 0:
		c.seek(string(h.Namespace), h.Data)
	default:
		c.refuse(string(h.Namespace), invalidNamespace)
	}
}

// The messages of refusals.
const (
	invalidNamespace  = "Invalid namespace"
	tooManyNamespaces = "Too many namespaces"
	tooManyDynamic    = "Too many dynamic namespaces"
	tooManySockets    = "Too many sockets in the namespace"
	overloaded        = "Server overloaded"
	tooManyFailures   = "Too many failed attempts"
	tooMuchAuth       = "Too much authentication data"
)

// enter makes a socket for the client in a namespace. auth is borrowed.
func (c *client) enter(ns *Namespace, auth []byte, state joinState) {
	keeps, refusal := c.keepsAuth(auth)
	if refusal != "" {
		if state.back != nil {
			ns.delivery.giveBack(state.back)
		}
		c.refuse(ns.name, refusal)
		return
	}
	entered := false
	defer func() {
		if !entered {
			c.Keep(-keeps, true)
		}
	}()
	if !ns.arrive() {
		if state.back != nil { // before the client asks again
			ns.delivery.giveBack(state.back)
		}
		c.seek(ns.name, auth)
		return
	}
	s := &c.main
	if ns != c.srv.Namespace || s.state.Load() != stateUnused {
		s = new(Socket)
	}
	s.client, s.ns = c, ns
	s.member.Owner = s
	recovers := c.protocol().recovers()
	var back *membership
	if recovers {
		var waits bool
		if back, waits = ns.delivery.recall(s, auth, state); waits {
			return // it departs when it has waited
		}
	}
	if !ns.rooms.Reserve(&s.member, c.Loop().Index(), func() { s.id = c.newID(s.member.Slot(), back) }) {
		if back != nil {
			ns.delivery.giveBack(back)
		}
		message := tooManySockets
		if ns.dead() {
			message = invalidNamespace
		}
		ns.depart()
		c.refuse(ns.name, message)
		return
	}
	if !c.protocol().places() || back != nil {
		ns.byCustomID.add(s.ID(), s)
	}
	if recovers {
		ns.delivery.begin(s, back)
	}
	if keeps > 0 {
		s.mu.Lock()
		x := s.extraLocked()
		x.auth = append([]byte(nil), auth...)
		x.kept += keeps
		s.mu.Unlock()
	}
	entered = true
	s.state.Store(stateConnecting)
	if s == &c.main {
		c.hasMain = true
	} else {
		x := c.needExtra()
		x.sockets = append(x.sockets, s)
	}
	skip := admitted(back) && !c.srv.cfg.ConnectionStateRecovery.RunMiddlewares
	if k := ns.hooks.Load(); len(k.middlewares) > 0 && !skip {
		var j job = (*middlewareJob)(k)
		if keeps > 0 {
			j = keepingJob{(*middlewareJob)(k), keeps}
		}
		s.enqueue(j, true)
	} else {
		c.Loop().Post((*welcomeTask)(s))
	}
}

// keepsAuth counts the bytes of auth that another one of the client's sockets
// is to keep, and returns with what the client is refused if they are too many,
// or "". Together its sockets keep as much as one message can hold, and all
// clients what Config.MaxHandshakeBytes says.
func (c *client) keepsAuth(auth []byte) (keeps int, refusal string) {
	if !hasAuth(auth) {
		return 0, ""
	}
	held := 0
	for _, s := range c.sockets() {
		held += s.authSize()
	}
	switch {
	case held > 0 && int64(held+len(auth)) > c.srv.cfg.MaxHTTPBufferSize:
		return 0, tooMuchAuth
	case !c.Keep(len(auth), false):
		return 0, overloaded
	}
	return len(auth), ""
}

// hasAuth reports whether auth differs from the default.
func hasAuth(auth []byte) bool { return len(auth) > 0 && string(auth) != "{}" }

func (s *Socket) authSize() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return 0
	}
	return len(s.extra.auth)
}

// newID makes the id of a socket with the slot in its namespace's rooms. One
// that is back keeps its id.
func (c *client) newID(slot uint32, back *membership) (id socketID) {
	if back != nil {
		return back.Session.ID
	}
	return c.protocol().newID(c, slot)
}

// refuse answers a CONNECT packet with an error of the server.
func (c *client) refuse(namespace, message string) {
	c.answerRefusal(namespace, message, func(b []byte) []byte {
		return c.srv.codec.appendConnectError(b, namespace, message, nil)
	})
}

// refuseBy answers a CONNECT packet with the error of a middleware. data is
// JSON, or nil.
func (c *client) refuseBy(namespace, message string, data []byte) {
	c.answerRefusal(namespace, message, func(b []byte) []byte {
		return c.protocol().appendRefusal(b, c.srv.codec, namespace, message, data)
	})
}

func (c *client) answerRefusal(namespace, message string, encode func(b []byte) []byte) {
	c.perLoop().counts.refused.Add(1)
	c.logRefused(namespace, message)
	c.answer(socketio.ConnectError, encode)
}

// answer sends a packet without attachments.
func (c *client) answer(kind socketio.PacketType, encode func(b []byte) []byte) {
	m := c.srv.encodePlain(kind, encode)
	m.send(c)
	m.release()
}

// middlewareJob runs the middlewares for a socket.
type middlewareJob hooks

func (k *middlewareJob) size() int          { return 0 }
func (k *middlewareJob) lapses(uint32) bool { return true }
func (k *middlewareJob) drop(s *Socket)     { s.outlast() }

// keepingJob is a middlewareJob of a socket that keeps authentication data,
// which the session lets go of when the client leaves.
type keepingJob struct {
	*middlewareJob
	kept int // bytes
}

func (j keepingJob) size() int { return j.kept }

// drop lets go of the data: the socket may wait for a worker for long, and no
// middleware has seen it.
func (j keepingJob) drop(s *Socket) {
	j.middlewareJob.drop(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra.auth = nil
}

func (k *middlewareJob) run(s *Socket) {
	passed, refusal := false, (*refuseTask)(nil)
	defer func() {
		switch l := s.client.Loop(); {
		case passed:
			l.Post((*welcomeTask)(s))
		case refusal != nil:
			l.Post(refusal)
		default: // user code has not returned
			l.Post(&refuseTask{s: s, message: errMiddleware.Error()})
		}
	}()
	for _, middleware := range k.middlewares {
		if s.state.Load() != stateConnecting {
			return
		}
		if err := s.ns.srv.runMiddleware(s, middleware); err != nil {
			refusal = &refuseTask{s: s, message: errMiddleware.Error(), denied: err != errMiddleware}
			refusal.describe(err)
			return
		}
	}
	passed = true
}

var errMiddleware = errors.New("internal server error")

func (srv *Server) runMiddleware(s *Socket, middleware func(*Socket) error) (err error) {
	finished := false
	defer srv.rescue(s, "middleware", &finished, func() { err = errMiddleware })
	err = middleware(s)
	finished = true
	return err
}

// describe sets what the client gets of a middleware's error. The error's
// methods are user code, which may not return: then t has what was set until
// then.
func (t *refuseTask) describe(refused error) {
	finished := false
	srv := t.s.ns.srv
	defer srv.rescue(t.s, "middleware", &finished, nil)
	var refusal *ConnectError
	if !errors.As(refused, &refusal) {
		t.message = refused.Error()
	} else if t.message = refusal.Message; refusal.Data != nil {
		err := socketio.Check(refusal.Data)
		if err == nil {
			t.data, err = jsonenc.Append(nil, refusal.Data)
		}
		if err != nil {
			t.data = nil
			srv.reportError(t.s, "middleware", err)
		}
	}
	finished = true
}

// refuseTask is a socket that a middleware has refused.
type refuseTask struct {
	s       *Socket
	message string
	data    []byte // JSON; nil for none
	denied  bool   // the middleware has returned an error
}

func (t *refuseTask) Run(*loop.Loop) {
	s := t.s
	if !s.state.CompareAndSwap(stateConnecting, stateDisconnected) {
		return
	}
	s.ns.remove(s)
	s.ns.delivery.refuse(s)
	s.ns.depart()
	s.release(stateDisconnected)
	s.client.forget(s)
	if t.denied {
		s.client.Fail()
	}
	s.client.refuseBy(s.ns.name, t.message, t.data)
}

// welcomeTask is a socket that may connect.
type welcomeTask Socket

func (t *welcomeTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	c := s.client
	pid, missed, ok := s.ns.delivery.admit(s)
	if !ok {
		return
	}
	answered := false
	defer func() {
		if !answered {
			s.retract(missed)
		}
	}()
	m := s.welcome(pid) // by the parser, which may not return
	answered = true
	c.stopConnectTimer()
	c.Admit()
	for _, m := range missed {
		m.send(c)
		m.release()
	}
	m.send(c)
	m.release()
	c.perLoop().counts.connected.Add(1)
	s.logConnected()
	if k := s.ns.hooks.Load(); len(k.connection) > 0 {
		if s.state.Load() == stateConnected {
			s.beginHold()
		}
		s.enqueue((*connectionJob)(k), true)
	} else {
		s.discardRequest()
	}
	s.begin()
}

// begin queues the disconnect handlers of a socket that was disconnected before
// its connection handlers were queued: by another goroutine, or by what it was
// sent.
func (s *Socket) begin() {
	s.mu.Lock()
	s.begun = true
	var owed job
	if s.owed {
		owed = s.extra.owed
	}
	s.mu.Unlock()
	if owed != nil {
		s.enqueue(owed, true)
	}
}

// retract ends a socket whose CONNECT packet can't be answered. No handler is
// called for it. The connection still has its time limit.
func (s *Socket) retract(missed []encodedPacket) {
	for _, m := range missed {
		m.release()
	}
	// Unless another goroutine has.
	s.close(stateDisconnected, ServerNamespaceDisconnect, nil)
	s.ns.depart()
	s.client.forget(s)
}

// welcome is the answer to the client's CONNECT packet.
func (s *Socket) welcome(pid string) encodedPacket {
	return s.ns.srv.encodePlain(socketio.Connect, func(b []byte) []byte {
		return s.client.protocol().appendConnect(b, s.ns.srv.codec, s.ns.name, s.ID(), pid)
	})
}

// connectionJob runs the connection handlers for a socket, also when it is
// disconnected again by now: the disconnect handlers follow.
type connectionJob hooks

func (k *connectionJob) size() int          { return 0 }
func (k *connectionJob) lapses(uint32) bool { return false }
func (k *connectionJob) drop(*Socket)       {}

func (k *connectionJob) run(s *Socket) {
	defer s.discardRequest()
	defer s.endHold()
	inTurn(k.connection, func(h func(*Socket)) { s.ns.srv.runConnection(s, h) })
}

// discardRequest drops what only the connecting needed, if asked to.
func (s *Socket) discardRequest() {
	if s.ns.srv.cfg.DiscardRequest {
		s.client.DiscardRequest()
	}
}

func (srv *Server) runConnection(s *Socket, h func(*Socket)) {
	finished := false
	defer srv.rescue(s, "connection", &finished, func() { s.Disconnect(false) })
	h(s)
	finished = true
}

// ousterTask refuses a socket that was about to connect when its namespace was
// closed.
type ousterTask Socket

func (t *ousterTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	if s.state.Load() == stateConnecting {
		(&refuseTask{s: s, message: invalidNamespace}).Run(nil)
	} else {
		s.Disconnect(false)
	}
}
