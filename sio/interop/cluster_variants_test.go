package interop

import (
	"log/slog"
	"maps"
	"reflect"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

// variant is a way to connect servers by Redis.
type variant struct {
	name    string
	adapter string         // of cluster.mjs
	options map[string]any // of the npm package
	emitter map[string]any // options of its emitter; nil when it has none
	connect func(r *redistest.Server) (connection, error)
	pending func(c connection) int // requests to other servers
	send    func(r *redistest.Server) (sender, error)
}

// sender is an emitter's way to servers.
type sender interface {
	emitter.Sender
	Close() error
}

// connection is a way to other servers, of those in package redisadapter.
type connection interface {
	Adapter(local adapter.Local) adapter.Adapter
	Close() error
}

var quiet = slog.New(slog.DiscardHandler)

var variants = []variant{
	pubsub("pubsub", redisadapter.PubSubConfig{}),
	pubsub("pubsub with own channels", redisadapter.PubSubConfig{Key: "mine", PublishOnSpecificResponseChannel: true}),
	sharded("sharded", redisadapter.ShardedConfig{}),
	sharded("sharded, static", redisadapter.ShardedConfig{SubscriptionMode: redisadapter.ModeStatic, ChannelPrefix: "mine"}),
	sharded("sharded, private", redisadapter.ShardedConfig{SubscriptionMode: redisadapter.ModeDynamicPrivate}),
	streams("streams", redisadapter.StreamsConfig{}),
	streams("streams with own names", redisadapter.StreamsConfig{StreamName: "mine", StreamCount: 3, ChannelPrefix: "mine", UseShardedPubSub: true}),
}

func pubsub(name string, cfg redisadapter.PubSubConfig) variant {
	cfg.Logger = quiet
	options := set(map[string]any{"key": cfg.Key, "publishOnSpecificResponseChannel": cfg.PublishOnSpecificResponseChannel})
	return variant{
		name: name, adapter: "pubsub", options: options, emitter: options,
		connect: func(r *redistest.Server) (connection, error) { return redisadapter.NewPubSub(r.Client, cfg) },
		send:    func(r *redistest.Server) (sender, error) { return redisadapter.NewPubSubSender(r.Client, cfg) },
		pending: func(c connection) int { return c.(*redisadapter.PubSub).Stats().Nodes.Requests },
	}
}

func sharded(name string, cfg redisadapter.ShardedConfig) variant {
	cfg.Logger = quiet
	options := set(map[string]any{"channelPrefix": cfg.ChannelPrefix, "subscriptionMode": cfg.SubscriptionMode})
	return variant{
		name: name, adapter: "sharded", options: options,
		connect: func(r *redistest.Server) (connection, error) { return redisadapter.NewSharded(r.Client, cfg) },
		send:    func(r *redistest.Server) (sender, error) { return redisadapter.NewShardedSender(r.Client, cfg) },
		pending: func(c connection) int { return c.(*redisadapter.Sharded).Stats().Nodes.Requests },
	}
}

func streams(name string, cfg redisadapter.StreamsConfig) variant {
	cfg.Logger = quiet
	options := set(map[string]any{
		"streamName": cfg.StreamName, "streamCount": cfg.StreamCount,
		"channelPrefix": cfg.ChannelPrefix, "useShardedPubSub": cfg.UseShardedPubSub,
	})
	emits := options
	if cfg.StreamCount > 1 {
		emits = nil // it writes to one stream
	}
	return variant{
		name: name, adapter: "streams", options: options, emitter: emits,
		connect: func(r *redistest.Server) (connection, error) { return redisadapter.NewStreams(r.Client, cfg) },
		pending: func(c connection) int { return c.(*redisadapter.Streams).Stats().Channels.Nodes.Requests },
		send:    func(r *redistest.Server) (sender, error) { return redisadapter.NewStreamsSender(r.Client, cfg) },
	}
}

// set gives the options that are not as they are without.
func set(options map[string]any) map[string]any {
	maps.DeleteFunc(options, func(_ string, v any) bool { return reflect.ValueOf(v).IsZero() })
	return options
}

// join connects a server, until the test's end.
func (v variant) join(t *testing.T, r *redistest.Server) connection {
	t.Helper()
	c, err := v.connect(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
