package eio

import (
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/loop"
)

// Session is one Engine.IO connection, whatever HTTP requests and WebSockets
// carry it. It lives on one loop. Its methods are loop-owned unless they say
// otherwise; other goroutines call them by Loop().Post.
//
// [Upper.NewSession] makes a session as a zero value, usually inside a larger
// struct. The server fills it in.
type Session struct {
	// App is the upper layer's own pointer, set in NewSession.
	App any

	home      *perLoop
	core      core
	ws        *wsConn      // the current WebSocket; nil over polling
	polling   *pollingSide // nil over WebSocket
	request   atomic.Pointer[Request]
	shown     atomic.Uint32 // for other goroutines: see publish
	pauses    pauseReason   // why nothing is taken from the peer
	known     bool          // Admit was called
	counted   bool          // counted by receiving
	timer     loop.Timer
	name      *string // the sid that GenerateID made; nil for one of the server's own
	id        sessionID
	remote    endpoint
	upperHeld uint32        // bytes: see SetHeld
	retained  atomic.Uint32 // bytes, or retentionOver: see Keep
}

// pollingSide is what only a session over polling needs.
type pollingSide struct {
	get, post   *httpConn   // the parked GET, the POST in progress
	answered    *httpConn   // the last GET that was answered
	probe       *wsConn     // the WebSocket that may replace polling
	callback    *string     // the index of the JSONP callback; nil without JSONP
	left        *loop.Frame // of the current POST's body; nil when nothing waits
	waitQueue   *waitQueue  // nil until a request was announced
	unseen      bool        // idle was not called since a GET was answered
	octets      bool        // the current POST has the binary payload of protocol 3
	flushPosted bool
}

// ID returns the session's sid. Safe for concurrent use.
func (s *Session) ID() string {
	if s.name != nil {
		return *s.name
	}
	return s.id.String()
}

// Protocol returns the number of the Engine.IO protocol, 4 or 3. Safe for
// concurrent use.
func (s *Session) Protocol() int { return wireFormat{v3: s.core.wireFormat.v3}.protocol() }

// Transport returns the current transport, "polling" or "websocket". Safe for
// concurrent use.
func (s *Session) Transport() string {
	if s.shown.Load()&onWebSocket != 0 {
		return webSocket
	}
	return polling
}

// Loop returns the loop that owns the session. Safe for concurrent use.
func (s *Session) Loop() *loop.Loop { return s.home.loop }

// RemoteAddr returns the peer's address at the handshake, or the one that a
// proxy has named (Config.TrustedProxies, ProxyProtocol). Safe for concurrent
// use.
func (s *Session) RemoteAddr() netip.AddrPort { return s.remote.addrPort() }

// Request returns the handshake request, or nil once it was discarded. Safe for
// concurrent use.
func (s *Session) Request() *Request {
	if r := s.request.Load(); r != nil && r.head != nil {
		return r
	}
	return nil
}

// DiscardRequest drops the handshake request, which saves about 230 bytes. Its
// values stay. Safe for concurrent use.
func (s *Session) DiscardRequest() {
	r := s.request.Load()
	if r == nil || r.head == nil {
		return
	}
	var left *Request
	if r.values != nil {
		left = &Request{values: r.values}
	}
	if s.request.CompareAndSwap(r, left) {
		s.Keep(-len(r.head), true)
	}
}

// Value is [Request.Value] of the handshake request, also once that was
// discarded. Safe for concurrent use.
func (s *Session) Value(key any) any {
	if r := s.request.Load(); r != nil {
		return r.Value(key)
	}
	return nil
}

// State returns where the session is in its life.
func (s *Session) State() State { return s.core.state }

// Writable reports whether a packet sent now would leave at once: a GET is
// parked, or the WebSocket has nothing unsent.
func (s *Session) Writable() bool {
	switch {
	case s.core.state != StateOpen:
		return false
	case s.core.webSocket:
		return s.ws.c.Queued() == 0
	default:
		return s.core.poll && len(s.core.queue()) == 0
	}
}

