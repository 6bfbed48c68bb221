package redisadapter

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

var (
	// ErrAway is returned if there is no connection to Redis, or Redis does not
	// answer.
	ErrAway = errors.New("redisadapter: not connected")
	// ErrQueueFull is returned for a message that does not fit into the queue
	// for Redis. Unless Redis is away the error is also
	// [cluster.ErrOverloaded].
	ErrQueueFull = errors.New("redisadapter: too much waits for Redis")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("redisadapter: closed")
)

// unreached wraps the error of a command with ErrAway if Redis has not
// answered, and also with adapter.ErrTimeout if a time limit was the reason. It
// returns errors that Redis has answered, and that of a cancelled context,
// unchanged.
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

// countServers returns how many servers subscribe to a channel. It waits until
// this server is subscribed to the channels of answers.
func (c *channels) countServers(ctx context.Context, channel string, answers ...string) (int, error) {
	if err := c.awaitSubscribed(ctx, answers...); err != nil {
		return 0, unreached(err)
	}
	n, err := c.count(ctx, channel)
	return n, unreached(err)
}

// away returns ErrAway with the reason while publishing or subscribing fails,
// else nil.
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
