package redisadapter

import (
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// SubscriptionMode selects the rooms that have channels of their own. All
// servers must have the same.
type SubscriptionMode string

// The modes of the reference.
const (
	// ModeStatic uses no channels for rooms: every server gets every message.
	ModeStatic SubscriptionMode = "static"
	// ModeDynamic uses a channel for each room, except for rooms whose names
	// have 20 characters, as the ids of sockets do.
	ModeDynamic SubscriptionMode = "dynamic"
	// ModeDynamicPrivate uses a channel for every room, also for that of each
	// socket's id.
	ModeDynamicPrivate SubscriptionMode = "dynamic-private"
)

// ShardedConfig configures [Sharded]. Zero values are defaults, those of the
// reference where it has the option.
type ShardedConfig struct {
	// ChannelPrefix is the prefix of all channels; "socket.io" when empty. All
	// servers must have the same.
	ChannelPrefix string
	// SubscriptionMode is ModeDynamic when empty.
	SubscriptionMode SubscriptionMode
	// MaxQueued and MaxQueuedBytes bound the messages that wait for Redis, once
	// for events and once for answers to other servers; 10,000 and 16 MiB when
	// 0. An emit that does not fit waits for up to 5 s, but not on an event
	// loop. Then it fails with [ErrQueueFull] and reaches no client. Other
	// calls act on this server's sockets only. Answers that don't fit are lost
	// and count in Stats.Lost.
	MaxQueued, MaxQueuedBytes int
	// MaxMessageBytes bounds one message to other servers; 16 MiB when 0, 512
	// MiB at most. An emit of a larger one fails with sio.ErrTooLarge and
	// reaches no client. It should be below Redis's client-output-buffer-limit
	// for subscribers, 32 MiB by default: Redis closes the connection of a
	// server for which more waits.
	MaxMessageBytes int

	// Node configures requests between servers.
	Node cluster.Config
	// Logger gets records about lost and restored connections, and is the
	// default of Node.Logger; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *ShardedConfig) withDefaults() error {
	if err := validate("ShardedConfig", cfg.Node, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxMessageBytes); err != nil {
		return err
	}
	orDefault(&cfg.ChannelPrefix, "socket.io")
	orDefault(&cfg.SubscriptionMode, ModeDynamic)
	orDefault(&cfg.MaxMessageBytes, defaultMaxMessage)
	cfg.Logger = safelog.Wrap(cfg.Logger)
	orDefault(&cfg.Node.Logger, cfg.Logger)
	switch cfg.SubscriptionMode {
	case ModeStatic, ModeDynamic, ModeDynamicPrivate:
		return nil
	}
	return fmt.Errorf("redisadapter: ShardedConfig.SubscriptionMode is %q; it must be %q, %q or %q", cfg.SubscriptionMode, ModeStatic, ModeDynamic, ModeDynamicPrivate)
}

// Sharded connects servers by the sharded Pub/Sub of Redis 7 and later, in the
// wire format of createShardedAdapter of @socket.io/redis-adapter 8.3. Other
// servers get a message at most once, if they are connected to Redis when it is
// published. Safe for concurrent use.
type Sharded struct {
	cfg ShardedConfig
	*members
}

// NewSharded checks cfg. It opens connections of its own with the options of
// client: one subscribes and one publishes, each to every node of a Redis
// Cluster, and requests need more. It uses client itself only if its type is
// not one of go-redis.
func NewSharded(client redis.UniversalClient, cfg ShardedConfig) (*Sharded, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return &Sharded{cfg, newMembers(client, channelsConfig{
		sharded: true, maxQueued: cfg.MaxQueued, maxQueuedBytes: cfg.MaxQueuedBytes, maxMessage: cfg.MaxMessageBytes, logger: cfg.Logger,
	})}, nil
}

// Adapter connects a namespace. It is the value of sio.Config.Adapter.
func (s *Sharded) Adapter(local adapter.Local) adapter.Adapter {
	return s.add(local, s.cfg.Node, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		return s.open(local, uid, receive, ended)
	})
}

// Stats returns the sums over all namespaces.
func (s *Sharded) Stats() Stats { return s.stats() }

// Close sends the messages that wait for Redis, for a second at most, and
// closes the connections. If Redis does not answer, it takes two seconds in
// all. Call it after the servers that use it were closed. Only the first call
// has an effect.
func (s *Sharded) Close() error { return s.close() }
