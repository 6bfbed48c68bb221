package sio

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// client is one connection and its sockets. Session and the first socket of
// the main namespace live inside it: an idle client is one allocation.
// Loop-owned but for the pending counts.
type client struct {
	eio.Session
	srv     *Server
	connect *connectTimer // until a namespace was joined
	more    *clientMore   // nil for a client that is in "/" only and sends no binary
	hasMain bool          // main is among the sockets
	main    Socket

	pending      atomic.Int32 // jobs queued by all sockets
	pendingBytes atomic.Int64
}

// clientMore is what the simplest client never needs.
type clientMore struct {
	sockets []*Socket // all but main
	binary  socketio.Reconstructor
}

func (c *client) extra() *clientMore {
	if c.more == nil {
		c.more = new(clientMore)
	}
	return c.more
}

// part returns what the client's loop owns.
func (c *client) part() *part { return c.srv.part(c.Loop()) }

// find returns the client's socket in the namespace, or nil.
func (c *client) find(namespace []byte) *Socket {
	if c.hasMain && string(namespace) == "/" {
		return &c.main
	}
	if c.more != nil {
		for _, s := range c.more.sockets {
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
	s.gone = true
	if s == &c.main {
		c.hasMain = false
		return
	}
	sockets := c.more.sockets
	c.more.sockets = slices.Delete(sockets, slices.Index(sockets, s), slices.Index(sockets, s)+1)
}

// sockets returns a copy of the list of the client's sockets.
func (c *client) sockets() (list []*Socket) {
	if c.hasMain {
		list = append(list, &c.main)
	}
	if c.more != nil {
		list = append(list, c.more.sockets...)
	}
	return list
}

// closeAll disconnects all sockets of the client.
func (c *client) closeAll(reason Reason) {
	for _, s := range c.sockets() {
		s.dropHeld() // the session must know before it can be claimed
		s.close(reason)
		c.forget(s)
	}
}

// outOfOrder closes the connection because of a packet that the client may not
// send now.
func (c *client) outOfOrder() {
	c.part().counts.outOfOrder.Add(1)
	c.shut()
}

// shut closes the connection after what was sent has been delivered. The
// sockets end at once, with another reason when that takes time.
func (c *client) shut() {
	c.Session.Close(false)
	c.closeAll(ForcedServerClose)
}

// invalid closes the connection because of a packet that can't be decoded. Its
// sockets end with it.
func (c *client) invalid(err error) {
	c.part().counts.invalid.Add(1)
	problem := &PacketError{err}
	c.srv.cfg.Logger.Debug("sio: invalid packet", "client", c.Session.ID(), "error", err)
	for _, s := range c.sockets() {
		if s.Connected() {
			s.fail("", problem, true)
		}
	}
	c.Session.Close(false)
}

// errPending is why a connection is closed that has passed Config.MaxPending.
var errPending = errors.New("sio: too many events wait for handlers")

// overflows reports whether one more job of the size would be too much; then the
// connection is closed. One alone is never too large.
func (c *client) overflows(size int) bool {
	cfg := &c.srv.cfg
	if !full(c.pending.Load(), cfg.MaxPending, c.pendingBytes.Load(), cfg.MaxPendingBytes, size) &&
		!c.part().full(&c.srv.share, size) {
		return false
	}
	c.overflowed()
	return true
}

// hold counts a job that waits, unhold one that does not any more. Safe for
// concurrent use.
func (c *client) hold(size int) { c.holdJobs(1, size) }

func (c *client) unhold(size int) { c.holdJobs(-1, -size) }

func (c *client) holdJobs(n int32, size int) {
	c.pending.Add(n)
	c.pendingBytes.Add(int64(size))
	p := c.part()
	p.pending.Add(n)
	p.pendingBytes.Add(int64(size))
}

// full reports whether one more job of the size passes a limit of pending work;
// one alone never does.
func full(jobs int32, maxJobs int, bytes, maxBytes int64, size int) bool {
	return int(jobs) >= maxJobs || bytes > 0 && bytes+int64(size) > maxBytes
}

// pendingShare is each loop's part of what may wait in all. Immutable after New.
type pendingShare struct {
	jobs  int
	bytes int64
}

// full reports whether the loop's share of what may wait in all is taken.
func (p *part) full(share *pendingShare, size int) bool {
	return full(p.pending.Load(), share.jobs, p.pendingBytes.Load(), share.bytes, size)
}

// overflowed closes the connection because a limit is passed.
func (c *client) overflowed() {
	c.part().counts.overflows.Add(1)
	c.srv.cfg.Logger.Debug(errPending.Error(), "client", c.Session.ID())
	c.Session.Close(true)
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
	if p := c.part(); p.loop.Load() == nil {
		p.loop.Store(c.Loop())
	}
	if open := c.srv.cfg.OnOpen; open != nil {
		c.srv.protect("open", func() { open((*Conn)(c)) })
	}
	c.startConnectTimer()
	if c.old() {
		c.joinMain()
	}
}

func (u upper) Message(s *eio.Session, data []byte, binary bool) {
	c := s.App.(*client)
	if ps := u.srv.cfg.Parser; ps != nil {
		c.receiveParsed(ps, data, binary)
	} else if binary {
		c.receiveBinary(data)
	} else {
		c.receive(data)
	}
}

func (u upper) Closed(s *eio.Session, cause eio.Reason, err error) {
	c := s.App.(*client)
	c.stopConnectTimer()
	reason := c.srv.reasonOf(cause, err)
	c.closeAll(reason)
	if reason == SlowConsumer {
		c.part().counts.slowClosed.Add(1)
		c.srv.tellSlow(SlowEvent{Conn: (*Conn)(c), Did: SlowDisconnect})
	}
	if over := c.srv.cfg.OnClose; over != nil {
		c.srv.protect("close", func() { over((*Conn)(c), reason) })
	}
}

// connectTimer closes a client that joins no namespace in time.
type connectTimer struct {
	loop.Timer
	client *client
}

var connectTimers = sync.Pool{New: func() any {
	t := new(connectTimer)
	t.Init(t)
	return t
}}

func (c *client) startConnectTimer() {
	t := connectTimers.Get().(*connectTimer)
	t.client = c
	c.connect = t
	c.Loop().Arm(&t.Timer, c.srv.cfg.ConnectTimeout)
}

func (c *client) stopConnectTimer() {
	if t := c.connect; t != nil {
		c.Loop().Cancel(&t.Timer)
		c.connect, t.client = nil, nil
		connectTimers.Put(t)
	}
}

// Expired implements loop.TimerHandler.
func (t *connectTimer) Expired(*loop.Timer) {
	c := t.client
	c.stopConnectTimer()
	c.part().counts.connectTimeouts.Add(1)
	c.shut()
}
