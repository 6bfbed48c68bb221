package forward

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Answer is the whole response of a node. It counts for Config.MaxAnswers until
// Release is called.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	c    *Client
	node *node
	size int64 // reserved for Body
}

// Release ends the use of the answer. It must be called once.
func (a *Answer) Release() { a.c.unreserve(a.node, a.size) }

// Do sends request, the bytes of a whole HTTP/1.1 request with the given
// method, to the node at addr and returns the answer. It waits for the answer
// to begin until timeout has passed or ctx is done. Once the answer has begun,
// each 4 KiB of it must come within Config.Stall. When Do gives up it closes
// the connection, which the node sees as the client's end. The caller must
// release the answer.
func (c *Client) Do(ctx context.Context, addr, method string, request []byte, timeout time.Duration) (*Answer, error) {
	n, err := c.enter(addr, false)
	if err != nil {
		return nil, err
	}
	defer c.leave(n, false)
	conn, err := c.connect(ctx, n)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	answer := &Answer{c: c, node: n}
	keep, err := answer.exchange(ctx, conn, method, request, timeout)
	if ours := stop(); !ours || !keep {
		_ = conn.Close()
	} else {
		c.rest(n, conn)
	}
	if err != nil {
		answer.Release()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return answer, nil
}

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// exchange sends one request and receives its answer on conn. keep reports
// whether conn can be used again.
func (a *Answer) exchange(ctx context.Context, conn net.Conn, method string, request []byte, timeout time.Duration) (keep bool, err error) {
	cfg := &a.c.cfg
	if err := writeSteadily(conn, request, cfg.Stall); err != nil {
		return false, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return false, err
	}
	if err := awaitReadable(conn); err != nil {
		return false, err
	}
	r := readers.Get().(*bufio.Reader)
	source := &steady{conn: conn, stall: cfg.Stall}
	r.Reset(source)
	defer func() {
		r.Reset(nil)
		readers.Put(r)
	}()
	response, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return false, err
	}
	if response.StatusCode < 200 || response.ContentLength > cfg.MaxAnswer {
		return false, fmt.Errorf("%w: status %d, %d bytes", ErrAnswer, response.StatusCode, response.ContentLength)
	}
	a.Status, a.Header = response.StatusCode, response.Header
	size := response.ContentLength
	if size < 0 { // a proxy's
		size = cfg.MaxAnswer
	}
	if method == http.MethodHead {
		size = 0
	}
	if err := a.c.reserve(ctx, a.node, size); err != nil {
		return false, err
	}
	a.size, source.got = size, 0
	if a.Body, err = readBody(response, cfg.MaxAnswer); err != nil {
		return false, err
	}
	return !response.Close && r.Buffered() == 0, nil
}

// readBody reads the body of an answer, at most most bytes.
func readBody(response *http.Response, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("%w: more than %d bytes", ErrAnswer, most)
	}
	return body, err
}
