package redisadapter

import (
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// SubscriptionMode says which rooms have channels of their own. All servers must have
// the same.
type SubscriptionMode string

// The modes of the reference.
const (
	// ModeStatic has no channels for rooms: every server gets every message.
	ModeStatic SubscriptionMode = "static"
	// ModeDynamic has one for each room of a server's sockets, apart from those named by
	// the ids of the sockets themselves, and by any 20 characters.
	ModeDynamic SubscriptionMode = "dynamic"
	// ModeDynamicPrivate has one for every room, so two for each socket.
	ModeDynamicPrivate SubscriptionMode = "dynamic-private"
)

// ShardedConfig configures [Sharded]. Zero values are defaults, those of the
// reference where it has the option.
type ShardedConfig struct {
	// ChannelPrefix begins the names of all channels; "socket.io" when empty. All servers
	// must have the same.
	ChannelPrefix string
	// SubscriptionMode is ModeDynamic when empty.
	SubscriptionMode SubscriptionMode
	// MaxQueued and MaxQueuedBytes bound what waits for Redis: events of this server, and
	// answers to others, for themselves; 10,000 and 16 MiB when 0. An emit that does not
	// fit fails with [ErrQueueFull] and reaches no client; other calls act on this
	// server's sockets only. Answers that do not fit are counted.
	MaxQueued, MaxQueuedBytes int
	// MaxMessageBytes bounds one message to other servers; 16 MiB when 0, 512 MiB at
	// most. An emit of a larger one fails with sio.ErrTooLarge and reaches no client. Redis
	// cuts a server off for which more waits than its client-output-buffer-limit says,
	// 32 MiB by default.
	MaxMessageBytes int

	// Node says how requests to other servers are dealt with.
	Node cluster.Config
	// Logger is told of lost and regained connections, and for Node, unless that has
	// its own; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *ShardedConfig) withDefaults() error {
	if err := validate("ShardedConfig", cfg.Node, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxMessageBytes); err != nil {
		return err
	}
	orDefault(&cfg.ChannelPrefix, "socket.io")
	orDefault(&cfg.SubscriptionMode, ModeDynamic)
	orDefault(&cfg.MaxMessageBytes, defaultMaxMessage)
	orDefault(&cfg.Logger, slog.Default())
	orDefault(&cfg.Node.Logger, cfg.Logger)
	switch cfg.SubscriptionMode {
	case ModeStatic, ModeDynamic, ModeDynamicPrivate:
		return nil
	}
	return fmt.Errorf("redisadapter: ShardedConfig.SubscriptionMode is %q; it must be %q, %q or %q", cfg.SubscriptionMode, ModeStatic, ModeDynamic, ModeDynamicPrivate)
}

// Sharded connects servers by the sharded Pub/Sub of Redis 7 and later, in the wire
// format of the function createShardedAdapter of @socket.io/redis-adapter 8.3. Other
// servers get what is published while they are connected to Redis, once at most.
// Safe for concurrent use.
type Sharded struct {
	cfg ShardedConfig
	*members
}

// NewSharded checks cfg. The options of client are used for connections of its own:
// one that subscribes and one that publishes, each to every node of a Redis Cluster,
// and those that requests need. client itself is not used, unless it is of a type that
// is not go-redis's own.
func NewSharded(client redis.UniversalClient, cfg ShardedConfig) (*Sharded, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return &Sharded{cfg, newMembers(client, channelsConfig{
		sharded: true, maxQueued: cfg.MaxQueued, maxQueuedBytes: cfg.MaxQueuedBytes, maxMessage: cfg.MaxMessageBytes, logger: cfg.Logger,
	})}, nil
}

// Adapter connects a namespace: give it to sio.Config.Adapter.
func (s *Sharded) Adapter(local adapter.Local) adapter.Adapter {
	return s.add(local, s.cfg.Node, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		return s.open(local, uid, receive, ended)
	})
}

// Stats returns the figures of all namespaces together.
func (s *Sharded) Stats() Stats { return s.stats() }

// Close ends everything. Call it after the servers that use it were closed: what
// waits for Redis is sent before, within a second. Only the first call has something to
// do.
func (s *Sharded) Close() error { return s.close() }
