package simulation

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// request sends an HTTP request.
func (wr *pipe) request(method, target, body string) {
	wr.busy = true
	head := method + " " + target + " HTTP/1.1\r\nHost: sim\r\n"
	if method == "POST" {
		head += fmt.Sprintf("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	wr.write([]byte(head + "\r\n" + body))
}

func (c *client) poll() {
	if c.get != nil && c.get.busy || c.paused || c.onWebSocket || !c.alive {
		return
	}
	if c.get == nil {
		if c.get = c.dial("get"); c.get == nil {
			return
		}
	}
	c.get.request("GET", c.target("polling"), "")
}

func (c *client) openWebSocket() {
	if c.ws = c.dial("ws"); c.ws == nil {
		return
	}
	c.ws.write([]byte("GET " + c.target("websocket") + " HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
}

// send queues frames for the session's transport.
func (c *client) send(all []frame) {
	if !c.alive {
		return
	}
	c.queue = append(c.queue, all...)
	c.flush()
}

func (c *client) flush() {
	switch {
	case !c.alive || !c.open || len(c.queue) == 0 || c.paused:
	case c.onWebSocket:
		all := c.queue
		c.queue = nil
		for _, f := range all {
			if c.ws.over {
				return
			}
			c.ws.sendFrame(f)
		}
	case c.post == nil || !c.post.busy:
		if c.post == nil {
			if c.post = c.dial("post"); c.post == nil {
				return
			}
		}
		all := c.queue
		c.queue = nil
		c.post.request("POST", c.target("polling"), payload(c.version, all))
	}
}

// sendFrame sends a message, at times in fragments.
func (wr *pipe) sendFrame(f frame) {
	c, first, body := wr.c, byte(1), f.data
	if f.binary {
		first = 2
		if c.version == 3 {
			body = "\x04" + body
		}
	}
	var b []byte
	if len(body) > 1 && c.random.IntN(8) == 0 {
		k := 1 + c.random.IntN(len(body)-1)
		b = webSocketFrame(first, c.random.Uint32(), body[:k])
		first, body = 0, body[k:]
	}
	wr.write(append(b, webSocketFrame(0x80|first, c.random.Uint32(), body)...))
}

// read takes what has arrived on the wire.
func (wr *pipe) read() {
	wr.listed = false
	c := wr.c
	if wr.over || c.stall {
		return
	}
	limit := 1 << 20
	if c.random.IntN(4) == 0 {
		limit = 1 + c.random.IntN(300)
	}
	b, more := wr.peer.Read(limit)
	wr.in = append(wr.in, b...)
	for !wr.over && len(wr.in) > 0 && wr.parse() {
	}
	switch {
	case wr.over:
	case wr.peer.Arrived() > 0:
		wr.notify()
	case !more:
		wr.over = true
		wr.peer.Close()
		c.lost(wr, "the server has closed its "+wr.kind)
	}
}

// parse handles the first response or frame. It is false when it is not whole.
func (wr *pipe) parse() bool {
	c := wr.c
	if wr.upward {
		opcode, body, n, err := parseFrame(wr.in)
		if err != nil {
			c.w.failf("client %d: %v", c.id, err)
		}
		if n == 0 {
			return false
		}
		wr.in = wr.in[n:]
		switch opcode {
		case 1:
			f := frame{false, body}
			if coded, ok := strings.CutPrefix(body, "b4"); ok && c.version == 3 {
				b, err := base64.StdEncoding.DecodeString(coded)
				if err != nil {
					c.w.failf("client %d: %v", c.id, err)
				}
				f = frame{true, string(b)}
			}
			wr.receive(f)
		case 2:
			if c.version == 3 {
				if body == "" || body[0] != 4 {
					c.w.failf("client %d: a binary message begins with %.10q", c.id, body)
					return true
				}
				body = body[1:]
			}
			wr.receive(frame{true, body})
		case 8:
			wr.over = true
			wr.peer.Close()
			c.lost(wr, "close frame")
		default:
			c.w.failf("client %d: opcode %d", c.id, opcode)
		}
		return true
	}
	status, body, n, err := parseResponse(wr.in)
	if err != nil {
		c.w.failf("client %d: %v", c.id, err)
		wr.over = true
		return false
	}
	if n == 0 {
		return false
	}
	wr.in = wr.in[n:]
	wr.busy = false
	switch {
	case wr.kind == "ws" && status == 101:
		wr.upward = true
		if !c.onWebSocket {
			wr.sendFrame(frame{false, "2probe"})
		}
	case status != 200:
		c.logf("gets status %d on its %s: %s", status, wr.kind, body)
		wr.over = true
		wr.peer.Close()
		c.refused(wr, status)
	case wr.kind == "post":
		c.flush()
		c.finishUpgrade()
	default:
		all, err := frames(c.version, body)
		if err != nil {
			c.w.failf("client %d: %v", c.id, err)
		}
		for _, f := range all {
			c.receive(f)
		}
		c.finishUpgrade()
		c.poll()
	}
	return true
}

// refused is a request with another answer than success.
func (c *client) refused(wr *pipe, status int) {
	if wr == c.ws && !c.onWebSocket {
		c.lost(wr, "refused")
		return
	}
	c.lose(fmt.Sprintf("status %d", status))
}

// receive takes a frame from a WebSocket.
func (wr *pipe) receive(f frame) {
	c := wr.c
	if wr == c.ws && c.onWebSocket {
		c.receive(f)
		return
	}
	if f.data != "3probe" || f.binary {
		c.w.failf("client %d: its probe is answered with %.40q", c.id, f.data)
		return
	}
	c.probed, c.paused = true, true
	c.finishUpgrade()
}

// finishUpgrade changes the transport once no request is under way.
func (c *client) finishUpgrade() {
	if !c.probed || !c.paused || !c.alive || c.get != nil && c.get.busy || c.post != nil && c.post.busy {
		return
	}
	if !c.waits {
		c.waits = true
		serial := c.serial
		c.w.after(time.Duration(c.random.IntN(400))*time.Millisecond, func() {
			if c.serial == serial {
				c.due = true
				c.finishUpgrade() // what is sent meanwhile waits for the WebSocket
			}
		})
		return
	}
	if !c.due {
		return
	}
	c.logf("upgrades")
	c.paused, c.onWebSocket = false, true
	c.ws.sendFrame(frame{false, "5"})
	for _, wr := range []*pipe{c.get, c.post} {
		if wr != nil && !wr.over && c.alive {
			wr.over = true
			wr.peer.Close()
		}
	}
	c.flush()
}
