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

// The time limits of channels follow progress: a connection stays open while
// bytes move, however long that takes. go-redis has one deadline for a whole
// command or pipeline, and counts the time in which the process did not run. So
// the connections of channelClient replace each deadline with a limit on
// silence.
//
// When a deadline passes, the kernel may have received bytes, because the
// process or the goroutine did not run. So there is one more attempt to read
// before a connection is closed, and a wait that lasted much longer than
// planned does not count.

const (
	pieceSize = 32 << 10 // bytes of one write, which has a limit of its own
	lastShare = 8        // the last attempt has this fraction of the limit
)

// channelClient returns a client with the options of a result of ownClient,
// whose connections are closed when nothing moves for answerTime. Contexts
// limit the wait for a connection, not reads and writes. A client of a type
// that is not one of go-redis is returned itself.
func channelClient(client redis.UniversalClient) redis.UniversalClient {
	switch c := client.(type) {
	case failoverClient:
		return redis.NewClient(channelOptions(c.Options()))
	case *redis.Client:
		return redis.NewClient(channelOptions(c.Options()))
	case *redis.ClusterClient:
		o := *c.Options()
		limitSilence(dialChannel, &o.Dialer, &o.MaxRetries, &o.DialerRetries, &o.ReadTimeout, &o.WriteTimeout)
		o.ContextTimeoutEnabled, o.MaintNotificationsConfig = false, quiet()
		return redis.NewClusterClient(&o)
	}
	return client
}

// isOwn reports whether channelClient makes a client of its own of client,
// which must be closed too.
func isOwn(client redis.UniversalClient) bool {
	switch client.(type) {
	case failoverClient, *redis.Client, *redis.ClusterClient:
		return true
	}
	return false
}

func channelOptions(options *redis.Options) *redis.Options {
	o := *options
	limitSilence(dialChannel, &o.Dialer, &o.MaxRetries, &o.DialerRetries, &o.ReadTimeout, &o.WriteTimeout)
	o.ContextTimeoutEnabled, o.MaintNotificationsConfig = false, quiet()
	return &o
}

// limitSilence sets the options of a client that makes connections by wrap,
// which limit silence to answerTime, and repeats nothing. Clients of one Redis
// and of a cluster have different types of options with the same fields.
func limitSilence(wrap func(dialer) dialer, dial *dialer, retries, dials *int, read, write *time.Duration) {
	*dial = wrap(*dial)
	*retries, *dials = -1, 1
	*read, *write = answerTime, answerTime
}

// dialChannel returns dial with connections that limit silence.
func dialChannel(dial dialer) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		inner, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		came, _ := ctx.Value(counted{}).(*atomic.Uint64)
		return withRaw(newChannelConn(inner, answerTime, came), inner), nil
	}
}

// withRaw returns conn with the descriptor of inner, which conn wraps: go-redis
// checks whether the descriptor is open.
func withRaw(conn, inner net.Conn) net.Conn {
	if raw, ok := inner.(syscall.Conn); ok {
		return rawConn{conn, raw}
	}
	return conn
}

// rawConn is a connection with a descriptor.
type rawConn struct {
	net.Conn
	raw syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (c rawConn) SyscallConn() (syscall.RawConn, error) { return c.raw.SyscallConn() }

// counting returns a context for making a connection that counts its reads in
// came.
func counting(ctx context.Context, came *atomic.Uint64) context.Context {
	return context.WithValue(ctx, counted{}, came)
}

type counted struct{}

// channelConn is a connection whose deadlines are limits on silence. One
// goroutine may read, one write.
type channelConn struct {
	net.Conn
	limit         time.Duration
	came          *atomic.Uint64 // counts reads of bytes
	reads, writes atomic.Bool    // whether they are limited
	unsentAtRead  int            // bytes that the kernel had not sent at the last check
	unsentAtWrite int            // guarded by mu
	mu            sync.Mutex
	timer         *time.Timer
	writing       bool
	last          bool      // this is the last attempt
	due           time.Time // when the timer fires
}

func newChannelConn(inner net.Conn, limit time.Duration, came *atomic.Uint64) *channelConn {
	if came == nil {
		came = new(atomic.Uint64)
	}
	return &channelConn{Conn: inner, limit: limit, came: came}
}

// SetDeadline implements net.Conn: any time limits silence, the zero time does
// not.
func (c *channelConn) SetDeadline(t time.Time) error {
	c.writes.Store(!t.IsZero())
	return c.SetReadDeadline(t)
}

// SetReadDeadline is SetDeadline for reading.
func (c *channelConn) SetReadDeadline(t time.Time) error {
	c.reads.Store(!t.IsZero())
	if t.IsZero() {
		return c.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is SetDeadline for writing.
func (c *channelConn) SetWriteDeadline(t time.Time) error {
	c.writes.Store(!t.IsZero())
	return nil
}

// Read implements net.Conn.
func (c *channelConn) Read(b []byte) (n int, err error) {
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

// share returns the limit of one attempt.
func (c *channelConn) share(last bool) time.Duration {
	if last {
		return c.limit / lastShare
	}
	return c.limit
}

// late reports whether the process has not run in the meantime.
func (c *channelConn) late(due time.Time) bool { return time.Since(due) > c.limit/2 }

// drains reports whether the kernel has sent bytes since the last check, at
// which left bytes were unsent.
func (c *channelConn) drains(left *int) bool {
	before := *left
	*left = 0
	if n, ok := unsent(c.Conn); ok {
		*left = n
	}
	return *left > 0 && *left != before
}

// Write implements net.Conn.
func (c *channelConn) Write(b []byte) (n int, err error) {
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

// begin starts the limit of a write. It is a timer and not a deadline, because
// TLS can't continue after a deadline.
func (c *channelConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = true
	c.arm(false)
}

func (c *channelConn) arm(last bool) {
	wait := c.share(last)
	c.last, c.due = last, time.Now().Add(wait)
	if c.timer == nil {
		c.timer = time.AfterFunc(wait, c.judge)
	} else {
		c.timer.Reset(wait)
	}
}

func (c *channelConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
	c.timer.Stop()
}

// judge ends a write that makes no progress.
func (c *channelConn) judge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.writing, time.Now().Before(c.due): // that write has ended
	case c.late(c.due), c.drains(&c.unsentAtWrite):
		c.arm(false)
	case !c.last:
		c.arm(true)
	default:
		_ = c.Conn.SetWriteDeadline(time.Now())
	}
}

// Close implements net.Conn.
func (c *channelConn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	return err
}
