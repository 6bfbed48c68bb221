package redisadapter

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// PubSubConfig configures [PubSub]. Zero values are defaults, those of
// @socket.io/redis-adapter where it has the option.
type PubSubConfig struct {
	// Key begins the names of all channels; "socket.io" when empty. All servers must
	// have the same.
	Key string
	// PublishOnSpecificResponseChannel has answers reach only the server that has
	// asked. Servers with versions of the reference before 7.1 don't get them then.
	PublishOnSpecificResponseChannel bool
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

	// Node says how requests to other servers are dealt with; its RequestTimeout is the
	// reference's requestsTimeout. UID is not used.
	Node cluster.Config
	// Logger is told of lost and regained connections, and for Node, unless that has
	// its own; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *PubSubConfig) withDefaults() error {
	if err := validate("PubSubConfig", cfg.Node, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxMessageBytes); err != nil {
		return err
	}
	orDefault(&cfg.Key, "socket.io")
	orDefault(&cfg.MaxMessageBytes, defaultMaxMessage)
	orDefault(&cfg.Logger, slog.Default())
	orDefault(&cfg.Node.Logger, cfg.Logger)
	return nil
}

// PubSub connects servers by Redis Pub/Sub, in the wire format of
// @socket.io/redis-adapter 8.3: other servers get what is published while they
// are connected to Redis, once at most. Safe for concurrent use.
//
// It differs from the reference in this: SocketsJoin, SocketsLeave and
// DisconnectSockets act on this server's sockets at once, and with or without Redis.
type PubSub struct {
	cfg PubSubConfig
	*members
}

// NewPubSub checks cfg. The options of client are used for connections of its own:
// one that subscribes, one that publishes, and those that requests need. client itself
// is not used, unless it is of a type that is not go-redis's own.
func NewPubSub(client redis.UniversalClient, cfg PubSubConfig) (*PubSub, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return &PubSub{cfg, newMembers(client, channelsConfig{
		maxQueued: cfg.MaxQueued, maxQueuedBytes: cfg.MaxQueuedBytes, maxMessage: cfg.MaxMessageBytes, logger: cfg.Logger,
	})}, nil
}

// Adapter connects a namespace: give it to sio.Config.Adapter.
func (p *PubSub) Adapter(local adapter.Local) adapter.Adapter {
	cfg := p.cfg.Node
	cfg.UID = pubsubIDs()
	return p.add(local, cfg, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		return p.open(local, uid, receive, ended)
	})
}

// Stats returns the figures of all namespaces together.
func (p *PubSub) Stats() Stats { return p.stats() }

// Close ends everything. Call it after the servers that use it were closed: what
// waits for Redis is sent before, within a second. Only the first call has something to
// do.
func (p *PubSub) Close() error { return p.close() }

// pubsubIDs makes the UID of a node and then the ids of its requests, which begin with
// it: all nodes get all answers, and those to others need not be looked into.
func pubsubIDs() func() string {
	uid := ""
	return func() string {
		if uid == "" {
			uid = pubsubID()
			return uid
		}
		return uid + pubsubID()
	}
}

// pubsubID is 6 random characters of A-Z, a-z, 0-9, - and _.
func pubsubID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])[:6]
}
