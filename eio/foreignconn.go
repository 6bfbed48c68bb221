package eio

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sioserver/sioserver/loop"
)

// lingerIdle is how long net/http keeps a connection without a request, as
// browsers ask for what a page needs right after the page; lingerBusy is the
// same while others wait for a place.
const (
	lingerIdle = time.Second
	lingerBusy = time.Millisecond
)

// foreignConn is a connection while net/http serves it, or a handler that has
// hijacked it. Its methods are those of a net.Conn: safe for concurrent use.
type foreignConn struct {
	net.Conn
	server *foreignServer
	loop   *loop.Loop
	remote netip.AddrPort
	secure bool

	unread []byte // was read by the loop; the reader's own
	buffer int    // the size of net/http's buffer; the reader's own

	mu       sync.Mutex // guards what follows
	state    http.ConnState
	served   bool // a request was
	reads    bool // a deadline for reading was set
	paced    bool // one was set by limitRead
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
	c.Conn, c.unread = d.Conn, d.Unread
	if len(d.Unsent) > 0 {
		if _, err := c.Write(d.Unsent); err != nil {
			_ = c.Close()
			return
		}
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
	c.served = c.served || s == http.StateIdle
}

// Read reads. Between two requests it ends for net/http after lingerIdle.
func (c *foreignConn) Read(p []byte) (int, error) {
	c.buffer = max(c.buffer, len(p)) // net/http begins with an empty buffer
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		if c.unread = c.unread[n:]; len(c.unread) == 0 {
			c.unread = nil
		}
		return n, nil
	}
	if !c.mayReturn(len(p)) {
		c.limitRead(len(p))
		return c.Conn.Read(p)
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.linger()))
	n, err := c.Conn.Read(p)
	switch {
	case n > 0:
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.limit)) // the rest of the head
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.mu.Lock()
		c.returns = true
		c.mu.Unlock()
		return 0, io.EOF
	}
	return n, err
}

// hasServed reports whether net/http has answered a request of the connection.
func (c *foreignConn) hasServed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served
}

// mayReturn reports whether net/http waits for a request and holds nothing of
// it: it has room for as many bytes as its buffer has.
func (c *foreignConn) mayReturn(room int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == http.StateIdle && room == c.buffer
}

// Write writes p while the peer takes some of it within the server's limit, or
// until the deadline that was set.
func (c *foreignConn) Write(p []byte) (n int, err error) {
	for {
		c.limitWrite()
		k, err := c.Conn.Write(p[n:])
		if n += k; err == nil || k == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.hasWriteDeadline() {
			return n, err
		}
	}
}

func (c *foreignConn) hasWriteDeadline() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes || c.state == http.StateHijacked
}

// limitWrite gives the peer time to take something, unless the handler decides
// about that itself.
func (c *foreignConn) limitWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.writes && c.state != http.StateHijacked {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(c.server.limit))
	}
}

// limitRead gives the peer time to send something of a body, unless the handler
// decides about that itself. A read of one byte is that by which net/http finds
// out that the peer leaves: it may take as long as the handler.
func (c *foreignConn) limitRead(room int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.reads || c.state == http.StateHijacked:
	case room > 1:
		c.paced = true
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.limit))
	case c.paced:
		c.paced = false
		_ = c.Conn.SetReadDeadline(time.Time{})
	}
}

func (c *foreignConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *foreignConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.paced = !t.IsZero(), false
	return c.Conn.SetReadDeadline(t)
}

func (c *foreignConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
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
		go c.server.srv.takeBack(c, nil, "")
		return nil
	}
	return c.Conn.Close()
}

// leave returns the connection to a loop, with unread.
func (c *foreignConn) leave(unread []byte, sid string) {
	if first, _ := c.finish(); first {
		c.server.srv.takeBack(c, unread, sid)
	}
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
	c.server.places.next()
	return true, c.returns
}
