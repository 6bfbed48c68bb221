package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// transport is how a client connects.
type transport int

const (
	webSocket transport = iota
	polling
	upgrading // polling first
)

// client is a model of a client: an Engine.IO session and its sockets. It
// belongs to the world's goroutine.
type client struct {
	w      *World
	id     int
	random *rand.Rand

	version   int // of Engine.IO: 4 or 3
	transport transport
	node      *node

	lives  int    // sessions so far
	serial string // of the present one, which the server sees
	open   bool   // the handshake is done
	alive  bool   // the session has not ended
	sid    string
	since  time.Time
	every  time.Duration // between two heartbeats of a client of version 3

	get, post, ws *pipe
	onWebSocket   bool
	paused        bool // upgrading: no more polls
	waits, due    bool // before its last packet
	probed        bool
	queue         []frame // for the next POST

	sockets map[string]*socket // by namespace
	pending *packet            // waits for attachments
	nsps    []string           // to join
	resume  map[string]session // what is recovered
	deny    bool

	cut    cut
	silent bool
	stall  bool

	troubled time.Time // until when it is silent or stalls
}

// session is what a client needs to come back.
type session struct{ pid, offset string }

// cut says how a connection ends within what it writes next.
type cut int

const (
	cutNot cut = iota
	cutEnd
	cutReset
	cutVanish
)

// pipe is one connection of a client.
type pipe struct {
	c      *client
	peer   peer
	kind   string // "get", "post" or "ws"
	in     []byte
	upward bool // a WebSocket after its handshake
	busy   bool // a response is awaited
	over   bool
	listed bool
}

// peer is what a pipe needs of a looptest.Peer.
type peer interface {
	Write(b []byte)
	Close()
	Reset()
	Vanish()
	Narrow(bytes int)
	Read(limit int) (b []byte, more bool)
	Arrived() int
	Over() bool
	Notify(f func())
}

func (c *client) logf(format string, args ...any) {
	c.w.record(fmt.Sprintf("client %d: ", c.id) + fmt.Sprintf(format, args...))
}

// connect begins a session.
func (c *client) connect(n *node, version int, t transport, nsps []string, deny bool) {
	c.lives++
	c.serial = fmt.Sprintf("c%d.%d", c.id, c.lives)
	c.node, c.version, c.transport, c.nsps, c.deny = n, version, t, nsps, deny
	c.open, c.alive, c.sid, c.onWebSocket, c.paused, c.probed = false, true, "", false, false, false
	c.waits, c.due = false, false
	c.queue, c.pending, c.sockets = nil, nil, make(map[string]*socket)
	c.get, c.post, c.ws = nil, nil, nil
	c.cut, c.silent, c.stall = cutNot, false, false
	c.since = time.Now()
	c.logf("connects as %s to node %d, version %d, transport %d", c.serial, n.index, version, t)
	if t == webSocket {
		c.onWebSocket = true
		c.openWebSocket()
		return
	}
	c.poll()
}

func (c *client) target(name string) string {
	t := fmt.Sprintf("/socket.io/?EIO=%d&transport=%s&from=%s", c.version, name, c.serial)
	if c.version == 3 && c.transport != webSocket {
		t += "&b64=1" // also for the WebSocket of an upgrade
	}
	if c.sid != "" {
		t += "&sid=" + c.sid
	}
	return t
}

// dial returns a new connection; nil when it is refused.
func (c *client) dial(kind string) *pipe {
	p, err := c.w.net.Dial(c.node.addr, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(c.id >> 8), byte(c.id)}), uint16(1024+c.lives)))
	if err != nil {
		c.lose("refused")
		return nil
	}
	w := &pipe{c: c, peer: p, kind: kind}
	p.Notify(w.notify)
	if c.stall {
		p.Narrow(c.random.IntN(2000))
	}
	return w
}

// notify puts the wire on the list of those that have something to read.
func (wr *pipe) notify() {
	if !wr.listed && !wr.over {
		wr.listed = true
		wr.c.w.readable = append(wr.c.w.readable, wr)
	}
}

// write sends b, or a part of it if the connection is to be cut.
func (wr *pipe) write(b []byte) {
	if wr.over {
		return
	}
	how := wr.c.cut
	if how == cutNot {
		wr.peer.Write(b)
		return
	}
	wr.c.cut = cutNot
	k := wr.c.random.IntN(len(b) + 1)
	wr.c.logf("is cut after %d of %d bytes of its %s", k, len(b), wr.kind)
	wr.peer.Write(b[:k])
	wr.end(how)
}

// end ends the connection, and with it the session.
func (wr *pipe) end(how cut) {
	if wr.over {
		return
	}
	switch how {
	case cutReset:
		wr.peer.Reset()
	case cutVanish:
		wr.peer.Vanish()
	default:
		wr.peer.Close()
	}
	wr.over = true
	wr.c.lost(wr, "cut")
}

