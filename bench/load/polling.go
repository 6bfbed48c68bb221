//go:build linux

package load

import (
	"bytes"
	"fmt"
)

// separator stands between the packets of a polling payload (Engine.IO 4).
const separator = 0x1e

// polled handles the answer to a GET.
func (c *Client) polled(conn *conn, r response) {
	for body := r.body; len(body) > 0 && !c.closed; {
		var p []byte
		p, body, _ = bytes.Cut(body, []byte{separator})
		if err := c.packet(conn, p); err != nil {
			c.fail(err)
			return
		}
	}
	if c.closed {
		return
	}
	if r.last {
		conn.close()
	}
	if c.probed {
		c.finishUpgrade()
		return
	}
	c.poll()
}

// poll sends the next GET.
func (c *Client) poll() {
	request := fmt.Appendf(c.g.scratch[:0], "GET %s?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %s\r\n\r\n", c.target.path, c.sid, c.target.host)
	c.g.scratch = request
	c.main = c.request(c.main, rolePoll, request)
}

// posted handles the answer to a POST.
func (c *Client) posted(conn *conn, r response) {
	if r.last {
		conn.close()
		c.post = nil
	}
	if c.probed {
		c.finishUpgrade()
		return
	}
	c.flushPolling()
}

// flushPolling sends everything that waits in one POST, unless one is in flight
// or an upgrade is about to end.
func (c *Client) flushPolling() {
	if len(c.pending) == 0 || c.probed || (c.post != nil && c.post.busy) {
		return
	}
	request := fmt.Appendf(c.g.scratch[:0], "POST %s?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %s\r\n"+
		"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n", c.target.path, c.sid, c.target.host, len(c.pending))
	request = append(request, c.pending...)
	c.g.scratch = request
	c.g.recycle(c.pending)
	c.pending = nil
	c.post = c.request(c.post, rolePost, request)
}

// request sends an HTTP request over conn, or over a new connection when conn
// is gone.
func (c *Client) request(conn *conn, r role, request []byte) *conn {
	if conn != nil && conn.fd >= 0 {
		conn.out = append(conn.queue(), request...)
		conn.busy = true
		return conn
	}
	opened, err := c.g.open(c, r, request)
	if err != nil {
		c.fail(err)
		return conn
	}
	opened.busy = true
	return opened
}
