package eio

import (
	"time"
)

// State is where a session is in its life.
type State uint8

// The states of a session, in order.
const (
	StateOpen    State = iota // packets flow both ways
	StateClosing              // Close was called; what is queued is still delivered
	StateClosed               // over
)

func (s State) String() string {
	return [...]string{"open", "closing", "closed"}[s]
}

// packetCost is what a queued packet weighs beside its bytes.
const packetCost = 256

// core is the state of one session: what the protocol remembers between two
// packets. It touches no socket and no clock. Requests, packets and ticks go in
// as method calls with the current time; what is to be done comes out as calls
// on [effects], in order and on the same stack. Session is the effects of a
// real server; the tests record them instead.
//
// The life of a session that upgrades:
//
//	            pollArrived/post          2probe                5
//	opened ──► polling ──► probing(open) ──► probing(probed) ──► websocket ──► closed
//	                 ▲          │ probeLost, timeout, bad packet │
//	                 └──────────┴────────────────────────────────┘
//
// Invariants:
//   - the queue is empty over WebSocket: packets go to the connection's outbox;
//   - a GET is parked only while the queue is empty or a flush is requested;
//   - after ended and over were called nothing else is, whatever comes in.
//
// effects may call back into the core (a handler that sends or closes from
// deliver), so every method re-reads the state after a call.
//
// An alternative, returning a list of actions, was tried on paper and rejected:
// it allocates or copies on every packet and defers replies that a test or a
// handler expects in order.
type core struct {
	state        State
	wireFormat   wireFormat
	webSocket    bool // the current transport; false is polling
	poll         bool // a GET is parked and unanswered
	reads        bool // the last GET was answered with packets, and no other has come
	post         bool // a POST body is being received
	overReported bool // the end was told while what is queued may still be fetched
	pinged       bool // a ping is unanswered
	extended     bool // the ping's timeout was restarted once by another packet
	upgrade      upgradePhase
	paused       bool // nothing is received: see pause
	lost         bool // the peer of a paused session was found to be gone, once
	excused      bool // a pong was not waited for: those that nobody waits for mean nothing
	ignoring     bool // the session is about to end: nothing is received any more

	heartbeat time.Duration // when to ping, or when the peer is late
	backlog   *backlog      // waits for a GET; nil while nothing has, and over WebSocket
	side      *sideTimers   // nil unless an upgrade or a graceful close is under way
}

// backlog is what waits for a GET.
type backlog struct {
	packets []*EncodedPacket // each entry holds a reference
	bytes   int              // of the packets as they are sent
}

// queue is what waits for a GET.
func (c *core) queue() []*EncodedPacket {
	if c.backlog == nil {
		return nil
	}
	return c.backlog.packets
}

// queued is how many bytes those are.
func (c *core) queued() int {
	if c.backlog == nil {
		return 0
	}
	return c.backlog.bytes
}

type upgradePhase uint8

const (
	upgradeNone   upgradePhase = iota
	upgradeOpen                // a WebSocket with our sid is open
	upgradeProbed              // its probe was answered
)

// sideTimers are the deadlines that only few sessions have at a time; 0 is unset.
type sideTimers struct {
	upgradeBy time.Duration // the probe must have become an upgrade
	noopAt    time.Duration // next check for a parked GET that hinders the upgrade
	closeBy   time.Duration // a graceful close gives up
	slowAt    time.Duration // the peer must have taken something of too much that waits
	pongAt    time.Duration // the next pong to a peer of protocol 3 that is paused
}

// timing are the durations that a core works with.
type timing struct {
	pingInterval, pingTimeout, upgradeTimeout time.Duration
}

const (
	// noopInterval is how often a parked GET is released while a probe waits.
	noopInterval = 100 * time.Millisecond
	// maxLateness is how late a ping may be without moving the pong's deadline:
	// the timer's imprecision must not add up, but a stall of the loop is not the
	// peer's fault.
	maxLateness = 20 * time.Millisecond
	// closeTimeout bounds a graceful close without a GET.
	closeTimeout = 30 * time.Second
)

