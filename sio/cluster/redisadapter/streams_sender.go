package redisadapter

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster"
)

// StreamsSender is an emitter's way to servers that are connected by [Streams], and to
// those with the reference's streams adapter: it writes what
// @socket.io/redis-streams-emitter 0.1 does. Events get offsets like those of
// servers, so clients that are away get them when they come back. Safe for
// concurrent use.
type StreamsSender struct {
	cfg     StreamsConfig
	client  redis.UniversalClient // its own
	patient redis.UniversalClient // which sends
}

// NewStreamsSender checks cfg, which should be that of the servers; it uses StreamName,
// StreamCount, MaxLen, MaxMessageBytes and OnlyPlaintext. The options of client are used for
// connections of its own, unless it is of a type that is not go-redis's own.
func NewStreamsSender(client redis.UniversalClient, cfg StreamsConfig) (*StreamsSender, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	client = own(client)
	return &StreamsSender{cfg, client, patient(client, 1)}, nil
}

// Send adds m to its namespace's stream, and waits until Redis has done so, ctx is done,
// or Redis is silent for 2 seconds: a large message on a slow link may take longer. After
// an error m may have been added, unless that is cluster.ErrTooLarge; it is as that of
// [ChannelSender.Send]. It implements emitter.Sender.
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
	done := make(chan error, 1)
	go func() { done <- s.send(undated{ctx}, &e) }()
	select {
	case err := <-done:
		return unreached(err)
	case <-ctx.Done():
		return unreached(ctx.Err())
	}
}

func (s *StreamsSender) send(ctx context.Context, e *entry) error {
	return s.patient.XAdd(ctx, s.cfg.add(streamKey(s.cfg.StreamName, s.cfg.StreamCount, e.namespace), e)).Err()
}

// undated is a context without its deadline, which go-redis would take for that of
// connections: they go on while bytes move. A command that waits for a connection still
// ends with the context.
type undated struct{ context.Context }

// Deadline implements context.Context.
func (undated) Deadline() (time.Time, bool) { return time.Time{}, false }

// Close closes the connections. Send fails with [ErrClosed] afterwards.
func (s *StreamsSender) Close() error {
	if s.patient == s.client {
		return hangUp(s.client)
	}
	return errors.Join(hangUp(s.patient), hangUp(s.client))
}
