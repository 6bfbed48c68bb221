package redisadapter

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// PubSubConfig configures [PubSub]. Zero values are defaults, those of
// @socket.io/redis-adapter where it has the option.
type PubSubConfig struct {
	// Key is the prefix of all channels; "socket.io" when empty. All servers
	// must have the same.
	Key string
	// PublishOnSpecificResponseChannel sends answers only to the server that
	// asks. Versions of the reference before 7.1 don't get them then.
	PublishOnSpecificResponseChannel bool
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

	// Node configures requests between servers. Its RequestTimeout is the
	// reference's requestsTimeout. Its UID is not used.
	Node cluster.Config
	// Logger gets records about lost and restored connections, and is the
	// default of Node.Logger; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *PubSubConfig) withDefaults() error {
	if err := validate("PubSubConfig", cfg.Node, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxMessageBytes); err != nil {
		return err
	}
	orDefault(&cfg.Key, "socket.io")
	orDefault(&cfg.MaxMessageBytes, defaultMaxMessage)
	cfg.Logger = safelog.Wrap(cfg.Logger)
	orDefault(&cfg.Node.Logger, cfg.Logger)
	return nil
}

// PubSub connects servers by Redis Pub/Sub, in the wire format of
// @socket.io/redis-adapter 8.3. Other servers get a message at most once, if
// they are connected to Redis when it is published. Safe for concurrent use.
//
// Other than with the reference, SocketsJoin, SocketsLeave and
// DisconnectSockets act on this server's sockets at once, even without Redis.
type PubSub struct {
	cfg PubSubConfig
	*members
}

// NewPubSub checks cfg. It opens connections of its own with the options of
// client: one subscribes, one publishes, and requests need more. It uses client
// itself only if its type is not one of go-redis.
func NewPubSub(client redis.UniversalClient, cfg PubSubConfig) (*PubSub, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return &PubSub{cfg, newMembers(client, channelsConfig{
		maxQueued: cfg.MaxQueued, maxQueuedBytes: cfg.MaxQueuedBytes, maxMessage: cfg.MaxMessageBytes, logger: cfg.Logger,
	})}, nil
}

// Adapter connects a namespace. It is the value of sio.Config.Adapter.
func (p *PubSub) Adapter(local adapter.Local) adapter.Adapter {
	cfg := p.cfg.Node
	cfg.UID = pubsubIDs()
	return p.add(local, cfg, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		return p.open(local, uid, receive, ended)
	})
}

// Stats returns the sums over all namespaces.
func (p *PubSub) Stats() Stats { return p.stats() }

// Close sends the messages that wait for Redis, for a second at most, and
// closes the connections. If Redis does not answer, it takes two seconds in
// all. Call it after the servers that use it were closed. Only the first call
// has an effect.
func (p *PubSub) Close() error { return p.close() }

// pubsubIDs returns a function that makes the UID of a node and then the ids of
// its requests. These begin with the UID, so that a node need not decode
// answers to other nodes.
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

// pubsubID returns 6 random characters of A-Z, a-z, 0-9, - and _.
func pubsubID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])[:6]
}
