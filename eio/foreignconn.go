package eio

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// foreignConn is a connection while net/http serves it, or a handler that has
// hijacked it. Its methods are those of a net.Conn: safe for concurrent use.
// foreignread.go has Read.
type foreignConn struct {
	net.Conn
	server *foreignServer
	loop   *loop.Loop
	remote netip.AddrPort
	secure bool
	foreignReader

	mu       sync.Mutex // guards what follows
	stirred  sync.Cond  // the connection was closed, or its deadline has passed
	state    http.ConnState
	reads    bool // a deadline for reading was set
	past     bool // that one has passed
	paced    bool // limitRead has set one
	writes   bool // a deadline for writing was set
	returns  bool // it goes back to a loop when net/http closes it
	finished bool
}

// arrive begins to serve the connection that has left its loop.
func (c *foreignConn) arrive(d loop.Detached) {
	if d.Err != nil {
		c.server.places.next()
		c.server.srv.cfg.Logger.Debug("eio: a connection was lost on the way to Config.Fallback", "error", d.Err)
		return
	}
	c.Conn, c.unread, c.stirred.L = d.Conn, d.Unread, &c.mu
	if len(d.Unsent) > 0 {
		if _, err := c.Write(d.Unsent); err != nil {
			_ = c.Close()
			return
		}
	}
	if !c.beginRequest() { // the loop has found one
		_ = c.Close()
		return
	}
	c.server.serve(c)
}

// NetConn returns the connection below, as tls.Conn.NetConn does.
func (c *foreignConn) NetConn() net.Conn { return c.Conn }

// RemoteAddr returns the address of the peer, which a proxy may have named.
func (c *foreignConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// turn takes note of what net/http does with the connection.
func (c *foreignConn) turn(s http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = s
}

func (c *foreignConn) stateNow() http.ConnState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// tlsPiece is how much is written to a TLS connection at a time: a record. A
// Write that its deadline has ended is the last one that succeeds, so that each
// record has the time, and not all that a handler writes at once.
const tlsPiece = 16 << 10

// Write writes p while the peer takes some of it within the server's limit, or
// until the deadline that was set.
func (c *foreignConn) Write(p []byte) (n int, err error) {
	_, encrypts := c.Conn.(*tls.Conn)
	for {
		limited := c.limitWrite()
		piece := p[n:]
		if encrypts {
			piece = piece[:min(len(piece), tlsPiece)]
		}
		k, err := c.Conn.Write(piece)
		n += k
		switch {
		case err == nil && n < len(p):
		case err == nil || encrypts || k == 0 || !limited || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		}
	}
}

// limitWrite gives the peer time to take something, and reports that, unless
// the handler decides about that itself.
func (c *foreignConn) limitWrite() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes || c.state == http.StateHijacked {
		return false
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(c.server.limit))
	return true
}

// limitRead gives the peer time to send something, unless the handler decides
// about that itself.
func (c *foreignConn) limitRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reads {
		c.paced = true
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.limit))
	}
}

// unlimitRead ends limitRead.
func (c *foreignConn) unlimitRead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paced {
		c.paced = false
		_ = c.Conn.SetReadDeadline(time.Time{})
	}
}

// SetDeadline sets both deadlines.
func (c *foreignConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets the deadline for reading.
func (c *foreignConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.paced = !t.IsZero(), false
	c.past = c.reads && !t.After(time.Now())
	if c.past {
		c.stirred.Broadcast()
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline for writing.
func (c *foreignConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// waitForEnd waits until the connection is closed or its deadline has passed.
func (c *foreignConn) waitForEnd() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.past && !c.finished {
		c.stirred.Wait()
	}
	if c.finished {
		return net.ErrClosed
	}
	return os.ErrDeadlineExceeded
}

// CloseWrite ends the sending half, if the connection has one.
func (c *foreignConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes the connection, or returns it to its loop.
func (c *foreignConn) Close() error {
	first, returns := c.finish()
	switch {
	case !first:
		return net.ErrClosed
	case returns:
		go c.server.srv.takeBack(c)
		return nil
	}
	return c.Conn.Close()
}

// leave has the connection go back to its loop when net/http closes it.
func (c *foreignConn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.returns = true
}

// finish ends the use of the connection here. It reports whether this is the
// first call, and whether the connection goes back to a loop.
func (c *foreignConn) finish() (first, returns bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished {
		return false, false
	}
	c.finished = true
	c.stirred.Broadcast()
	c.server.places.next()
	return true, c.returns
}
