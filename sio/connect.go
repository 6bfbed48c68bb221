package sio

import (
	"encoding/json"
	"errors"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/loop"
)

// join handles a CONNECT packet of a client that is not in the namespace. The
// answer is given by a later task: whatever else the client sends to the
// namespace before that is out of order (socketio.md section 2).
func (c *client) join(h socketio.Header) {
	ns := c.srv.known(string(h.Namespace))
	switch {
	case ns != nil && ns.ready():
		c.enter(ns, h.Data)
	case ns != nil || len(*c.srv.parents.Load()) > 0:
		c.ask(string(h.Namespace), h.Data)
	default:
		c.refuse(string(h.Namespace), invalidNamespace, nil)
	}
}

const invalidNamespace = "Invalid namespace"

// enter makes a socket for the client in a namespace. auth is borrowed.
func (c *client) enter(ns *Namespace, auth []byte) {
	if c.overflows(0) {
		return
	}
	if !ns.arrive() {
		c.ask(ns.name, auth)
		return
	}
	s := &c.main
	if ns != c.srv.main || s.state.Load() != stateUnused {
		s = new(Socket)
	}
	s.client, s.ns = c, ns
	s.member.Owner = s
	if !ns.rooms.Reserve(&s.member, c.Loop().Index(), func() { s.id = c.newID(s.member.Slot()) }) {
		ns.depart()
		c.refuse(ns.name, ErrFull.Error(), nil)
		return
	}
	if c.old() {
		ns.strays.add(s)
	}
	if len(auth) > 0 && string(auth) != "{}" {
		s.mu.Lock()
		s.rareLocked().auth = append([]byte(nil), auth...)
		s.mu.Unlock()
	}
	s.state.Store(stateConnecting)
	if s == &c.main {
		c.hasMain = true
	} else {
		more := c.extra()
		more.sockets = append(more.sockets, s)
	}
	if k := ns.hooks.Load(); len(k.middlewares) > 0 {
		s.enqueue((*middlewareJob)(k), true)
	} else {
		c.Loop().Post((*welcomeTask)(s))
	}
}

// newID makes the id of a socket with the slot in its namespace's rooms. Those of
// an old client all have that of the connection.
func (c *client) newID(slot uint32) (id socketID) {
	if c.old() {
		copy(id[:], c.Session.ID())
		return id
	}
	return c.part().ids.next(c.Loop().Index(), slot)
}

// refuse answers a CONNECT packet with an error.
func (c *client) refuse(namespace, message string, data []byte) {
	c.part().counts.refused.Add(1)
	m := textMessage(func(b []byte) []byte {
		return socketio.AppendConnectError(b, namespace, message, data)
	})
	m.send(c)
	m.release()
}

// middlewareJob runs the middlewares for a socket.
type middlewareJob hooks

func (k *middlewareJob) size() int { return 0 }

func (k *middlewareJob) run(s *Socket) {
	for _, middleware := range k.middlewares {
		if s.state.Load() != stateConnecting {
			return
		}
		if err := s.ns.srv.runMiddleware(s, middleware); err != nil {
			s.client.Loop().Post(&refuseTask{s, err})
			return
		}
	}
	s.client.Loop().Post((*welcomeTask)(s))
}

var errMiddleware = errors.New("internal server error")

func (srv *Server) runMiddleware(s *Socket, middleware func(*Socket) error) (err error) {
	defer srv.rescue(s, "middleware", func() { err = errMiddleware })
	return middleware(s)
}

// refuseTask is a socket that a middleware has refused.
type refuseTask struct {
	s   *Socket
	err error
}

func (t *refuseTask) Run(*loop.Loop) {
	s := t.s
	if !s.state.CompareAndSwap(stateConnecting, stateDisconnected) {
		return
	}
	s.ns.remove(s)
	s.release()
	s.client.forget(s)
	message, data := t.err.Error(), []byte(nil)
	var refusal *ConnectError
	if errors.As(t.err, &refusal) {
		message = refusal.Message
		if refusal.Data != nil {
			var err error
			if data, err = jsonenc.Append(nil, refusal.Data); err != nil {
				s.ns.srv.reportError(s, "middleware", err)
				data = nil
			}
		}
	}
	if s.client.old() {
		s.client.refuseBare(s.ns.name, message, data)
	} else {
		s.client.refuse(s.ns.name, message, data)
	}
}

// welcomeTask is a socket that may connect.
type welcomeTask Socket

func (t *welcomeTask) Run(*loop.Loop) {
	s := (*Socket)(t)
	c := s.client
	if s.state.Load() != stateConnecting || !s.ns.rooms.Add(&s.member) {
		return
	}
	s.state.Store(stateConnected)
	c.stopConnectTimer()
	m := s.welcome()
	m.send(c)
	m.release()
	if k := s.ns.hooks.Load(); len(k.connection) > 0 && s.state.Load() == stateConnected {
		s.enqueue((*connectionJob)(k), true)
	} else {
		s.settled()
	}
}

// welcome is the answer to the client's CONNECT packet.
func (s *Socket) welcome() message {
	if s.client.old() {
		return s.welcomeBare()
	}
	return textMessage(func(b []byte) []byte {
		return socketio.AppendConnect(b, s.ns.name, s.ID(), "")
	})
}

// connectionJob runs the connection handlers for a socket, also when it is
// disconnected again by now: the disconnect handlers follow.
type connectionJob hooks

func (k *connectionJob) size() int { return 0 }

func (k *connectionJob) run(s *Socket) {
	for _, h := range k.connection {
		s.ns.srv.runConnection(s, h)
	}
	s.settled()
}

// settled drops what only the connecting needed, if asked to.
func (s *Socket) settled() {
	if s.ns.srv.cfg.DiscardRequest {
		s.client.DiscardRequest()
	}
}

func (srv *Server) runConnection(s *Socket, h func(*Socket)) {
	defer srv.rescue(s, "connection", func() { s.Disconnect(false) })
	h(s)
}

// Handshake tells how the socket's client has connected.
func (s *Socket) Handshake() *Handshake {
	h := &Handshake{Address: s.client.RemoteAddr()}
	if r := s.client.Request(); r != nil {
		h.Issued = r.Issued()
		h.URL = r.Target()
		h.Headers = r.Headers()
		h.Query = r.Query()
		_, h.CrossDomain = h.Headers["origin"]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cold != nil && s.cold.auth != nil {
		h.Auth = append(json.RawMessage(nil), s.cold.auth...)
	} else {
		h.Auth = json.RawMessage("{}")
	}
	return h
}
