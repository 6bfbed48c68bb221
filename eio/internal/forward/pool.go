package forward

import (
	"cmp"
	"context"
	"net"
	"syscall"
	"time"
)

// resting is an idle connection: one between two requests.
type resting struct {
	conn  net.Conn
	since time.Time
}

// connect returns a connection to n, an idle one if there is any.
func (c *Client) connect(ctx context.Context, n *node) (net.Conn, error) {
	for {
		c.mu.Lock()
		last := len(n.idle) - 1
		if last < 0 {
			c.mu.Unlock()
			return c.dial(ctx, n)
		}
		conn := n.idle[last].conn
		n.idle[last] = resting{}
		n.idle = n.idle[:last]
		c.mu.Unlock()
		if silent(conn) {
			return conn, nil
		}
		_ = conn.Close()
	}
}

// rest keeps a connection for the next request.
func (c *Client) rest(n *node, conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return
	}
	n.idle = append(n.idle, resting{conn, time.Now()})
	if c.sweeper == nil {
		c.sweeper = time.AfterFunc(c.cfg.KeepIdle, c.sweep)
	}
}

// sweep closes the connections that have been idle for too long.
func (c *Client) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sweepLocked(time.Now()); c.sweeper != nil {
		c.sweeper.Reset(c.cfg.KeepIdle / 2)
	}
}

// sweepLocked does that as of now, and stops the timer when no idle connection
// is left.
func (c *Client) sweepLocked(now time.Time) {
	left := 0
	for _, n := range c.nodes {
		old := 0
		for old < len(n.idle) && now.Sub(n.idle[old].since) >= c.cfg.KeepIdle {
			_ = n.idle[old].conn.Close()
			old++
		}
		n.idle = append([]resting(nil), n.idle[old:]...)
		left += len(n.idle)
		c.forgetLocked(n)
	}
	if left == 0 && c.sweeper != nil {
		c.sweeper.Stop()
		c.sweeper = nil
	}
}

// dial makes a new connection to n.
func (c *Client) dial(ctx context.Context, n *node) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	select {
	case n.dials <- struct{}{}:
		defer func() { <-n.dials }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	dialer := net.Dialer{Control: checkDescriptor}
	return dialer.DialContext(ctx, "tcp", n.addr)
}

// checkDescriptor refuses to connect with a descriptor that is too high, before
// the dial holds it for as long as it takes.
func checkDescriptor(_, _ string, raw syscall.RawConn) (err error) {
	failed := raw.Control(func(fd uintptr) {
		if int(fd) > maxDescriptor() {
			err = ErrDescriptors
		}
	})
	return cmp.Or(err, failed)
}
