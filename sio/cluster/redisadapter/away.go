package redisadapter

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// unreached is an error of a command by this package's words: ErrAway when Redis has not
// answered, whatever the reason, and adapter.ErrTimeout, too, when that has taken too
// long. What Redis has answered, and a context that was cancelled, are left alone.
func unreached(err error) error {
	var reply redis.Error
	switch {
	case err == nil, errors.Is(err, ErrAway), errors.Is(err, ErrClosed), errors.Is(err, errNoCount), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, redis.ErrClosed):
		return ErrClosed
	case errors.As(err, &reply):
		return err
	case isTimeout(err) && !errors.Is(err, adapter.ErrTimeout):
		return fmt.Errorf("%w: %w: %w", ErrAway, adapter.ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// countServers is how many servers listen to a channel. It waits until this server can
// be answered by others.
func (c *channels) countServers(ctx context.Context, channel string, answers ...string) (int, error) {
	if err := c.awaitSubscribed(ctx, answers...); err != nil {
		return 0, unreached(err)
	}
	n, err := c.count(ctx, channel)
	return n, unreached(err)
}

// away is ErrAway, with the reason, while publishing or subscribing does not work.
func (c *channels) away() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.broken {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return nil
}

// Away implements cluster.Watcher.
func (b *pubsubBus) Away() error { return b.members.channels.away() }

// Away implements cluster.Watcher.
func (b *shardedBus) Away() error { return b.members.channels.away() }

// Away implements cluster.Watcher.
func (b *streamBus) Away() error { return b.members.channels.away() }

var (
	_ cluster.Watcher = (*pubsubBus)(nil)
	_ cluster.Watcher = (*shardedBus)(nil)
	_ cluster.Watcher = (*streamBus)(nil)
)
