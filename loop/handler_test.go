package loop_test

import (
	"bytes"

	"github.com/sioserver/sioserver/loop"
)

// recorder is a handler that records, and calls what a test sets.
type recorder struct {
	conn    *loop.Conn
	got     bytes.Buffer
	reads   int
	flushes int
	closes  int
	err     error
	data    func(c *loop.Conn, b []byte)
	flushed func(c *loop.Conn)
	closed  func(c *loop.Conn, err error)
}

func (r *recorder) accept(c *loop.Conn) loop.Handler {
	r.conn = c
	return r
}

func (r *recorder) Data(c *loop.Conn, b []byte) {
	r.reads++
	r.got.Write(b)
	if r.data != nil {
		r.data(c, b)
	}
}

func (r *recorder) Flushed(c *loop.Conn) {
	r.flushes++
	if r.flushed != nil {
		r.flushed(c)
	}
}

func (r *recorder) Closed(c *loop.Conn, err error) {
	r.closes++
	r.err = err
	if r.closed != nil {
		r.closed(c, err)
	}
}

func frame[T string | []byte](s T) *loop.Frame {
	f := loop.NewFrame()
	f.B = append(f.B, s...)
	return f
}

// echo sends back what it gets.
type echo struct{}

func (echo) Data(c *loop.Conn, b []byte) { c.Send(frame(b)) }
func (echo) Flushed(*loop.Conn)          {}
func (echo) Closed(*loop.Conn, error)    {}
func acceptEcho(*loop.Conn) loop.Handler { return echo{} }
