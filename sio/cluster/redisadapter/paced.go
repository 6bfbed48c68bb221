package redisadapter

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Time limits follow progress: a connection that passes bytes lives, however long they
// take. go-redis has one deadline for all of a command or a pipeline, and counts the
// time in which the process did not run. So the connections of a paced client replace
// each deadline by a limit on silence.
//
// A deadline that has passed says nothing about what the kernel has received meanwhile,
// because the process, or the goroutine, may not have been running. So there is one more
// attempt to read before a connection is given up, and a wait that was much longer than
// it was to be does not count.

const (
	pieceSize = 32 << 10 // bytes that are written in one step, each with its own limit
	lastShare = 8        // the last attempt takes this part of the limit
)

// paced is a client with the options of one that own has made, whose connections are
// given up when nothing moves for answerTime. Contexts limit how long one is awaited,
// not what is read or written. A client of a type that is not go-redis's own is not
// paced, but returned.
func paced(client redis.UniversalClient) redis.UniversalClient {
	switch c := client.(type) {
	case failoverClient:
		return redis.NewClient(pacedOptions(c.Options()))
	case *redis.Client:
		return redis.NewClient(pacedOptions(c.Options()))
	case *redis.ClusterClient:
		o := *c.Options()
		o.MaxRetries, o.DialerRetries = -1, 1
		o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout = false, answerTime, answerTime
		o.MaintNotificationsConfig = quiet()
		o.Dialer = pacing(o.Dialer)
		return redis.NewClusterClient(&o)
	}
	return client
}

// isPaced reports whether paced makes a client of another one, which is to be closed
// for itself.
func isPaced(client redis.UniversalClient) bool {
	switch client.(type) {
	case failoverClient, *redis.Client, *redis.ClusterClient:
		return true
	}
	return false
}

func pacedOptions(options *redis.Options) *redis.Options {
	o := *options
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout = false, answerTime, answerTime
	o.MaintNotificationsConfig = quiet()
	o.Dialer = pacing(o.Dialer)
	return &o
}

// within waits for f until ctx ends. f goes on then.
func within(ctx context.Context, f func() error) error {
	if ctx.Done() == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pacing is dial with connections that follow progress.
func pacing(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		inner, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		came, _ := ctx.Value(counted{}).(*atomic.Uint64)
		return withRaw(newPacedConn(inner, answerTime, came), inner), nil
	}
}

// withRaw is conn with the descriptor of inner, which it wraps: go-redis looks whether
// that is open.
func withRaw(conn, inner net.Conn) net.Conn {
	if raw, ok := inner.(syscall.Conn); ok {
		return rawConn{conn, raw}
	}
	return conn
}

// rawConn is a connection that knows its descriptor.
type rawConn struct {
	net.Conn
	raw syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (c rawConn) SyscallConn() (syscall.RawConn, error) { return c.raw.SyscallConn() }

// counting is a context for making a connection of a paced client that counts how often
// bytes come.
func counting(ctx context.Context, came *atomic.Uint64) context.Context {
	return context.WithValue(ctx, counted{}, came)
}

type counted struct{}

// pacedConn is a connection whose deadlines are limits on silence. One goroutine may
// read, one write.
type pacedConn struct {
	net.Conn
	limit         time.Duration
	came          *atomic.Uint64 // how often bytes have come
	reads, writes atomic.Bool    // have a limit
	unsentAtRead  int            // what the kernel had not sent at the last look
	unsentAtWrite int            // guarded by mu
	mu            sync.Mutex
	timer         *time.Timer
	writing       bool
	last          bool      // the write is offered its last share of the limit
	due           time.Time // when the timer is to fire
}

func newPacedConn(inner net.Conn, limit time.Duration, came *atomic.Uint64) *pacedConn {
	if came == nil {
		came = new(atomic.Uint64)
	}
	return &pacedConn{Conn: inner, limit: limit, came: came}
}

// SetDeadline implements net.Conn: any time is a limit on silence, the zero time is none.
func (c *pacedConn) SetDeadline(t time.Time) error {
	c.writes.Store(!t.IsZero())
	return c.SetReadDeadline(t)
}

// SetReadDeadline is SetDeadline for reading.
func (c *pacedConn) SetReadDeadline(t time.Time) error {
	c.reads.Store(!t.IsZero())
	if t.IsZero() {
		return c.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is SetDeadline for writing.
func (c *pacedConn) SetWriteDeadline(t time.Time) error {
	c.writes.Store(!t.IsZero())
	return nil
}

// Read implements net.Conn.
func (c *pacedConn) Read(b []byte) (n int, err error) {
	for last := false; ; {
		wait := c.share(last)
		begun := time.Now()
		limited := c.reads.Load()
		if limited {
			if err := c.Conn.SetReadDeadline(begun.Add(wait)); err != nil {
				return 0, err
			}
		}
		n, err = c.Conn.Read(b)
		if n > 0 {
			c.came.Add(1)
		}
		if n > 0 || !limited || !isTimeout(err) {
			return n, err
		}
		switch {
		case c.late(begun.Add(wait)), c.drains(&c.unsentAtRead):
			last = false
		case last:
			return 0, err
		default:
			last = true
		}
	}
}

// share is how long a wait is to be.
func (c *pacedConn) share(last bool) time.Duration {
	if last {
		return c.limit / lastShare
	}
	return c.limit
}

// late reports whether the process can't have been running.
func (c *pacedConn) late(due time.Time) bool { return time.Since(due) > c.limit/2 }

// drains reports whether the kernel has sent something since the last look, at which
// left bytes waited.
func (c *pacedConn) drains(left *int) bool {
	before := *left
	*left = 0
	if n, ok := unsent(c.Conn); ok {
		*left = n
	}
	return *left > 0 && *left != before
}

// Write implements net.Conn.
func (c *pacedConn) Write(b []byte) (n int, err error) {
	if !c.writes.Load() {
		return c.Conn.Write(b)
	}
	for {
		c.begin()
		m, err := c.Conn.Write(b[:min(len(b), pieceSize)])
		c.end()
		n, b = n+m, b[m:]
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
}

// begin limits a step of writing. The limit is a timer's, not a deadline: after a
// deadline TLS can't go on.
func (c *pacedConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = true
	c.arm(false)
}

func (c *pacedConn) arm(last bool) {
	wait := c.share(last)
	c.last, c.due = last, time.Now().Add(wait)
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.judge)
	} else {
		c.timer.Reset(wait)
	}
}

func (c *pacedConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	c.timer.Stop()
}

// judge ends a step of writing that does not get on.
func (c *pacedConn) judge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.writing, time.Now().Before(c.due): // that step has ended
	case c.late(c.due), c.drains(&c.unsentAtWrite):
		c.arm(false)
	case !c.last:
		c.arm(true)
	default:
		_ = c.Conn.SetWriteDeadline(time.Now())
	}
}

// Close implements net.Conn.
func (c *pacedConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	return err
}
