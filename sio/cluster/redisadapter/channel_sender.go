package redisadapter

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// ChannelSender sends the messages of an emitter to servers with [PubSub] or
// [Sharded], or with the reference's adapters of that kind. Safe for concurrent
// use.
type ChannelSender struct {
	client  redis.UniversalClient // its own
	traffic redis.UniversalClient // see channels_conn.go
	max     int                   // bytes of a message
	publish func(ctx context.Context, channel string, payload any) *redis.IntCmd
	encode  func(m *cluster.Message) (channel string, payload []byte, err error)
}

// NewPubSubSender returns a sender to servers with [PubSub]. It publishes what
// @socket.io/redis-emitter 5.1 does. It checks cfg, which should be that of the
// servers, and uses Key and MaxMessageBytes. It opens connections of its own
// with the options of client, unless the type of client is not one of go-redis.
func NewPubSubSender(client redis.UniversalClient, cfg PubSubConfig) (*ChannelSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = ownClient(client)
	traffic := channelClient(client)
	return &ChannelSender{client, traffic, cfg.MaxMessageBytes, traffic.Publish, func(m *cluster.Message) (string, []byte, error) {
		names := newPubSubNames(cfg.Key, m.Namespace, false)
		switch m.Type {
		case cluster.SocketsJoin, cluster.SocketsLeave, cluster.DisconnectSockets:
			anonymous := *m
			anonymous.UID = ""
			return names.encode(&anonymous)
		}
		return names.encode(m)
	}}, nil
}

// NewShardedSender returns a sender to servers with [Sharded]. The reference
// has none. It checks cfg, which should be that of the servers, and uses
// ChannelPrefix, SubscriptionMode and MaxMessageBytes. It opens connections of
// its own with the options of client, unless the type of client is not one of
// go-redis.
func NewShardedSender(client redis.UniversalClient, cfg ShardedConfig) (*ChannelSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = ownClient(client)
	traffic := channelClient(client)
	return &ChannelSender{client, traffic, cfg.MaxMessageBytes, traffic.SPublish, func(m *cluster.Message) (string, []byte, error) {
		payload, err := wire.Append(nil, m)
		return shardedChannel(cfg.ChannelPrefix+"#"+m.Namespace+"#", cfg.SubscriptionMode, m), payload, err
	}}, nil
}

// Send publishes m. It waits until Redis has answered, ctx ends, or Redis is
// silent for 2 seconds. A slow connection may take longer. The error is
// [ErrAway] if Redis has not answered, and also adapter.ErrTimeout if a time
// limit was the reason. After an error other than cluster.ErrTooLarge, m may
// have been published. Send implements emitter.Sender.
func (s *ChannelSender) Send(ctx context.Context, m *cluster.Message) error {
	channel, payload, err := s.encode(m)
	if err != nil {
		return err
	}
	if len(payload) > s.max {
		return tooLarge(len(payload), s.max)
	}
	return unreached(within(ctx, func() error { return s.publish(ctx, channel, payload).Err() }))
}

// Close closes the connections. Send fails with [ErrClosed] afterwards.
func (s *ChannelSender) Close() error {
	if isOwn(s.client) {
		_ = s.traffic.Close()
	}
	return hangUp(s.client)
}

// hangUp closes a client. It may be closed already.
func hangUp(client redis.UniversalClient) error {
	if err := client.Close(); !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}