// lost is the end of a connection.
func (c *client) lost(wr *pipe, why string) {
	switch {
	case !c.alive:
	case wr == c.ws && !c.onWebSocket: // the upgrade fails
		c.logf("keeps polling")
		c.ws = nil
		if c.paused {
			c.paused, c.probed, c.waits, c.due = false, false, false, false
			c.poll()
			c.flush()
		}
	case wr.kind == "ws" || wr.busy:
		c.lose(why)
	case wr == c.get:
		c.get = nil
	case wr == c.post:
		c.post = nil
	}
}

// lose ends the session on the client's side.
func (c *client) lose(why string) {
	if !c.alive {
		return
	}
	c.alive, c.open = false, false
	c.logf("loses its session: %s", why)
	c.resume = make(map[string]session)
	for _, nsp := range namespaces {
		if s := c.sockets[nsp]; s != nil {
			switch {
			case s.pid != "" && s.offset != "":
				c.resume[nsp] = session{s.pid, s.offset}
			case s.pid == "" && s.asks.pid != "" && s.state == joining:
				c.resume[nsp] = s.asks // the answer is lost
			}
			s.lost()
		}
	}
	for _, wr := range []*pipe{c.get, c.post, c.ws} {
		if wr != nil && !wr.over {
			wr.over = true
			wr.peer.Close()
		}
	}
}

// receive takes an Engine.IO packet.
func (c *client) receive(f frame) {
	if !c.alive {
		return
	}
	if f.binary {
		c.attachment(f.data)
		return
	}
	if f.data == "" {
		c.w.failf("client %d: empty packet", c.id)
		return
	}
	switch body := f.data[1:]; f.data[0] {
	case '0':
		c.opened(body)
	case '1':
		c.lose("closed by the server")
	case '2':
		if c.version == 3 {
			c.w.failf("client %d: a ping of the server in version 3", c.id)
		}
		if !c.silent {
			c.send([]frame{{false, "3"}})
		}
	case '3', '6':
	case '4':
		p, err := parsePacket(body)
		if err != nil {
			c.w.failf("client %d: %v", c.id, err)
			return
		}
		if c.pending != nil {
			c.w.failf("client %d: a packet comes before the attachments of another one", c.id)
		}
		if p.attachments > 0 {
			c.pending = &p
			return
		}
		c.packet(p)
	default:
		c.w.failf("client %d: packet %.40q", c.id, f.data)
	}
}

func (c *client) attachment(b string) {
	p := c.pending
	if p == nil {
		c.w.failf("client %d: an attachment without a packet", c.id)
		return
	}
	if p.binary = append(p.binary, b); len(p.binary) == p.attachments {
		c.pending = nil
		c.packet(*p)
	}
}

// opened takes the handshake.
func (c *client) opened(body string) {
	var h struct {
		SID          string
		PingInterval int
		Upgrades     []string
	}
	if err := json.Unmarshal([]byte(body), &h); err != nil || h.SID == "" || c.open {
		c.w.failf("client %d: handshake %q: %v", c.id, body, err)
		return
	}
	if other := c.w.sids[h.SID]; other != nil {
		c.w.failf("client %d: its session id %s is that of client %d", c.id, h.SID, other.id)
	}
	c.w.sids[h.SID] = c
	c.sid, c.open, c.every = h.SID, true, time.Duration(h.PingInterval)*time.Millisecond
	if c.version == 3 {
		c.beat(c.serial)
	}
	for _, nsp := range c.nsps {
		c.join(nsp)
	}
	c.flush()
	if c.transport == upgrading {
		c.w.after(time.Duration(c.random.IntN(200))*time.Millisecond, func() {
			if c.alive && c.ws == nil && !c.onWebSocket && c.sid == h.SID {
				c.openWebSocket()
			}
		})
	}
}

// beat sends the heartbeats of version 3.
func (c *client) beat(serial string) {
	c.w.after(c.every, func() {
		if !c.alive || c.serial != serial {
			return
		}
		if !c.silent {
			c.send([]frame{{false, "2"}})
		}
		c.beat(serial)
	})
}

// wires are the connections that the client has.
func (c *client) wires() (all []*pipe) {
	for _, wr := range []*pipe{c.get, c.post, c.ws} {
		if wr != nil && !wr.over {
			all = append(all, wr)
		}
	}
	return all
}

// setStall makes the client stop reading, or read again.
func (c *client) setStall(on bool) {
	c.stall = on
	for _, wr := range c.wires() {
		if on {
			wr.peer.Narrow(c.random.IntN(2000))
		} else {
			wr.peer.Narrow(64 << 10)
			wr.notify()
		}
	}
}

// leave ends the session in one of several ways.
func (c *client) leave(how cut, polite bool) {
	if !c.alive {
		return
	}
	c.logf("leaves, %d %v", how, polite)
	if polite && c.open {
		c.send([]frame{{false, "1"}})
	}
	for _, wr := range c.wires() {
		switch {
		case how == cutReset:
			wr.peer.Reset()
		case how == cutVanish:
			wr.peer.Vanish()
		default:
			wr.peer.Close()
		}
		wr.over = true
	}
	c.lose("leaves")
}
