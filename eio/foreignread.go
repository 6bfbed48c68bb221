package eio

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// lingerIdle is how long net/http keeps a connection without a request, as
// browsers ask for what a page needs right after the page; lingerBusy is the
// same while others wait for a place.
const (
	lingerIdle = time.Second
	lingerBusy = time.Millisecond
)

// foreignReader gives net/http the bytes of one request at a time, and none
// behind it. So the engine's own parser decides where each request ends, as it
// does on a loop, and net/http's buffer is empty between two requests. The
// reader's own: net/http has one at a time.
type foreignReader struct {
	unread []byte // has arrived and was not passed on
	passes int    // how many bytes of it are the rest of a head
	body   http1.Body
}

// foreignRequests are for parsing heads.
var foreignRequests = sync.Pool{New: func() any { return new(http1.Request) }}

// Read reads what is left of the current request or, between two requests, of
// the next one. It ends for net/http there when the connection goes back to its
// loop.
func (c *foreignConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	state := c.stateNow()
	switch {
	case c.passes > 0:
		n := c.take(p[:min(len(p), c.passes)])
		c.passes -= n
		return n, nil
	case state == http.StateHijacked:
		return c.readRaw(p)
	case !c.body.Done() && state == http.StateIdle: // never, unless net/http counts otherwise
		return 0, io.ErrUnexpectedEOF
	case !c.body.Done():
		return c.readBody(p)
	case state == http.StateIdle:
		if err := c.awaitRequest(); err != nil {
			return 0, err
		}
		return c.Read(p)
	}
	return 0, c.awaitEnd(p)
}

// take moves bytes of unread to p.
func (c *foreignConn) take(p []byte) int {
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n
}

// readRaw reads without regard to requests.
func (c *foreignConn) readRaw(p []byte) (int, error) {
	if len(c.unread) > 0 {
		return c.take(p), nil
	}
	return c.Conn.Read(p)
}

// readBody reads a part of the body. What comes behind it stays unread.
func (c *foreignConn) readBody(p []byte) (int, error) {
	if len(c.unread) == 0 {
		c.limitRead()
		defer c.unlimitRead()
	}
	n, err := c.readRaw(p)
	used := 0
	for used < n && !c.body.Done() {
		_, k, _, wrong := c.body.Next(p[used:n])
		if wrong != nil {
			return 0, wrong
		}
		used += k
	}
	if used < n {
		c.unread = append(bytes.Clone(p[used:n]), c.unread...)
	}
	return used, err
}

// awaitRequest waits for the head of the next request and has it passed on. If
// it is not for net/http, or does not come, the connection goes back, and the
// result is io.EOF.
func (c *foreignConn) awaitRequest() error {
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.server.linger()))
	part := make([]byte, 4<<10)
	for len(c.unread) == 0 || !c.beginRequest() {
		if c.wantsLoop() {
			return io.EOF
		}
		n, err := c.Conn.Read(part)
		c.unread = append(c.unread, part[:n]...)
		switch {
		case n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.leave()
			return io.EOF
		default:
			return err
		}
	}
	_ = c.Conn.SetReadDeadline(time.Time{}) // net/http sets one when it has seen the head
	return nil
}

// wantsLoop reports whether beginRequest has decided that the loop is to serve,
// or refuse, what is unread.
func (c *foreignConn) wantsLoop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.returns
}

// beginRequest passes on the request that unread begins with. It returns false
// if its head is not complete, or if a loop has to decide about it.
func (c *foreignConn) beginRequest() bool {
	req := foreignRequests.Get().(*http1.Request)
	defer foreignRequests.Put(req)
	var parser http1.Parser
	n, err := parser.Head(c.unread, 0, req)
	switch {
	case n == 0 && err == nil:
		return false
	case err != nil || bytes.HasPrefix(req.Path, []byte(c.server.srv.site(req.Path).prefix)):
		c.leave()
		return false
	}
	head := req.Head()       // without what may come before a request line
	_ = c.body.Reset(req, 0) // without a limit of its own it does not fail
	c.unread = c.unread[n-len(head):]
	c.passes = len(head)
	return true
}

// awaitEnd waits, with nothing left of the request, for the peer to leave or
// for net/http to lose interest. What the peer sends meanwhile is its next
// request. For that net/http reads single bytes.
func (c *foreignConn) awaitEnd(p []byte) error {
	if len(p) > 1 { // net/http expects more of the request
		return io.ErrUnexpectedEOF
	}
	if len(c.unread) == 0 {
		n, err := c.Conn.Read(p)
		if n == 0 {
			return err
		}
		c.unread = bytes.Clone(p)
	}
	return c.waitForEnd()
}
