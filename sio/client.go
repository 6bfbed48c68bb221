package sio

import (
	"errors"
	"slices"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/sio/internal/workload"
)

// client is one connection and its sockets. Session and the first socket of
// the main namespace live inside it: an idle client is one allocation.
// Loop-owned but for what is counted in its backlog, and its flags.
type client struct {
	eio.Session
	srv     *Server
	connect *connectTimer // until a namespace was joined
	extra   *clientExtra  // nil for a client that is in "/" only and sends no binary
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
	late    map[*late]struct{} // sockets that have left while events waited; nil at first
	binary  socketio.Reconstructor
}

func (c *client) needExtra() *clientExtra {
	if c.extra == nil {
		c.extra = new(clientExtra)
	}
	return c.extra
}

// perLoop returns what the client's loop owns.
func (c *client) perLoop() *perLoop { return c.srv.perLoop(c.Loop()) }

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

// forget ends the client's relation to s: nothing more is sent for it.
func (c *client) forget(s *Socket) {
	if s.gone {
		return
	}
	s.dropHeld()
	s.letGo()
	s.gone = true
	if s == &c.main {
		c.hasMain = false
		return
	}
	sockets := c.extra.sockets
	c.extra.sockets = slices.Delete(sockets, slices.Index(sockets, s), slices.Index(sockets, s)+1)
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

// closeAll disconnects all sockets of the client. What it has sent is handled
// unless the application has ended the connection. cause, which may be nil, is
// for the log.
func (c *client) closeAll(reason Reason, cause error) {
	state := stateLeft
	if c.ended {
		state = stateDisconnected
	}
	for _, s := range c.sockets() {
		s.close(state, reason, cause)
		c.forget(s)
	}
	c.abandonJoins()
}

// outOfOrder closes the connection because of a packet that the client may not
// send now.
func (c *client) outOfOrder(h socketio.Header, s *Socket) {
	c.perLoop().counts.outOfOrder.Add(1)
	c.logOutOfOrder(h, s)
	c.closeSoon(errOutOfOrder, func() { c.shut(errOutOfOrder) })
}

// Why the server closes a connection, for the log.
var (
	errOutOfOrder     = errors.New("sio: packet out of order")
	errConnectTimeout = errors.New("sio: no namespace was joined in time")
	errUnjoined       = errors.New("sio: too many clients have joined no namespace")
	errMissed         = errors.New("sio: what the client has missed is no longer kept")
)

// closeSoon closes the connection, by close, behind what inline handlers have
// sent. The client is not heard any more, and what has not connected yet does
// not.
func (c *client) closeSoon(cause error, close func()) {
	c.StopReceiving()
	for _, s := range c.sockets() {
		if s.state.Load() == stateConnecting {
			s.close(stateLeft, ForcedServerClose, cause)
			c.forget(s)
		}
	}
	c.abandonJoins()
	c.Loop().PostFunc(close)
}

// shut closes the connection after what was sent has been delivered. The
// sockets end at once, with another reason when that takes time.
func (c *client) shut(cause error) {
	c.end(cause, false)
	c.closeAll(ForcedServerClose, cause)
}

// end closes the connection like [eio.Session.Close]. If that happens at once,
// cause is logged as the cause of the sockets' ends too.
func (c *client) end(cause error, discard bool) {
	p := c.perLoop()
	p.cause = cause
	if !discard {
		c.sendHeld()
	}
	c.Session.Close(discard)
	p.cause = nil
}

// invalid closes the connection because of a packet that can't be decoded. Its
// sockets end with it.
func (c *client) invalid(err error) {
	c.perLoop().counts.invalid.Add(1)
	problem := &PacketError{err}
	c.logInvalid(err)
	for _, s := range c.sockets() {
		if s.Connected() {
			c.Loop().Contain(loop.TaskFunc(func() { c.srv.notifyError(s, "", problem) }))
			s.queueError(problem, true)
		}
	}
	c.closeSoon(problem, func() { c.end(problem, false) })
}

// upper is the server as the engine sees it.
type upper struct{ srv *Server }

func (u upper) NewSession() *eio.Session {
	c := &client{srv: u.srv}
	c.App = c
	return &c.Session
}

func (u upper) Opened(s *eio.Session) {
	c := s.App.(*client)
	if p := c.perLoop(); p.loop.Load() == nil {
		p.loop.Store(c.Loop())
	}
	if open := c.srv.cfg.OnOpen; open != nil {
		c.srv.protectOn(c.Loop(), "open", func() { open((*Conn)(c)) })
	}
	c.startConnectTimer()
	c.protocol().opened(c)
}

func (u upper) Message(s *eio.Session, data []byte, binary bool) {
	u.srv.codec.receive(s.App.(*client), data, binary)
}

func (u upper) Closed(s *eio.Session, cause eio.Reason, err error) {
	c := s.App.(*client)
	c.stopConnectTimer()
	reason := c.srv.reasonOf(cause, err)
	if err == nil {
		err = c.perLoop().cause
	}
	c.closeAll(reason, err)
	c.leave()
	if reason == SlowConsumer {
		c.perLoop().counts.slowClosed.Add(1)
		c.srv.reportSlow(SlowEvent{Conn: (*Conn)(c), Did: SlowDisconnect})
	}
	if over := c.srv.cfg.OnClose; over != nil {
		c.srv.protectOn(c.Loop(), "close", func() { over((*Conn)(c), reason) })
	}
}
