package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// connection is one connection for subscriptions, which is made by the first of them.
// Its methods, apart from read, are for the link's goroutine.
type connection struct {
	link    *link
	conn    *goredis.PubSub
	ctx     context.Context // connects, at first
	reading bool
	ended   chan struct{} // closed when reading has ended, with err
	err     error
	begun   time.Time
	silent  atomic.Int64 // since when nothing has come, as a time since begun; none while a message is handed on
}

const (
	subscribeCount = 500 // names a command
	none           = -1
)

var errSilent = errors.New("redis: no answer")

func newConnection(l *link, client goredis.UniversalClient) *connection {
	return &connection{
		link: l, conn: client.Subscribe(l.c.ctx), ctx: l.c.ctx, ended: make(chan struct{}), begun: time.Now(),
	}
}

// close ends the connection and waits until nothing more is received from it.
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

// check asks a silent connection for an answer, and gives up one that gives none.
func (c *connection) check() error {
	since := c.silent.Load()
	if !c.reading || since == none {
		return nil
	}
	silence := time.Since(c.begun) - time.Duration(since)
	switch ping := c.link.c.cfg.pingTime; {
	case silence > 2*ping:
		return fmt.Errorf("%w for %v", errSilent, silence.Round(time.Millisecond))
	case silence > ping/2:
		return c.send(func(ctx context.Context, _ ...string) error { return c.conn.Ping(ctx) }, nil)
	}
	return nil
}

// read is the goroutine that receives.
func (c *connection) read() {
	defer close(c.ended)
	for c.err == nil {
		c.silent.Store(int64(time.Since(c.begun)))
		var m any
		if m, c.err = c.receive(); c.err != nil {
			return
		}
		c.silent.Store(none)
		switch m := m.(type) {
		case *goredis.Message:
			c.link.c.dispatch(m)
		case *goredis.Subscription:
			c.err = c.link.answered(m)
		}
	}
}

// receive waits for what comes next. go-redis panics about answers that it does not
// expect.
func (c *connection) receive() (m any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("redis: an unexpected answer: %v", r)
		}
	}()
	return c.conn.Receive(c.ctx)
}
