package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
)

// StreamsSender is an emitter's way to servers that are connected by [Streams], and to
// those with the reference's streams adapter: it writes what
// @socket.io/redis-streams-emitter 0.1 does. Events get offsets like those of
// servers, so clients that are away get them when they come back. Safe for
// concurrent use.
type StreamsSender struct {
	cfg    StreamsConfig
	client goredis.UniversalClient // its own
}

// NewStreamsSender checks cfg, which should be that of the servers; it uses StreamName,
// StreamCount, MaxLen and OnlyPlaintext. The options of client are used for
// connections of its own, unless it is of a type that is not go-redis's own.
func NewStreamsSender(client goredis.UniversalClient, cfg StreamsConfig) (*StreamsSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return &StreamsSender{cfg, own(client)}, nil
}

// Send adds m to its namespace's stream, and waits until Redis has done so, ctx's
// deadline, or a timeout of the client. After an error m may have been added; it is as
// that of [ChannelSender.Send]. It implements emitter.Sender.
func (s *StreamsSender) Send(ctx context.Context, m *cluster.Message) error {
	text, err := data(m, s.cfg.OnlyPlaintext)
	if err != nil {
		return err
	}
	e := entry{uid: m.UID, namespace: m.Namespace, kind: m.Type, data: text}
	return unreached(s.client.XAdd(ctx, s.cfg.add(streamKey(s.cfg.StreamName, s.cfg.StreamCount, m.Namespace), &e)).Err())
}

// Close closes the connections. Send fails with [ErrClosed] afterwards.
func (s *StreamsSender) Close() error { return hangUp(s.client) }