// HungUp reports whether the WebSocket's peer is gone and the loop is about to
// notice: see [loop.Conn.HungUp].
func (s *Session) HungUp() bool {
	return s.core.state == StateOpen && s.core.webSocket && s.ws.c.HungUp()
}

// Queued returns the number of bytes that wait for the peer to take them.
func (s *Session) Queued() int {
	if s.core.webSocket && s.ws != nil {
		return s.ws.c.Queued()
	}
	return s.core.queued()
}

// SizeOf returns the encoded size of p in bytes, without framing, as it counts
// while it waits for the peer.
func (s *Session) SizeOf(p *EncodedPacket) int {
	return s.core.wireFormat.size(p, s.core.webSocket)
}

// MakeRoom reports whether a message of n packets with size bytes in all can be
// sent without passing Config.MaxQueued. It first offers to the peer what
// waits. If that is not enough, it drops messages that wait and may be dropped
// ([EncodedPacket.SetDroppable]), the oldest first; dropped is their number.
func (s *Session) MakeRoom(size, n int) (dropped int, ok bool) {
	switch {
	case s.core.state != StateOpen:
		return 0, true // Send drops it
	case s.core.webSocket:
		return s.ws.c.MakeRoom(size+n*headroom, n)
	default:
		return s.core.makeRoom(s, s.maxQueued(), size, n)
	}
}

// Admits judges a message of several packets before it is sent: one with head
// bytes, as SizeOf returns them, and n more with rest bytes. If that is too
// much for the peer, it ends the session as Send does and reports false. The
// caller must then send nothing of the message.
func (s *Session) Admits(head, rest, n int) bool {
	switch {
	case s.core.state != StateOpen:
		return true // Send drops it
	case s.core.webSocket:
		return s.ws.c.Admit(head+headroom, rest+n*headroom, n)
	default:
		return s.core.admit(s, head, rest, n)
	}
}

// Send sends p and takes a reference of its own. If the session is closing or
// closed, it drops p and reports false.
func (s *Session) Send(p *EncodedPacket) bool {
	return s.core.send(s, p)
}

// StopReceiving stops receiving, because the session is about to be closed, for
// example by a task behind those that send what is still due.
func (s *Session) StopReceiving() { s.core.ignoring = true }

// Close ends the session from this side with [ForcedClose]. What was sent
// before is delivered first, for which a polling peer has 30 seconds; with
// discard it is dropped.
func (s *Session) Close(discard bool) {
	s.core.close(s, s.now(), discard)
	s.rearm()
}

func (s *Session) now() time.Duration { return time.Duration(s.home.loop.Now()) }

// rearm sets the timer to the core's next deadline. It is called where a
// deadline may have come nearer. One that moves away, as each pong moves the
// heartbeat, leaves the timer alone: the timer fires early, finds nothing due
// and is armed again.
func (s *Session) rearm() {
	if at := s.core.deadline(); at != 0 {
		s.home.loop.Arm(&s.timer, at-s.now())
	} else {
		s.home.loop.Cancel(&s.timer)
	}
}

// receive hands p to the core. A pong brings the next ping nearer when
// PingInterval is shorter than PingTimeout.
func (s *Session) receive(p engineio.Packet) {
	before := s.core.deadline()
	s.core.receive(s, s.home.srv.timing, s.now(), p)
	s.check()
	if after := s.core.deadline(); after != 0 && after < before {
		s.rearm()
	}
}

// sessionTimer is a session as the handler of its timer.
type sessionTimer Session

func (t *sessionTimer) Expired(*loop.Timer) { (*Session)(t).tick() }

// punctual calls tick before a request of the session is served, so that the
// clock decides and not the precision of the timer. When the loop is late the
// request may have come in time: then the timer decides, once all that has come
// was read.
func (s *Session) punctual() {
	if !s.home.loop.Late(s.core.deadline()) {
		s.tick()
	}
}

