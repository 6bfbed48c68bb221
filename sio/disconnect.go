package sio

import (
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
