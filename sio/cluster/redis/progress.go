package redis

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"
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
func patient(client goredis.UniversalClient, conns int) goredis.UniversalClient {
	switch c := client.(type) {
	case failoverClient:
		return patient(c.Client, conns)
	case *goredis.Client:
		o := *c.Options()
		o.Dialer = progressing(o.Dialer)
		o.MaxRetries, o.DialerRetries = -1, 1
		o.ReadTimeout, o.WriteTimeout = silence, silence
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return goredis.NewClient(&o)
	case *goredis.ClusterClient:
		o := *c.Options()
		o.Dialer = progressing(o.Dialer)
		o.MaxRetries, o.DialerRetries = -1, 1
		o.ReadTimeout, o.WriteTimeout = silence, silence
		o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, conns), max(o.PipelinePoolSize, conns)
		o.MinIdleConns, o.MaxActiveConns = 0, 0
		return goredis.NewClusterClient(&o)
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
		conn := &progressConn{Conn: inner}
		if raw, ok := inner.(syscall.Conn); ok { // go-redis looks whether it is open
			return struct {
				*progressConn
				syscall.Conn
			}{conn, raw}, nil
		}
		return conn, nil
	}
}

// progressConn is a connection whose deadlines move on with its bytes. go-redis sets
// one before it writes a command, and one before it reads the answer. For one goroutine
// at a time, but for Close.
type progressConn struct {
	net.Conn
	in, out pace
	unsent  int // what the kernel had not sent yet at the last look; -1 before the first
}

// pace is one direction of a connection, for one command.
type pace struct {
	begun, until time.Time // until is zero when there is no limit
	moved        int
}

func (p *pace) begin(until time.Time) { *p = pace{begun: time.Now(), until: until} }

// advance notes that n bytes have moved. When the deadline moves on it returns the new one.
func (p *pace) advance(n int) (until time.Time, changed bool) {
	p.moved += n
	if p.until.IsZero() {
		return p.until, false
	}
	until = time.Now().Add(silence)
	if last := p.begun.Add(longest(p.moved)); until.After(last) {
		until = last
	}
	if until.Sub(p.until) < silence/8 { // not for every few bytes
		return p.until, false
	}
	p.until = until
	return until, true
}

// SetDeadline implements net.Conn.
func (c *progressConn) SetDeadline(t time.Time) error {
	c.beginWriting(t)
	c.in.begin(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *progressConn) SetReadDeadline(t time.Time) error {
	c.in.begin(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *progressConn) SetWriteDeadline(t time.Time) error {
	c.beginWriting(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *progressConn) beginWriting(t time.Time) {
	c.out.begin(t)
	c.unsent = -1
}

// Read implements net.Conn.
func (c *progressConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		moved := n
		if n == 0 {
			if moved = c.drained(err); moved == 0 {
				return 0, err
			}
		}
		if until, changed := c.in.advance(moved); changed {
			if err := c.Conn.SetReadDeadline(until); err != nil {
				return n, err
			}
		} else if n == 0 {
			return 0, err // the last deadline
		}
		if n > 0 {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *progressConn) Write(b []byte) (n int, err error) {
	for {
		m, err := c.Conn.Write(b[n:min(len(b), n+writePiece)])
		n += m
		moved := m
		if err != nil {
			if m == 0 {
				moved = c.drained(err)
			}
			if moved == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				return n, err
			}
		}
		until, changed := c.out.advance(moved)
		switch {
		case changed:
			if err := c.Conn.SetWriteDeadline(until); err != nil {
				return n, err
			}
		case err != nil:
			return n, err // the last deadline
		}
		if n == len(b) {
			return n, nil
		}
	}
}

// drained is, when err says that a deadline has passed, how many bytes of the command
// have left the kernel since the last look: the connection is slow then, not silent.
func (c *progressConn) drained(err error) int {
	if c.out.moved < unseen || !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0
	}
	before := c.unsent
	if before < 0 {
		before = c.out.moved
	}
	left, ok := unsent(c.Conn)
	if !ok {
		return 0
	}
	c.unsent = left
	return max(before-left, 0)
}
