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

// Answer is the whole response of a node.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends request, the bytes of a whole HTTP/1.1 request with the method given,
// to the node at addr and waits for the answer until timeout has passed or ctx is
// done; the connection is closed then, which the node sees as the client's end.
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
	answer, keep, err := exchange(conn, method, request, timeout, c.cfg.MaxAnswer)
	if ours := stop(); !ours || !keep {
		_ = conn.Close()
	} else {
		c.rest(n, conn)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return answer, err
}

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// exchange is one request and its answer on conn. keep tells that conn can be used
// again.
func exchange(conn net.Conn, method string, request []byte, timeout time.Duration, most int64) (a *Answer, keep bool, err error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, false, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, false, err
	}
	if err := awaitReadable(conn); err != nil {
		return nil, false, err
	}
	r := readers.Get().(*bufio.Reader)
	r.Reset(conn)
	defer func() {
		r.Reset(nil)
		readers.Put(r)
	}()
	response, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return nil, false, err
	}
	if response.StatusCode < 200 || response.ContentLength > most {
		return nil, false, fmt.Errorf("%w: status %d, %d bytes", ErrAnswer, response.StatusCode, response.ContentLength)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return nil, false, err
	}
	if int64(len(body)) > most {
		return nil, false, fmt.Errorf("%w: more than %d bytes", ErrAnswer, most)
	}
	return &Answer{response.StatusCode, response.Header, body}, !response.Close && r.Buffered() == 0, nil
}
