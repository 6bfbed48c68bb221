package redisadapter

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// The time limits of go-redis hold for a whole command. On a slow link a large
// command takes longer, and would fail again and again. The connections of
// streamClient limit silence instead: a command continues while its bytes, or
// those of its answer, move. In all it may take slowGrace and the time that its
// bytes take at lowestSpeed.

const (
	slowGrace   = 10 * time.Second
	lowestSpeed = 16 << 10 // bytes a second, on average after slowGrace
	writePiece  = 16 << 10 // bytes of one write
	unseen      = 64 << 10 // for fewer bytes the kernel is not asked
)

// streamClient returns a client with the options of a result of ownClient, for
// conns connections whose time limits follow progress. A client of another type
// than go-redis's own is returned itself, with its own limits.
func streamClient(client redis.UniversalClient, conns int) redis.UniversalClient {
	switch c := client.(type) {
	case failoverClient:
		return streamClient(c.Client, conns)
	case *redis.Client:
		o := *c.Options()
		limitSilence(dialStream, &o.Dialer, &o.MaxRetries, &o.DialerRetries, &o.ReadTimeout, &o.WriteTimeout)
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *c.Options()
		limitSilence(dialStream, &o.Dialer, &o.MaxRetries, &o.DialerRetries, &o.ReadTimeout, &o.WriteTimeout)
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return redis.NewClusterClient(&o)
	}
	return client
}

// longest returns how long a command of n bytes may take in all.
func longest(n int) time.Duration {
	return slowGrace + time.Duration(n/lowestSpeed)*time.Second
}

// dialStream returns dial with connections that limit silence.
func dialStream(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		inner, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return withRaw(&streamConn{Conn: inner}, inner), nil
	}
}

// streamConn is a connection whose deadlines move with its bytes. go-redis sets
// one deadline before it writes a command, and one before it reads the answer.
// One goroutine at a time may use the connection, but any goroutine may close
// it.
//
// When a deadline passes, the process or the goroutine may not have run, so
// there is one more attempt. The deadline of a write is a timer, because TLS
// can't continue after a real one.
type streamConn struct {
	net.Conn
	in pace // used by the reading goroutine

	mu      sync.Mutex // guards the fields below
	out     pace
	unsent  int // bytes that the kernel had not sent at the last check; -1 before the first one
	writing bool
	last    bool // the last attempt to write
	armed   bool // the timer is set
	timer   *time.Timer
}

const lastAttempt = answerTime / 8 // its limit

// pace is one direction of a connection, for one command.
type pace struct {
	begun, until time.Time // until is zero if there is no limit
	moved        int
}

func (p *pace) begin(until time.Time) { *p = pace{begun: time.Now(), until: until} }

// advance notes that n bytes have moved. It reports whether the deadline moves.
func (p *pace) advance(n int) (changed bool) {
	p.moved += n
	if p.until.IsZero() {
		return false
	}
	until := time.Now().Add(answerTime)
	if last := p.begun.Add(longest(p.moved)); until.After(last) {
		until = last
	}
	if until.Sub(p.until) < answerTime/8 { // not for every few bytes
		return false
	}
	p.until = until
	return true
}

// SetDeadline implements net.Conn.
func (c *streamConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *streamConn) SetReadDeadline(t time.Time) error {
	c.in.begin(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *streamConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.begin(t)
	c.unsent = -1
	return nil
}

// Read implements net.Conn.
func (c *streamConn) Read(b []byte) (int, error) {
	for last := false; ; {
		n, err := c.Conn.Read(b)
		if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		moved := n
		if n == 0 {
			moved = c.drained()
		}
		var until time.Time
		switch {
		case moved > 0 && c.in.advance(moved):
			until, last = c.in.until, false
		case n > 0:
			return n, err
		case last:
			return 0, err
		default:
			until, last = time.Now().Add(lastAttempt), true
		}
		if err := c.Conn.SetReadDeadline(until); err != nil || n > 0 {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *streamConn) Write(b []byte) (n int, err error) {
	for {
		c.begin()
		m, err := c.Conn.Write(b[n:min(len(b), n+writePiece)])
		c.end(m)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// begin starts the limit of one write.
func (c *streamConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing, c.last = true, false
	if !c.armed && !c.out.until.IsZero() {
		c.arm(time.Until(c.out.until))
	}
}

// end notes that n bytes were written.
func (c *streamConn) end(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	c.out.advance(n)
}

// arm sets the timer. c.mu is held.
func (c *streamConn) arm(wait time.Duration) {
	c.armed = true
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.judge)
	} else {
		c.timer.Reset(wait)
	}
}

// judge ends a write whose time is over.
func (c *streamConn) judge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	if !c.writing || c.out.until.IsZero() {
		return
	}
	if wait := time.Until(c.out.until); wait > 0 {
		c.arm(wait)
		return
	}
	switch moved := c.drainedLocked(); {
	case moved > 0 && c.out.advance(moved):
		c.arm(time.Until(c.out.until))
	case !c.last:
		c.last = true
		c.arm(lastAttempt)
	default:
		_ = c.Conn.SetWriteDeadline(time.Now())
	}
}

// drained returns how many bytes of the command the kernel has sent since the
// last check. If there are any, the connection is slow, not silent.
func (c *streamConn) drained() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drainedLocked()
}

func (c *streamConn) drainedLocked() int {
	if c.out.moved < unseen {
		return 0
	}
	left, ok := unsent(c.Conn)
	if !ok {
		return 0
	}
	before := c.unsent
	if before < 0 {
		before = c.out.moved
	}
	c.unsent = left
	return max(before-left, 0)
}

// Close implements net.Conn.
func (c *streamConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	return err
}
