package redisadapter

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// ChannelSender is an emitter's way to servers that are connected by [PubSub] or
// [Sharded], or by the reference's adapters of that kind. Safe for concurrent use.
type ChannelSender struct {
	client  redis.UniversalClient // its own
	traffic redis.UniversalClient // as client, but paced
	max     int                   // bytes of a message
	publish func(ctx context.Context, channel string, payload any) *redis.IntCmd
	encode  func(m *cluster.Message) (channel string, payload []byte, err error)
}

// NewPubSubSender makes a sender to servers with [PubSub]: it publishes what
// @socket.io/redis-emitter 5.1 does. It checks cfg, which should be that of the
// servers, and uses Key. The options of client are used for connections of its own,
// unless it is of a type that is not go-redis's own.
func NewPubSubSender(client redis.UniversalClient, cfg PubSubConfig) (*ChannelSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = own(client)
	traffic := paced(client)
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

// NewShardedSender makes a sender to servers with [Sharded]; the reference has none. It
// checks cfg, which should be that of the servers, and uses ChannelPrefix and
// SubscriptionMode. The options of client are used for connections of its own, unless
// it is of a type that is not go-redis's own.
func NewShardedSender(client redis.UniversalClient, cfg ShardedConfig) (*ChannelSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = own(client)
	traffic := paced(client)
	return &ChannelSender{client, traffic, cfg.MaxMessageBytes, traffic.SPublish, func(m *cluster.Message) (string, []byte, error) {
		payload, err := wire.Append(nil, m)
		return shardedChannel(cfg.ChannelPrefix+"#"+m.Namespace+"#", cfg.SubscriptionMode, m), payload, err
	}}, nil
}

// Send publishes m, and waits until Redis has done so, or until the end of ctx. It gives
// up when Redis is silent for 2 seconds; a slow connection may take longer. After an
// error m may have been published, unless that is cluster.ErrTooLarge: it is [ErrAway]
// when Redis has not answered, and adapter.ErrTimeout, too, when a time limit was the
// reason. It implements
// emitter.Sender.
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
	if isPaced(s.client) {
		_ = s.traffic.Close()
	}
	return hangUp(s.client)
}

// hangUp closes a client that may be closed already.
func hangUp(client redis.UniversalClient) error {
	if err := client.Close(); !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}