// effects is what a core makes happen.
type effects interface {
	maxQueued() int                          // how many bytes may wait before the peer is watched
	crowded() bool                           // more than that waits on the current WebSocket
	slowTimeout() time.Duration              // how long a watched peer may take nothing
	idle() time.Duration                     // how long it has taken nothing; a long time when that is not known
	clock() time.Duration                    // the time, for what begins without a tick
	rearm()                                  // a deadline has come nearer without a tick
	countBacklog(weight int)                 // so much more waits for a GET, or less
	discarded(packets int)                   // so many are never sent
	deliver(data []byte, binary bool)        // a message for the application; data is borrowed
	wantFlush()                              // call flush soon: a GET is parked and the queue is not empty
	answerPoll(packets []*EncodedPacket)     // answers the parked GET; packets are borrowed
	dropPost()                               // destroys the connection of the POST in progress
	sendWebSocket(p *EncodedPacket) bool     // on the current WebSocket; p is borrowed; reports crowded
	closeWebSocket(slow bool)                // closes the current WebSocket, after what was sent
	replyProbe(data []byte)                  // sends a pong with data on the probing WebSocket
	closeProbe()                             // closes the probing WebSocket
	promoteProbe()                           // the probing WebSocket becomes the current one
	unreachable(patience time.Duration) bool // the peer of a paused session is gone
	endSoon(reason Reason, err error)        // call end after what was sent before on other ways
	ended()                                  // nothing more can come of the session; called once
	over(reason Reason, err error)           // it is over for the application; called once
}

func (c *core) open(t timing, now time.Duration, f wireFormat, webSocket bool) {
	c.wireFormat = f
	c.webSocket = webSocket
	c.heartbeat = now + t.pingInterval
	if f.v3 {
		c.heartbeat += t.pingTimeout
	}
}

// send queues or writes p and reports whether the session still takes packets.
func (c *core) send(fx effects, p *EncodedPacket) bool {
	if c.state != StateOpen {
		return false
	}
	c.put(fx, p)
	return true
}

func (c *core) put(fx effects, p *EncodedPacket) {
	if c.webSocket {
		if fx.sendWebSocket(p) {
			c.watch(fx)
		}
		return
	}
	size := c.wireFormat.size(p, false)
	if !c.fits(fx, size, size) {
		fx.discarded(1)
		c.overflow(fx)
		return
	}
	if c.backlog == nil {
		c.backlog = new(backlog)
	}
	c.backlog.packets = append(c.backlog.packets, p.Retain())
	c.backlog.bytes += size
	fx.countBacklog(size + packetCost)
	if c.poll {
		fx.wantFlush()
	}
}

// makeRoom reports whether size more bytes in n packets fit into the queue. If
// they don't, messages that may be dropped are, the oldest first.
func (c *core) makeRoom(fx effects, limit, size, n int) (dropped int, ok bool) {
	excess := c.weight() + size + n*packetCost - limit
	if excess > 0 && c.poll && len(c.queue()) > 0 {
		c.flush(fx)
		excess = c.weight() + size + n*packetCost - limit
	}
	if excess <= 0 || c.backlog == nil {
		return 0, excess <= 0
	}
	before := c.weight()
	defer func() { fx.countBacklog(c.weight() - before) }()
	kept := c.backlog.packets[:0]
	for rest := c.backlog.packets; len(rest) > 0; {
		group := int(rest[0].frame.Group)
		if group == 0 || group > len(rest) || excess <= 0 {
			kept, rest = append(kept, rest[0]), rest[1:]
			continue
		}
		for _, p := range rest[:group] {
			size := c.wireFormat.size(p, false)
			c.backlog.bytes -= size
			excess -= size + packetCost
			p.Release()
		}
		dropped++
		rest = rest[group:]
	}
	clear(c.backlog.packets[len(kept):])
	c.backlog.packets = kept
	return dropped, excess <= 0
}

// maxAnswer is how many bytes of packets are put into one answer, unless the
// first has more. Stock clients outside of browsers copy what they have of an
// answer for each piece of 16 or 64 KiB that comes, so the time that they take
// grows with its square, and they take nothing else meanwhile.
const maxAnswer = 1 << 20

// flush answers a parked GET with what is queued, but with no more than maxAnswer
// or maxQueued bytes: a peer shows by each GET that it is there.
func (c *core) flush(fx effects) {
	if !c.poll || len(c.queue()) == 0 {
		return
	}
	c.poll = false
	queue := c.takeQueue(fx)
	n, bytes, most := 0, 0, min(maxAnswer, fx.maxQueued())
	for n < len(queue) && (n == 0 || bytes+c.wireFormat.size(queue[n], false) <= most) {
		bytes += c.wireFormat.size(queue[n], false)
		n++
	}
	if rest := queue[n:]; len(rest) > 0 {
		for _, p := range rest {
			c.backlog.bytes += c.wireFormat.size(p, false)
		}
		c.backlog.packets = append([]*EncodedPacket(nil), rest...)
		fx.countBacklog(c.weight())
	}
	c.reads = true
	fx.answerPoll(queue[:n])
	releaseAll(queue[:n])
}

