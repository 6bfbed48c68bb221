package eio

import (
	"time"

	"github.com/sioserver/sioserver/codec/engineio"
)

// pollArrived parks a GET, or answers it at once when something waits. If a GET
// is parked already, it ends the session and reports false: the caller refuses
// the new GET.
func (c *core) pollArrived(fx effects) bool {
	if c.poll {
		c.end(fx, TransportError, ErrPollOverlap)
		return false
	}
	c.poll, c.reads = true, false
	switch {
	case len(c.queue()) > 0:
		c.flush(fx)
	case c.state == StateClosing:
		c.poll = false
		fx.answerPoll([]*EncodedPacket{packetNoop, packetClose})
		c.end(fx, ForcedClose, nil)
	}
	return true
}

// pollAborted is called when the parked GET's connection is gone.
func (c *core) pollAborted(fx effects) {
	c.poll = false
	c.end(fx, TransportError, ErrPollAborted)
}

// postBegan is called when a POST's body begins to arrive. If one is being
// received already, it ends the session and reports false: the caller refuses
// the new POST.
func (c *core) postBegan(fx effects) bool {
	if c.post {
		fx.dropPost()
		c.post = false
		c.end(fx, TransportError, ErrPostOverlap)
		return false
	}
	c.post = true
	return true
}

// postAborted is called when the POST's connection is gone before the body's
// end.
func (c *core) postAborted(fx effects) {
	c.post = false
	c.end(fx, TransportError, ErrPostAborted)
}

// postRefused is called when the POST was refused for its size or framing. The
// session stays open.
func (c *core) postRefused() { c.post = false }

// postBurst is how many packets of one POST are handled without a break.
const postBurst = 1024

// posted handles the complete body of a POST. octets selects the binary payload
// of protocol 3. It stops when the session is paused, and after postBurst
// packets so that other connections of the loop are served. Then it reports
// false, and the caller calls it again with what is left. The POST is in
// progress until it reports true.
func (c *core) posted(fx effects, t timing, now time.Duration, body []byte, octets bool) (left []byte, done bool) {
	for n, more := 0, true; more && c.state == StateOpen && !c.ignoring; n++ {
		if c.paused || n == postBurst {
			return body, false
		}
		var p engineio.Packet
		var err error
		if p, body, more, err = c.wireFormat.next(body, octets); err != nil {
			c.fail(fx, ParseError, err)
			break
		}
		c.receive(fx, t, now, p)
	}
	c.post = false
	return nil, true
}

// receive handles one packet of the current transport.
func (c *core) receive(fx effects, t timing, now time.Duration, p engineio.Packet) {
	if c.state != StateOpen || c.ignoring {
		return
	}
	if c.watched {
		if fx.received(p); c.state != StateOpen || c.ignoring {
			return
		}
	}
	switch p.Type {
	case engineio.Ping, engineio.Pong:
		c.beat(fx, t, now, p.Type)
		return
	}
	if c.pinged && !c.extended {
		c.extended = true
		c.heartbeat = now + t.pingTimeout
	}
	switch p.Type {
	case engineio.Message:
		fx.deliver(p.Data, p.Binary)
	case engineio.Close:
		if c.poll {
			c.poll = false
			fx.answerPoll([]*EncodedPacket{packetNoop})
		}
		c.end(fx, TransportClose, nil)
	}
}

// beat handles a heartbeat: with protocol 4 the peer's answer to a ping, with
// protocol 3 the peer's ping, which is answered. The other direction is an
// error.
func (c *core) beat(fx effects, t timing, now time.Duration, kind engineio.PacketType) {
	switch {
	case !c.wireFormat.v3 && kind == engineio.Pong:
		if c.pinged || !c.excused {
			c.heartbeat = now + t.pingInterval
		}
		c.pinged = false
		c.reportBeat(fx)
	case c.wireFormat.v3 && kind == engineio.Ping:
		c.heartbeat = now + t.pingInterval + t.pingTimeout
		c.put(fx, packetPong)
		c.reportBeat(fx)
	default:
		c.fail(fx, TransportError, ErrHeartbeatDirection)
	}
}

// reportBeat reports a heartbeat, if that is watched.
func (c *core) reportBeat(fx effects) {
	if c.watched {
		fx.heartbeat()
	}
}
