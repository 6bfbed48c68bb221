package redisadapter_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// client is one that keeps losing its connection, and comes back. It
// acknowledges by its id.
type client struct {
	t                testing.TB
	conn             net.Conn
	namespace        string // "" for "/"
	sid, pid, offset string
	events           [][]any
	welcome          bool // since it has connected last
	lost             int  // how often it was not recovered, although nothing was disturbed meanwhile

	disturbances *atomic.Int64 // that have begun or ended; nil when there are none
	before       int64         // of them, when it connected
}

const upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n" +
	"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// connect connects, with the former session if there is one.
func (c *client) connect(addr string) error {
	c.before, c.welcome = c.disturbed(), false
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	c.conn = conn
	hello := "40"
	if c.namespace != "" {
		hello += c.namespace + ","
	}
	if c.offset != "" {
		hello += fmt.Sprintf(`{"pid":%q,"offset":%q}`, c.pid, c.offset)
	}
	c.conn.SetDeadline(time.Now().Add(time.Minute)) // only failures, and machines that are too busy, take it
	if _, err := conn.Write([]byte(upgrade)); err != nil {
		return err
	}
	// The answer, byte by byte: frames follow.
	for head, b := "", make([]byte, 1); !strings.HasSuffix(head, "\r\n\r\n"); head += string(b) {
		if _, err := io.ReadFull(conn, b); err != nil {
			return err
		}
	}
	return c.send(hello)
}

func (c *client) disturbed() int64 {
	if c.disturbances == nil {
		return 0
	}
	return c.disturbances.Load()
}

func (c *client) send(text string) error {
	head := []byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}
	if len(text) > 125 {
		head = []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	}
	_, err := c.conn.Write(append(head, text...))
	return err
}

// read reads one packet.
func (c *client) read() error {
	var head [4]byte
	if _, err := io.ReadFull(c.conn, head[:2]); err != nil {
		return err
	}
	if head[0]&0xf == 8 {
		return io.EOF
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(c.conn, head[2:4]); err != nil {
			return err
		}
		n = int(binary.BigEndian.Uint16(head[2:]))
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(c.conn, payload); err != nil {
		return err
	}
	switch text := string(payload); {
	case text == "2":
		return c.send("3")
	case strings.HasPrefix(text, "40"):
		var reply struct{ SID, PID string }
		if err := json.Unmarshal(payload[2:], &reply); err != nil {
			return err
		}
		if c.sid != "" && reply.SID != c.sid {
			if c.before%2 == 0 && c.before == c.disturbed() {
				c.lost++
			}
			c.events, c.offset = nil, "" // it has a new session
		}
		c.sid, c.pid, c.welcome = reply.SID, reply.PID, true
	case strings.HasPrefix(text, "42"):
		data := strings.TrimLeft(text[2:], "0123456789")
		if id := strings.TrimSuffix(text[2:], data); id != "" {
			if err := c.send(fmt.Sprintf("43%s[%q]", id, c.sid)); err != nil {
				return err
			}
		}
		var event []any
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return err
		}
		if len(event) > 2 {
			c.offset = event[len(event)-1].(string)
		}
		c.events = append(c.events, event)
	}
	return nil
}
