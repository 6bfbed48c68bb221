package sio

import (
	"errors"
	"slices"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// Disconnect takes the socket out of its namespace: it leaves its rooms at
// once, what was emitted before is still delivered, and the client is notified.
// The connection stays, and the client may connect to the namespace again. With
// closeConnection all sockets of the client are disconnected and the connection
// is closed. Events of the socket that wait are not handled; they are counted
// in [Stats].Unhandled. Disconnect does nothing for a socket that is not
// connected.
func (s *Socket) Disconnect(closeConnection bool) {
	if !s.Connected() || !s.close(stateDisconnected, ServerNamespaceDisconnect, nil) {
		return
	}
	if closeConnection {
		s.client.Loop().Post((*expelTask)(s))
	} else {
		s.client.Loop().Post((*leaveTask)(s))
	}
}

// leaveTask notifies the client of a socket that the server has disconnected.
type leaveTask Socket

func (t *leaveTask) Run(*loop.Loop) { (*Socket)(t).sayGoodbye() }

// sayGoodbye sends the DISCONNECT packet, unless the client has left before.
func (s *Socket) sayGoodbye() {
	if s.gone {
		return
	}
	s.releaseHeld()
	m := s.ns.srv.encodeDisconnect(s.ns.name)
	m.send(s.client)
	m.release()
	s.client.forget(s)
}

// expelTask disconnects the client of a socket.
type expelTask Socket

func (t *expelTask) Run(*loop.Loop) {
	c := (*Socket)(t).client
	c.ended = true
	for _, s := range c.sockets() {
		if s.state.Load() == stateConnecting {
			s.close(stateDisconnected, ServerNamespaceDisconnect, nil)
			c.forget(s)
			continue
		}
		s.close(stateDisconnected, ServerNamespaceDisconnect, nil)
		s.sayGoodbye()
	}
	c.abandonJoins()
	c.Session.Close(false)
}

// close ends the socket on the server. Of several callers the first one gets
// true. It is called on any goroutine, with stateLeft on the loop. A socket
// that was only about to connect ends without handlers, and false is returned.
// state is stateLeft or stateDisconnected. cause, which may be nil, is for the
// log.
//
// The namespace counts the socket until its last handler has returned: what the
// handlers broadcast still reaches other sockets.
func (s *Socket) close(state uint32, reason Reason, cause error) bool {
	connected := s.state.CompareAndSwap(stateConnected, state)
	if !connected && !s.state.CompareAndSwap(stateConnecting, stateDisconnected) {
		return false
	}
	rooms := s.ns.remove(s)
	s.ns.delivery.closed(s, reason)
	busy := s.release(state)
	if !connected {
		s.ns.depart()
		return false
	}
	s.client.perLoop().counts.disconnects.count(reason)
	s.logDisconnected(reason, cause)
	k := s.ns.hooks.Load()
	if !busy && len(k.disconnecting)+len(k.disconnect) == 0 {
		s.ns.depart()
		return true
	}
	s.mu.Lock()
	c := s.extraLocked()
	c.rooms = append(rooms, s.ID())
	j := &disconnectJob{reason, c.kept}
	if s.owed = !s.begun; s.owed {
		c.owed = j
	}
	owed := s.owed
	s.mu.Unlock()
	if state == stateLeft {
		s.client.remember(s)
	}
	if !owed {
		s.enqueue(j, false)
	}
	return true
}

// release drops what waits for the socket. It reports whether the socket has
// handlers of its own, or may still get some.
func (s *Socket) release(state uint32) (busy bool) {
	s.mu.Lock()
	lapsed := s.lapseLocked(state)
	busy = s.queue != nil || !s.begun
	var waiting contextState
	var acks []pendingAck
	if c := s.extra; c != nil {
		busy = busy || len(c.disconnecting)+len(c.disconnect) > 0
		waiting, acks = c.context, c.acks
		s.ns.listeners.Add(-int32(len(c.outgoing)))
		c.outgoing = nil
		c.context, c.acks = contextState{}, nil
	}
	s.mu.Unlock()
	s.dropJobs(lapsed)
	waiting.end()
	s.ns.srv.endAcks(acks)
	return busy
}

// disconnectJob runs the disconnect handlers of a socket. What these keep alive
// is counted until they return, because the session stops counting it before.
type disconnectJob struct {
	reason Reason
	kept   int // bytes
}

func (j *disconnectJob) size() int          { return j.kept }
func (j *disconnectJob) lapses(uint32) bool { return false }
func (j *disconnectJob) drop(*Socket)       {}

func (j *disconnectJob) run(s *Socket) {
	defer s.ns.depart()
	k := s.ns.hooks.Load()
	s.mu.Lock()
	disconnecting, disconnect := s.extra.disconnecting, s.extra.disconnect
	s.mu.Unlock()
	inTurn([]func(){
		func() { s.runDisconnect("disconnecting", k.disconnecting, j.reason) },
		func() { s.runOwnDisconnect("disconnecting", disconnecting, j.reason) },
		func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.extra.rooms = nil
		},
		func() { s.runDisconnect("disconnect", k.disconnect, j.reason) },
		func() { s.runOwnDisconnect("disconnect", disconnect, j.reason) },
	}, func(step func()) { step() })
}

func (s *Socket) runDisconnect(event string, list []func(*Socket, Reason), reason Reason) {
	inTurn(list, func(h func(*Socket, Reason)) { s.ns.srv.runHook(s, event, func() { h(s, reason) }) })
}

func (s *Socket) runOwnDisconnect(event string, list []func(Reason), reason Reason) {
	inTurn(list, func(h func(Reason)) { s.ns.srv.runHook(s, event, func() { h(reason) }) })
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

// reasonOf is the sockets' reason for the end of their connection.
func (c *client) reasonOf(r eio.Reason, err error) Reason {
	if errors.Is(err, eio.ErrQueueOverflow) {
		return SlowConsumer
	}
	if r == eio.ForcedClose && (c.srv.closing.Load() || c.flags.has(isDismissed)) {
		return ServerShuttingDown
	}
	return Reason(r)
}

// endAcks notifies sinks that their client is gone, on its loop. It notifies
// those of an adapter on a goroutine, because they may not return.
func (srv *Server) endAcks(acks []pendingAck) {
	var others []pendingAck
	for _, a := range acks {
		if c, ok := a.sink.(*broadcastAck); ok && !c.own() {
			others = append(others, a)
			continue
		}
		a.sink.gone()
	}
	if len(others) > 0 {
		go inTurn(others, func(a pendingAck) { srv.protect("acknowledgement", a.sink.gone) })
	}
}
