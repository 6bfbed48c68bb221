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

// The time limits of go-redis are for a whole command. On a slow link a large one takes
// longer although all is well, and would fail again and again. The connections of a
// patient client limit silence instead: as long as bytes of the command, or of its
// answer, move, it goes on. In all it may take slowGrace and the time that its bytes take
// at lowestSpeed.

const (
	silence     = 2 * time.Second // without a byte, after which a connection is given up
	slowGrace   = 10 * time.Second
	lowestSpeed = 16 << 10 // bytes a second, on average after slowGrace
	writePiece  = 16 << 10 // written at once
	unseen      = 64 << 10 // what is less is not worth asking the kernel for
)

// patient is a client with the options of one that own has made, for conns connections
// at once whose time limits follow progress. It is client itself if that is of a type
// that is not go-redis's own; the limits are that client's then.
func patient(client redis.UniversalClient, conns int) redis.UniversalClient {
	switch c := client.(type) {
	case failoverClient:
		return patient(c.Client, conns)
	case *redis.Client:
		o := *c.Options()
		o.Dialer = progressing(o.Dialer)
		o.MaxRetries, o.DialerRetries = -1, 1
		o.ReadTimeout, o.WriteTimeout = silence, silence
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return redis.NewClient(&o)
	case *redis.ClusterClient:
		o := *c.Options()
		o.Dialer = progressing(o.Dialer)
		o.MaxRetries, o.DialerRetries = -1, 1
		o.ReadTimeout, o.WriteTimeout = silence, silence
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return redis.NewClusterClient(&o)
	}
	return client
}

// longest is how long a command of n bytes may take in all.
func longest(n int) time.Duration {
	return slowGrace + time.Duration(n/lowestSpeed)*time.Second
}

// progressing is dial with connections that limit silence.
func progressing(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, silence)
		defer cancel()
		inner, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return withRaw(&progressConn{Conn: inner}, inner), nil
	}
}

// progressConn is a connection whose deadlines move on with its bytes. go-redis sets
// one before it writes a command, and one before it reads the answer. One goroutine at a
// time may use it, but any may close it.
//
// A deadline says nothing about a process, or a goroutine, that was not running: when it
// has passed there is one more attempt. That of writing is a timer, as TLS can't go on
// after a real one.
type progressConn struct {
	net.Conn
	in pace // of the goroutine that reads

	mu      sync.Mutex // guards what follows
	out     pace
	unsent  int // what the kernel had not sent at the last look; -1 before the first
	writing bool
	last    bool // the last attempt to write
	armed   bool // the timer is set
	timer   *time.Timer
}

const lastAttempt = silence / 8 // how long it takes at most

// pace is one direction of a connection, for one command.
type pace struct {
	begun, until time.Time // until is zero when there is no limit
	moved        int
}

func (p *pace) begin(until time.Time) { *p = pace{begun: time.Now(), until: until} }

// advance notes that n bytes have moved. It reports whether the deadline moves on.
func (p *pace) advance(n int) (changed bool) {
	p.moved += n
	if p.until.IsZero() {
		return false
	}
	until := time.Now().Add(silence)
	if last := p.begun.Add(longest(p.moved)); until.After(last) {
		until = last
	}
	if until.Sub(p.until) < silence/8 { // not for every few bytes
		return false
	}
	p.until = until
	return true
}

// SetDeadline implements net.Conn.
func (c *progressConn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *progressConn) SetReadDeadline(t time.Time) error {
	c.in.begin(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *progressConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.begin(t)
	c.unsent = -1
	return nil
}

// Read implements net.Conn.
func (c *progressConn) Read(b []byte) (int, error) {
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
func (c *progressConn) Write(b []byte) (n int, err error) {
	for {
		c.begin()
		m, err := c.Conn.Write(b[n:min(len(b), n+writePiece)])
		c.end(m)
		if n += m; err != nil || n == len(b) {
			return n, err
		}
	}
}

// begin limits the time of a piece.
func (c *progressConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing, c.last = true, false
	if !c.armed && !c.out.until.IsZero() {
		c.arm(time.Until(c.out.until))
	}
}

// end notes that n bytes of a piece were written.
func (c *progressConn) end(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	c.out.advance(n)
}

// arm sets the timer. c.mu is held.
func (c *progressConn) arm(wait time.Duration) {
	c.armed = true
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.judge)
	} else {
		c.timer.Reset(wait)
	}
}

// judge ends the writing of a piece when its time is over.
func (c *progressConn) judge() {
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

// drained is how many bytes of the command have left the kernel since the last look: the
// connection is slow then, not silent.
func (c *progressConn) drained() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drainedLocked()
}

func (c *progressConn) drainedLocked() int {
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
func (c *progressConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	return err
}
