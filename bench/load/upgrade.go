//go:build linux

package load

import (
	"bytes"
	"fmt"
)

// startUpgrade dials the WebSocket while polling goes on.
func (c *Client) startUpgrade() (err error) {
	request := bytes.Replace(c.target.webSocket, []byte("transport=websocket"), fmt.Appendf(nil, "transport=websocket&sid=%s", c.sid), 1)
	c.ws, err = c.g.open(c, roleProbe, request)
	return err
}

// probe asks over the new WebSocket whether it works.
func (c *Client) probe(conn *conn) {
	conn.out = appendFrame(conn.queue(), opText, c.g.nextMask(), "2probe", nil)
}

// finishUpgrade switches to the WebSocket once the probe is answered and no
// request is in flight; the server ends the waiting GET with a noop.
func (c *Client) finishUpgrade() {
	if c.closed || c.main.busy || (c.post != nil && c.post.busy) {
		return
	}
	c.main.close()
	if c.post != nil {
		c.post.close()
		c.post = nil
	}
	c.main, c.ws = c.ws, nil
	c.main.role = roleWebSocket
	c.probed = false
	c.sendEngine("5", nil)
	pending := c.pending
	c.pending = nil
	for rest := pending; len(rest) > 0; {
		var p []byte
		p, rest, _ = bytes.Cut(rest, []byte{separator})
		c.sendEngine("", p)
	}
	c.g.recycle(pending)
	c.sid = ""
	c.ready()
}
