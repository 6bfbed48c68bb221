package forward

import (
	"context"
	"net"
	"sync"
	"time"
)

// tunnelLinger is how long a tunnel continues after the end of one of its
// directions.
const tunnelLinger = 5 * time.Second

// Tunnel is a connection to a node that carries one WebSocket from its
// handshake on. The kernel slows the faster side down: a tunnel queues nothing.
// Safe for concurrent use.
type Tunnel struct {
	c      *Client
	node   *node
	target net.Conn

	mu     sync.Mutex
	client net.Conn // nil before Run
	closed bool
	ending *time.Timer // bounds the end; nil before it begins
}

// Open connects to the node at addr and sends head, the handshake's request.
// The caller must call Run or Close.
func (c *Client) Open(ctx context.Context, addr string, head []byte) (*Tunnel, error) {
	n, err := c.enter(addr, true)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, n)
	if err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(c.cfg.DialTimeout)) // if that fails, so does the write
		if _, err = conn.Write(head); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		c.leave(n, true)
		return nil, err
	}
	t := &Tunnel{c: c, node: n, target: conn}
	c.mu.Lock()
	closed := c.closed
	c.tunnels[t] = struct{}{}
	c.mu.Unlock()
	if closed {
		t.Close()
		return nil, ErrClosed
	}
	return t, nil
}

// Close ends both connections at once.
func (t *Tunnel) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	_ = t.target.Close()
	if t.client != nil {
		_ = t.client.Close()
	}
	if t.ending != nil {
		t.ending.Stop()
	}
	t.c.mu.Lock()
	delete(t.c.tunnels, t)
	t.c.mu.Unlock()
	t.c.leave(t.node, true)
}

// Run carries bytes between client and the node until both directions have
// ended. unread is what client has sent already, unsent what client gets before
// anything from the node. Run takes ownership of client.
func (t *Tunnel) Run(client net.Conn, unread, unsent []byte) {
	t.mu.Lock()
	closed := t.closed
	t.client = client
	t.mu.Unlock()
	if closed {
		_ = client.Close()
		return
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		t.carry(t.target, client, unread)
	}()
	t.carry(client, t.target, unsent)
	<-up
	t.Close()
}

// carry writes first, and then everything that src sends, to dst. At the end of
// the stream it ends dst's stream too. When anything fails it ends the whole
// tunnel.
func (t *Tunnel) carry(dst, src net.Conn, first []byte) {
	if err := t.copy(dst, src, first); err != nil {
		t.Close()
		return
	}
	half, ok := dst.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		t.Close()
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending == nil && !t.closed {
		t.ending = time.AfterFunc(tunnelLinger, t.Close)
	}
}

func (t *Tunnel) copy(dst, src net.Conn, first []byte) error {
	idle := t.c.cfg.TunnelIdle
	b, from := first, newSource(src)
	for {
		if len(b) > 0 {
			if err := dst.SetWriteDeadline(time.Now().Add(idle)); err != nil {
				return err
			}
			if _, err := dst.Write(b); err != nil {
				return err
			}
			from.done()
		}
		if err := src.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		var err error
		if b, err = from.next(); err != nil || len(b) == 0 {
			return err
		}
	}
}
