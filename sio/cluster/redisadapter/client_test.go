package redisadapter_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// client is one that keeps losing its connection, and comes back. It
// acknowledges by its id.
type client struct {
	t                testing.TB
	conn             *eiotest.Conn
	namespace        string // "" for "/"
	sid, pid, offset string
	events           [][]any
	welcome          bool      // since it has connected last
	giveUp           time.Time // the end of the time for reading
	lost             int       // how often it was not recovered, although nothing was disturbed meanwhile

	disturbances *atomic.Int64 // that have begun or ended; nil when there are none
	before       int64         // of them, when it connected
}

// connect connects, with the former session if there is one.
func (c *client) connect(addr string) error {
	c.before, c.welcome = c.disturbed(), false
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	c.conn = eiotest.NewConn(c.t, conn)
	hello := "40"
	if c.namespace != "" {
		hello += c.namespace + ","
	}
	if c.offset != "" {
		hello += fmt.Sprintf(`{"pid":%q,"offset":%q}`, c.pid, c.offset)
	}
	c.giveUp = time.Now().Add(eiotest.Timeout)
	if err := c.conn.TryUpgrade("/socket.io/?EIO=4&transport=websocket"); err != nil {
		return err
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
	_, err := c.conn.Write(eiotest.AppendText(nil, text))
	return err
}

// read reads one packet.
func (c *client) read() error {
	if time.Now().After(c.giveUp) { // pings come all the time
		return os.ErrDeadlineExceeded
	}
	f, err := c.conn.ReadFrame()
	if err != nil {
		return err
	}
	if f.Opcode() == eiotest.OpClose {
		return io.EOF
	}
	switch text := string(f.Payload); {
	case text == "2":
		return c.send("3")
	case strings.HasPrefix(text, "40"):
		var reply struct{ SID, PID string }
		if err := json.Unmarshal(f.Payload[2:], &reply); err != nil {
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
