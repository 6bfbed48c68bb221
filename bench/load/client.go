//go:build linux

package load

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// Transport is the way that a client speaks to the server.
type Transport uint8

const (
	WebSocket Transport = iota // WebSocket from the start
	Polling                    // HTTP long-polling for good
	Upgrade                    // polling first, then WebSocket: what a stock client does
)

// Client is one Socket.IO client of the main namespace. It is owned by its
// generator's goroutine.
type Client struct {
	// Index is the caller's, to find its own record of the client.
	Index int
	// Answer is what the server has answered to the CONNECT packet, of clients
	// that were dialled with DialWith.
	Answer []byte

	g         *Generator
	main      *conn  // the WebSocket, or the connection of the GETs
	post      *conn  // the connection of the POSTs, when one is open
	ws        *conn  // the WebSocket of an upgrade in progress
	sid       string // polling only
	pending   []byte // packets that wait for the POST in flight or for the upgrade, separated as a payload
	target    *target
	auth      []byte // of the CONNECT packet
	transport Transport
	paused    bool
	opened    bool // Events.Opened was called
	joined    bool // the server connected the main namespace
	probed    bool // the server answered the probe: no further GET or POST
	closed    bool
}

// Send queues one Socket.IO packet (without the Engine.IO type); packet is
// borrowed until return. All that a callback queues for one client leaves in
// one system call.
func (c *Client) Send(packet []byte) { c.sendEngine("4", packet) }

// SendBinary queues one Socket.IO packet and its one attachment, both of which
// are borrowed until return.
func (c *Client) SendBinary(packet, attachment []byte) {
	c.sendEngine("4", packet)
	switch {
	case c.closed:
	case c.main.phase == phaseFrames:
		c.main.out = appendFrame(c.main.queue(), opBinary, c.g.nextMask(), "", attachment)
	default:
		c.sendEngine("b", base64.StdEncoding.AppendEncode(nil, attachment))
	}
}

// Pause stops reading from the client's connections, and answering heartbeats,
// until Resume.
func (c *Client) Pause() { c.paused = true }

// Resume reads again. It may call Events.
func (c *Client) Resume() {
	c.paused = false
	for _, conn := range []*conn{c.main, c.post, c.ws} {
		if conn != nil && conn.fd >= 0 {
			conn.readable(false)
		}
	}
}

// Transport is what the client was dialled with.
func (c *Client) Transport() Transport { return c.transport }

// Close closes the client's connections without a close packet, as a process
// that ends does. Events.Closed is not called.
func (c *Client) Close() {
	if c.closed {
		return
	}
	c.closed = true
	delete(c.g.clients, c)
	for _, conn := range []*conn{c.main, c.post, c.ws} {
		if conn != nil {
			conn.close()
		}
	}
}

func (c *Client) fail(err error) {
	if c.closed {
		return
	}
	c.Close()
	c.g.events.Closed(c, err)
}

func (c *Client) sendEngine(head string, packet []byte) {
	if c.closed {
		return
	}
	if c.main.phase == phaseFrames {
		c.main.out = appendFrame(c.main.queue(), opText, c.g.nextMask(), head, packet)
		return
	}
	if len(c.pending) > 0 {
		c.pending = append(c.pending, separator)
	} else if c.pending == nil {
		c.pending = c.g.buffer()
	}
	c.pending = append(append(c.pending, head...), packet...)
	c.flushPolling()
}

// packet handles one Engine.IO packet that came over conn.
func (c *Client) packet(conn *conn, p []byte) error {
	if len(p) == 0 {
		return fmt.Errorf("an empty Engine.IO packet")
	}
	switch p[0] {
	case '0':
		return c.handshake(p[1:])
	case '1':
		return errServerClosed
	case '2':
		c.g.Pings++
		c.sendEngine("3", nil)
	case '3':
		if conn.role != roleProbe || string(p) != "3probe" {
			return fmt.Errorf("an unexpected pong %.50q", p)
		}
		c.probed = true
		c.finishUpgrade()
	case '4':
		return c.message(p[1:])
	case 'b':
		data, err := base64.StdEncoding.AppendDecode(nil, p[1:])
		if err != nil {
			return fmt.Errorf("a binary packet %.50q: %w", p, err)
		}
		return c.attachment(data)
	case '6':
	default:
		return fmt.Errorf("an unexpected Engine.IO packet %.50q", p)
	}
	return nil
}

func (c *Client) message(p []byte) error {
	if c.joined {
		c.g.events.Packet(c, p)
		return nil
	}
	if len(p) > 0 && p[0] == '2' && c.auth != nil { // it comes back, and has missed it
		c.g.events.Packet(c, p)
		return nil
	}
	if len(p) == 0 || p[0] != '0' {
		return fmt.Errorf("the server did not connect the namespace: %.100q", p)
	}
	c.joined = true
	if c.auth != nil {
		c.Answer = append(c.Answer, p[1:]...)
	}
	c.ready()
	return nil
}

func (c *Client) attachment(data []byte) error {
	if !c.joined {
		return fmt.Errorf("a binary message of %d bytes before the namespace is connected", len(data))
	}
	c.g.events.Attachment(c, data)
	return nil
}

// handshake reads the server's open packet and asks for the main namespace.
func (c *Client) handshake(data []byte) error {
	if c.main.role == rolePoll {
		_, rest, found := bytes.Cut(data, []byte(`"sid":"`))
		sid, _, closed := bytes.Cut(rest, []byte{'"'})
		if !found || !closed {
			return fmt.Errorf("a handshake without a session id: %.100q", data)
		}
		c.sid = string(sid)
	}
	c.sendEngine("40", c.auth)
	if c.transport == Upgrade {
		return c.startUpgrade()
	}
	return nil
}

// ready reports once, to the Events, that the client can be used.
func (c *Client) ready() {
	if c.opened || c.closed || !c.joined || (c.transport == Upgrade && c.main.phase != phaseFrames) {
		return
	}
	c.opened = true
	c.g.events.Opened(c)
}
