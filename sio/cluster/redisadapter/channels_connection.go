package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// connection is one connection for subscriptions, which the first subscription
// makes. The link's goroutine calls its methods, except for read.
type connection struct {
	link    *link
	conn    *redis.PubSub
	ctx     context.Context // may connect until reading is set
	reading bool
	ended   chan struct{} // closed when reading has ended, with err
	err     error
	came    atomic.Uint64 // counts reads of bytes
	busy    atomic.Bool   // a receiver is called

	// For check.
	seen  uint64    // came at the last check
	quiet int       // checks since bytes have arrived
	due   time.Time // of the next check
}

var errSilent = errors.New("redisadapter: no answer")

func newConnection(l *link, client redis.UniversalClient) *connection {
	c := &connection{link: l, conn: client.Subscribe(l.c.ctx), ended: make(chan struct{})}
	c.ctx = counting(l.c.ctx, &c.came)
	return c
}

// close closes the connection and waits until no receiver is called any more.
func (c *connection) close() {
	c.conn.Close()
	if c.reading {
		<-c.ended
	}
}

func (c *connection) send(command func(ctx context.Context, names ...string) error, names []string) error {
	ctx, cancel := context.WithTimeout(c.ctx, answerTime)
	defer cancel()
	if err := command(ctx, names...); err != nil {
		return err
	}
	if !c.reading {
		c.reading = true
		c.ctx = connected(c.ctx)
		go c.read()
	}
	return nil
}

func (c *connection) subscribe(ctx context.Context, names ...string) error {
	if c.link.c.cfg.sharded {
		return c.conn.SSubscribe(ctx, names...)
	}
	return c.conn.Subscribe(ctx, names...)
}

func (c *connection) unsubscribe(ctx context.Context, names ...string) error {
	if c.link.c.cfg.sharded {
		return c.conn.SUnsubscribe(ctx, names...)
	}
	return c.conn.Unsubscribe(ctx, names...)
}

// check sends a PING on a silent connection, and returns an error if nothing
// arrives. Any bytes count as an answer, because PONG waits behind a large
// message. next is the time until the next check.
//
// The reader, this goroutine or the process may not have been scheduled. So
// silence is counted in checks that are in time, and before the last check the
// reader has a moment to read what the kernel has received.
func (c *connection) check() (next time.Duration, err error) {
	ping := c.link.c.cfg.pingTime
	late := time.Since(c.due) > ping/2 && !c.due.IsZero()
	came := c.came.Load()
	switch {
	case !c.reading, c.busy.Load(), came != c.seen:
		c.quiet = 0
	case late:
		c.quiet = min(c.quiet, 1)
	default:
		c.quiet++
	}
	c.seen, next = came, ping
	switch {
	case c.quiet == 1:
		err = c.send(func(ctx context.Context, _ ...string) error { return c.conn.Ping(ctx) }, nil)
	case c.quiet == 2:
		next = ping / 4
	case c.quiet > 2:
		return 0, fmt.Errorf("%w to PING for %v", errSilent, ping+ping/4)
	}
	c.due = time.Now().Add(next)
	return next, err
}

// read is the goroutine that receives.
func (c *connection) read() {
	defer close(c.ended)
	for c.err == nil {
		var m any
		if m, c.err = c.receive(); c.err != nil {
			return
		}
		c.busy.Store(true)
		c.came.Add(1)
		switch m := m.(type) {
		case *redis.Message:
			c.link.c.dispatch(m)
		case *redis.Subscription:
			c.err = c.link.answered(m)
		}
		c.busy.Store(false)
	}
}

// receive waits for the next message. go-redis panics on answers that it does
// not expect.
func (c *connection) receive() (m any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("redisadapter: an unexpected answer: %v", r)
		}
	}()
	return c.conn.Receive(c.ctx)
}