// tick does what is due.
func (s *Session) tick() {
	if at := s.core.deadline(); due(at, s.now()) {
		s.core.tick(s, s.home.srv.timing, s.now())
		s.check()
	}
	s.rearm()
}

// flushTask answers the parked GET at the end of the burst, so that all packets
// of one burst share a response.
type flushTask Session

func (t *flushTask) Run(*loop.Loop) {
	s := (*Session)(t)
	if s.polling != nil {
		s.polling.flushPosted = false
	}
	s.core.flush(s)
	s.check()
}

// The methods below implement effects.

func (s *Session) maxQueued() int { return s.home.srv.cfg.MaxQueued }

func (s *Session) deliver(data []byte, binary bool) {
	s.home.srv.upper.Message(s, data, binary)
}

func (s *Session) wantFlush() {
	if side := s.polling; !side.flushPosted {
		side.flushPosted = true
		s.home.loop.Post((*flushTask)(s))
	}
}

func (s *Session) answerPoll(packets []*EncodedPacket) {
	side := s.polling
	get := side.get
	side.get, side.answered, side.unseen = nil, get, true
	get.answerGet(s, packets)
	if len(s.home.waiters) > 0 && len(s.core.queue()) == 0 {
		s.home.flushedTo(s, math.MaxInt)
	}
}

func (s *Session) dropPost() {
	post := s.polling.post
	s.polling.post = nil
	post.destroy()
}

func (s *Session) sendWebSocket(p *EncodedPacket) bool {
	c := s.ws.c
	crowded := c.Send(s.ws.frame(p))
	if c.Blocked() {
		s.publish(c.Queued())
	}
	return crowded
}

func (s *Session) closeWebSocket(slow bool) {
	w := s.ws
	switch s.ws = nil; {
	case w == nil: // the WebSocket is what ended the session
	case !slow:
		w.close(0)
	case w.c.Idle() >= stalled:
		w.s = nil
		w.c.Close()
	default:
		w.s = nil
		w.c.Overflow()
	}
}

func (s *Session) replyProbe(data []byte) {
	p := newTextPacket(engineio.Pong, data)
	s.polling.probe.c.Send(p.frame.Retain())
	p.Release()
}

func (s *Session) closeProbe() {
	s.home.transports.upgradesFailed.Add(1)
	s.logProbeClosed()
	s.polling.probe.close(0)
	s.polling.probe = nil
}

func (s *Session) promoteProbe() {
	s.ws = s.polling.probe
	s.core.wireFormat.b64 = s.ws.wireFormat.b64 // v3 is the same, and other goroutines read it
	s.publish(0)
	s.releaseQueue()
	s.polling = nil
	for _, w := range s.home.waiters[s] {
		w.position = math.MaxInt // until markAgain sets it
		s.home.loop.PostFunc(s.markAgain)
	}
	s.home.transports.upgraded.Add(1)
	s.logUpgraded()
	if hook := s.home.srv.cfg.OnUpgrade; hook != nil {
		_ = s.home.srv.hooks.await("Config.OnUpgrade", func() { hook(s) })
	}
}

// endSoon calls end behind what was posted to the loop before, such as the
// packets of an inline handler.
func (s *Session) endSoon(reason Reason, err error) { s.home.loop.Post(&endTask{s, reason, err}) }

// endTask ends a session.
type endTask struct {
	s      *Session
	reason Reason
	err    error
}

func (t *endTask) Run(*loop.Loop) { t.s.core.end(t.s, t.reason, t.err) }

func (s *Session) ended() {
	s.home.loop.Cancel(&s.timer)
	s.home.transports.closed(s.core.webSocket)
	s.home.remove(s)
	s.releaseQueue()
	s.dropLeft()
	s.publish(0)
	s.unaccount()
	s.releaseRetained()
}

func (s *Session) over(reason Reason, err error) {
	if len(s.home.waiters) > 0 {
		s.home.failFlushes(s)
	}
	if reason == ParseError {
		s.home.srv.violations.Add(1)
	}
	s.logClosed(reason, err)
	s.home.srv.upper.Closed(s, reason, err)
}
