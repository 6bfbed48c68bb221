package redisadapter

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
)

// StreamsSender sends the messages of an emitter to servers with [Streams], or
// with the reference's streams adapter. It writes what
// @socket.io/redis-streams-emitter 0.1 does. Events get offsets as those of
// servers do, so clients that are away get them when they come back. Safe for
// concurrent use.
type StreamsSender struct {
	cfg          StreamsConfig
	client       redis.UniversalClient // its own
	streamClient redis.UniversalClient // for sending
}

// NewStreamsSender checks cfg, which should be that of the servers; it uses
// StreamName, StreamCount, MaxLen, MaxMessageBytes and OnlyPlaintext. It opens
// connections of its own with the options of client, unless the type of client
// is not one of go-redis.
func NewStreamsSender(client redis.UniversalClient, cfg StreamsConfig) (*StreamsSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = ownClient(client)
	return &StreamsSender{cfg, client, streamClient(client, 1)}, nil
}

// Send adds m to its namespace's stream. It waits until Redis has answered, ctx
// ends, or Redis is silent for 2 seconds. A large message on a slow link may
// take longer. Errors are those of [ChannelSender.Send]. Send implements
// emitter.Sender.
func (s *StreamsSender) Send(ctx context.Context, m *cluster.Message) error {
	text, err := data(m, s.cfg.OnlyPlaintext)
	if err != nil {
		return err
	}
	if len(text) > s.cfg.MaxMessageBytes {
		return tooLarge(len(text), s.cfg.MaxMessageBytes)
	}
	e := entry{uid: m.UID, namespace: m.Namespace, kind: m.Type, data: text}
	if err := ctx.Err(); err != nil {
		return err
	}
	return unreached(within(ctx, func() error { return s.send(undated{ctx}, &e) }))
}

func (s *StreamsSender) send(ctx context.Context, e *entry) error {
	return s.streamClient.XAdd(ctx, s.cfg.add(streamKey(s.cfg.StreamName, s.cfg.StreamCount, e.namespace), e)).Err()
}

// undated is a context without a deadline. go-redis would use the deadline for
// connections, which stay open while bytes move. A command that waits for a
// connection still ends with the context.
type undated struct{ context.Context }

// Deadline implements context.Context.
func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }

// Close closes the connections. Send fails with [ErrClosed] afterwards.
func (s *StreamsSender) Close() error {
	if s.streamClient == s.client {
		return hangUp(s.client)
	}
	return errors.Join(hangUp(s.streamClient), hangUp(s.client))
}
