//go:build linux

package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// conn is one TCP connection of a client.
type conn struct {
	g      *Generator
	client *Client
	in     []byte // the start of a response or frame whose rest has not come; nil otherwise
	out    []byte // what the kernel has not taken; nil when it has everything
	fd     int32  // -1 once closed
	seq    uint32 // distinguishes connections that had the same descriptor
	role   role
	phase  phase
	dirty  bool
	busy   bool // an HTTP request is unanswered
}

type role uint8

const (
	roleWebSocket role = iota // the only connection of a WebSocket client
	roleProbe                 // the WebSocket of an upgrade in progress
	rolePoll                  // GET requests
	rolePost                  // POST requests
)

type phase uint8

const (
	phaseConnecting phase = iota
	phaseHTTP             // speaks HTTP: a polling connection, or a WebSocket before its 101
	phaseFrames           // speaks WebSocket frames
)

// readable reads until the kernel has no more; ended reports that the peer has
// closed, so that the end must be read too.
func (c *conn) readable(ended bool) {
	g := c.g
	for c.fd >= 0 && !c.client.paused {
		held := len(c.in)
		if held+readSize/4 > len(g.buf) {
			if held > maxHeld {
				c.fail(fmt.Errorf("a message of more than %d bytes", maxHeld))
				return
			}
			g.buf = make([]byte, 2*len(g.buf))
		}
		copy(g.buf, c.in)
		n, errno := read(c.fd, g.buf[held:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			c.fail(fmt.Errorf("read: %w", errno))
			return
		case n == 0:
			c.ended()
			return
		}
		full := held+n == len(g.buf)
		g.recycle(c.in)
		c.in = nil
		rest, err := c.consume(g.buf[:held+n])
		if c.fd < 0 {
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		if len(rest) > 0 {
			c.in = append(g.buffer(), rest...)
		}
		if !full && !ended {
			return
		}
	}
}

// consume handles what is whole in data and returns the rest.
func (c *conn) consume(data []byte) (rest []byte, err error) {
	for c.fd >= 0 && len(data) > 0 {
		var n int
		if c.phase == phaseFrames {
			n, err = c.frame(data)
		} else {
			n, err = c.response(data)
		}
		if n == 0 || err != nil {
			return data, err
		}
		data = data[n:]
	}
	return nil, nil
}

// ended handles the server's orderly close.
func (c *conn) ended() {
	if c.role == rolePost && !c.busy {
		c.client.post = nil // the server closed an idle connection; the next POST opens another
		c.close()
		return
	}
	c.fail(errServerClosed)
}

// fail ends the client.
func (c *conn) fail(err error) { c.client.fail(err) }

// queue returns the outbox to append to; the bytes leave when the current event
// is done.
func (c *conn) queue() []byte {
	c.g.markDirty(c)
	if c.out == nil {
		return c.g.buffer()
	}
	return c.out
}

func (c *conn) write() {
	if len(c.out) == 0 {
		return
	}
	n, errno := send(c.fd, c.out)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		// The read side has the reason: what the server sent before it closed.
		if errno != unix.EPIPE && errno != unix.ECONNRESET {
			c.fail(fmt.Errorf("write: %w", errno))
		}
		return
	}
	if n < len(c.out) {
		c.out = append(c.out[:0], c.out[n:]...)
		return
	}
	c.g.recycle(c.out)
	c.out = nil
}

func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.g.conns[c.fd] = nil
	unix.Close(int(c.fd))
	c.fd = -1
	c.g.recycle(c.in)
	c.g.recycle(c.out)
	c.in, c.out = nil, nil
}