func (c *core) takeQueue(fx effects) []*EncodedPacket {
	queue, weight := c.queue(), c.weight()
	if queue != nil {
		*c.backlog = backlog{}
		fx.countBacklog(-weight)
	}
	return queue
}

// discard releases packets that are not sent.
func (c *core) discard(fx effects, queue []*EncodedPacket) {
	if len(queue) > 0 {
		fx.discarded(len(queue))
		releaseAll(queue)
	}
}

func releaseAll(queue []*EncodedPacket) {
	for _, p := range queue {
		p.Release()
	}
}

// close ends the session from this side: gracefully, after what is queued was
// delivered, or at once when discard is set.
func (c *core) close(fx effects, now time.Duration, discard bool) {
	if c.state == StateClosed || (c.state == StateClosing && !discard) {
		return
	}
	c.state = StateClosing
	switch {
	case c.webSocket, discard:
		if discard {
			c.discard(fx, c.takeQueue(fx))
		}
		c.end(fx, ForcedClose, nil)
	case c.poll && len(c.queue()) == 0:
		c.poll = false
		fx.answerPoll([]*EncodedPacket{packetClose})
		c.end(fx, ForcedClose, nil)
	default:
		c.flush(fx)
		c.timers().closeBy = now + closeTimeout
	}
}

// doom ends the session because of what the peer sent. Nothing more is received,
// but what the application has sent because of earlier packets still leaves.
func (c *core) fail(fx effects, reason Reason, err error) {
	if c.state != StateClosed && !c.ignoring {
		c.ignoring = true
		fx.endSoon(reason, err)
	}
}

// end is the one way into StateClosed. What waits for a GET leaves with the parked
// one.
func (c *core) end(fx effects, reason Reason, err error) {
	if c.state == StateClosed {
		return
	}
	c.state = StateClosed
	queue := c.takeQueue(fx)
	if c.poll {
		c.poll = false
		fx.answerPoll(append(queue, packetClose))
		releaseAll(queue)
	} else {
		c.discard(fx, queue)
	}
	c.probeFailed(fx)
	if c.webSocket {
		fx.closeWebSocket(err == ErrQueueOverflow)
	}
	c.side = nil
	fx.ended()
	if !c.overReported {
		fx.over(reason, err)
	}
}

// tick does what is due at now.
func (c *core) tick(fx effects, t timing, now time.Duration) {
	if s := c.side; s != nil {
		if due(s.upgradeBy, now) {
			if c.paused || c.upgrade == upgradeProbed && c.reads {
				// Behind the answer it upgrades. A stock client whose probe is
				// closed before does not poll again.
				s.upgradeBy = now + t.upgradeTimeout
			} else {
				c.probeFailed(fx)
			}
		}
		if due(s.noopAt, now) {
			s.noopAt = now + noopInterval
			c.flush(fx)
			if c.poll {
				c.poll = false
				fx.answerPoll([]*EncodedPacket{packetNoop})
			}
		}
		if due(s.pongAt, now) {
			c.pongUnasked(fx, t, now)
		}
		if due(s.closeBy, now) {
			c.end(fx, ForcedClose, nil)
		}
		if due(s.slowAt, now) {
			s.slowAt = 0
			c.judge(fx, now)
		}
		if *s == (sideTimers{}) {
			c.side = nil
		}
	}
	if c.state != StateOpen || !due(c.heartbeat, now) {
		return
	}
	if c.paused {
		c.beatPaused(fx, t, now)
		return
	}
	if c.pinged || c.wireFormat.v3 {
		c.end(fx, PingTimeout, nil)
		return
	}
	c.pinged, c.extended = true, false
	if now-c.heartbeat > maxLateness {
		c.heartbeat = now
	}
	c.heartbeat += t.pingTimeout
	c.put(fx, packetPing)
}

func due(at, now time.Duration) bool { return at != 0 && at <= now }

// deadline is when tick must be called next; 0 when never.
func (c *core) deadline() time.Duration {
	if c.state == StateClosed {
		return 0
	}
	var next time.Duration
	if c.state == StateOpen {
		next = c.heartbeat
	}
	if s := c.side; s != nil {
		for _, at := range [...]time.Duration{s.upgradeBy, s.noopAt, s.closeBy, s.slowAt, s.pongAt} {
			if at != 0 && (next == 0 || at < next) {
				next = at
			}
		}
	}
	return next
}

func (c *core) timers() *sideTimers {
	if c.side == nil {
		c.side = new(sideTimers)
	}
	return c.side
}
