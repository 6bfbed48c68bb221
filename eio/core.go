package eio

import (
	"time"

	"github.com/sioserver/sioserver/codec/engineio"
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

// packetCost is how many bytes a queued packet counts in addition to its own.
const packetCost = 256

// core is the state of one session: what the protocol remembers between two
// packets. It has no socket and no clock. Requests, packets and ticks are
// method calls with the current time; what is to be done are calls of
// [effects], in order and on the same stack. Session implements effects for a
// real server; the tests record the calls.
//
// The life of a session that upgrades:
//
//	           pollArrived/post      2probe                5
//	opened ─► polling ─► probing(open) ─► probing(probed) ─► websocket ─► closed
//	                ▲         │                 │
//	                └─────────┴─────────────────┘ probeLost, timeout, bad packet
//
// Invariants:
//   - the queue is empty over WebSocket: packets go to the connection's outbox;
//   - a GET is parked only while the queue is empty or a flush is requested;
//   - after ended and over were called, no effect is called, whatever comes in.
//
// effects may call back into the core (a handler that sends or closes from
// deliver), so each method reads the state again after a call.
//
// The alternative, to return a list of actions, was rejected: it allocates or
// copies for every packet, and delays replies that a test or a handler expects
// in order.
type core struct {
	state        State
	wireFormat   wireFormat
	webSocket    bool // the current transport; false is polling
	poll         bool // a GET is parked and unanswered
	reads        bool // the last GET was answered with packets, and no other has come
	post         bool // a POST body is being received
	overReported bool // over was called while the queue may still be fetched
	pinged       bool // a ping is unanswered
	extended     bool // the ping's timeout was restarted once by another packet
	upgrade      upgradePhase
	paused       bool // nothing is received: see pause
	lost         bool // the peer of a paused session was found gone at the last heartbeat
	excused      bool // a pause waived a pong, so a pong without a ping does not move the heartbeat
	ignoring     bool // the session is about to end: nothing more is received
	watched      bool // packets are reported to received, created and heartbeat

	heartbeat time.Duration // when to send a ping, or when the peer is late
	backlog   *backlog      // packets that wait for a GET; nil before the first, and over WebSocket
	side      *sideTimers   // nil unless an upgrade or a graceful close is under way
}

// backlog holds the packets that wait for a GET.
type backlog struct {
	packets []*EncodedPacket // each with a reference
	bytes   int              // of the packets in the form in which they are sent
}

// queue returns the packets that wait for a GET.
func (c *core) queue() []*EncodedPacket {
	if c.backlog == nil {
		return nil
	}
	return c.backlog.packets
}

// queued returns the size of those packets in bytes.
func (c *core) queued() int {
	if c.backlog == nil {
		return 0
	}
	return c.backlog.bytes
}

type upgradePhase uint8

const (
	upgradeNone   upgradePhase = iota
	upgradeOpen                // a WebSocket with the session's sid is open
	upgradeProbed              // its probe was answered
)

// sideTimers are deadlines that few sessions have at a time; 0 is unset.
type sideTimers struct {
	upgradeBy time.Duration // the upgrade must be complete
	noopAt    time.Duration // next check for a parked GET that delays the upgrade
	closeBy   time.Duration // a graceful close is given up
	slowAt    time.Duration // a watched peer must have taken something
	pongAt    time.Duration // next pong to a paused peer of protocol 3
}

// timing holds the durations that a core works with.
type timing struct {
	pingInterval, pingTimeout, upgradeTimeout time.Duration
}

const (
	// noopInterval is how often a parked GET is released while a probe waits.
	noopInterval = 100 * time.Millisecond
	// maxLateness is how late a ping may be sent without moving the pong's
	// deadline: the timer's imprecision must not add up. A longer delay is the
	// loop's, and the peer gets the time back.
	maxLateness = 20 * time.Millisecond
	// closeTimeout bounds a graceful close without a GET.
	closeTimeout = 30 * time.Second
)

// effects is what a core makes happen.
type effects interface {
	maxQueued() int                          // bytes that may wait before the peer is watched
	crowded() bool                           // reports whether more than that waits on the current WebSocket
	slowTimeout() time.Duration              // how long a watched peer may take nothing
	idle() time.Duration                     // how long it has taken nothing; a long time when that is not known
	clock() time.Duration                    // the current time, where no tick has brought it
	rearm()                                  // a deadline has come nearer without a tick
	countBacklog(weight int)                 // weight more bytes wait for a GET, or -weight fewer
	discarded(packets int)                   // this many packets are never sent
	deliver(data []byte, binary bool)        // hands a message to the application; data is borrowed
	wantFlush()                              // asks for a call of flush soon: a GET is parked and the queue is not empty
	answerPoll(packets []*EncodedPacket)     // answers the parked GET; packets are borrowed
	dropPost()                               // destroys the connection of the POST in progress
	sendWebSocket(p *EncodedPacket) bool     // on the current WebSocket; p is borrowed; reports crowded
	closeWebSocket(slow bool)                // closes the current WebSocket after what was sent
	replyProbe(data []byte)                  // sends a pong with data on the probing WebSocket
	closeProbe()                             // closes the probing WebSocket
	promoteProbe()                           // the probing WebSocket becomes the current one
	unreachable(patience time.Duration) bool // reports whether the peer of a paused session is gone
	endSoon(reason Reason, err error)        // calls end behind what was posted to the loop before
	ended()                                  // the session is over for the server; called once
	over(reason Reason, err error)           // the session is over for the application; called once
	received(p engineio.Packet)              // a packet came, if they are watched; p is borrowed, and the session may end
	created(p *EncodedPacket)                // a packet is about to be sent, if they are watched; the session may end
	heartbeat()                              // a heartbeat came, if packets are watched; the session may end
	drained()                                // no packet waits for a GET, if packets are watched; the session may end
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

// put queues or writes p.
func (c *core) put(fx effects, p *EncodedPacket) {
	if c.watched {
		if fx.created(p); c.state == StateClosed {
			fx.discarded(1)
			return
		}
	}
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
// they don't, it drops messages that may be dropped, the oldest first.
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

// maxAnswer is how many bytes of packets one answer has, unless its first
// packet is larger. Stock clients outside of browsers copy what they have of an
// answer for each piece of 16 or 64 KiB that arrives. Their time grows with the
// square of the answer's size, and they read nothing else meanwhile.
const maxAnswer = 1 << 20

// flush answers a parked GET with packets of the queue, at most maxAnswer and
// maxQueued bytes of them: with each GET the peer shows that it is there.
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
	if c.watched && len(c.queue()) == 0 {
		fx.drained()
	}
}

// takeQueue empties the queue and returns it with its references.
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

// close ends the session from this side: gracefully, once the queue is
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

// fail ends the session because of what the peer sent. Nothing more is
// received, but what the application sent because of earlier packets still
// leaves.
func (c *core) fail(fx effects, reason Reason, err error) {
	if c.state != StateClosed && !c.ignoring {
		c.ignoring = true
		fx.endSoon(reason, err)
	}
}

// end is the only way into StateClosed. A parked GET takes the queue with it.
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
				// The peer upgrades when it has read the answer. A stock client
				// whose probe is closed before that does not poll again.
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

// deadline returns when tick must be called next; 0 for never.
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
