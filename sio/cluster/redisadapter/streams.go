package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// StreamsConfig configures [Streams]. Zero values are defaults, those of
// @socket.io/redis-streams-adapter where it has the option.
type StreamsConfig struct {
	// StreamName is the key of the stream; "socket.io" when empty.
	StreamName string
	// StreamCount is over how many streams, with -0, -1 … behind the name, the
	// namespaces are spread; 1 when 0. All servers must have the same.
	StreamCount int
	// MaxLen is about how many entries a stream keeps; 10,000 when 0. Servers and
	// clients that are behind by more have lost some.
	MaxLen int64
	// ReadCount is how many entries are read at once at most; 100 when 0. Fewer are when
	// there were few, or large ones, before: about 4 MiB are read at once.
	ReadCount int64
	// BlockTime is how long a read waits for entries; 5 seconds when 0.
	BlockTime time.Duration
	// ChannelPrefix begins the names of the channels that requests to other servers and
	// their answers go by; "socket.io" when empty.
	ChannelPrefix string
	// UseShardedPubSub has them published by SPUBLISH: in a Redis Cluster a channel then
	// costs one node and not all. It needs Redis 7. All servers must have the same.
	UseShardedPubSub bool
	// SessionPrefix begins the keys of sessions; "sio:session:" when empty.
	SessionPrefix string
	// OnlyPlaintext writes bytes as JSON, too, base64 in a string: readers don't get
	// them back as bytes.
	OnlyPlaintext bool

	// SessionLife is how long the session of a client that is gone is kept; 2 minutes
	// when 0. It should be sio.Recovery's MaxDisconnectionDuration.
	SessionLife time.Duration
	// SessionGrace is how long a session that is not there is waited for: the server
	// that has the client may be about to notice that it is gone; 250 ms when 0.
	SessionGrace time.Duration
	// OrderTimeout is how long a packet of this server may wait for its place in the
	// stream before it is delivered here without one; 250 ms when 0.
	OrderTimeout time.Duration
	// MaxQueued and MaxQueuedBytes bound, for each stream and for the channels, what
	// waits for Redis; 10,000 and 16 MiB when 0. Whoever emits what a stream's queue has
	// no room for waits until it has. While Redis is away nothing waits, and on a loop,
	// in an inline handler, nothing may: see QueueTimeout and StreamsStats.Dropped. For
	// the channels see [ErrQueueFull].
	MaxQueued, MaxQueuedBytes int
	// MaxMessageBytes bounds one message, as it is written to Redis; 16 MiB when 0, 512 MiB
	// at most. An emit of a larger one fails with sio.ErrTooLarge and reaches no client.
	// Redis would never take what is larger than its proto-max-bulk-len, 512 MiB by
	// default, and the stream would stand still.
	MaxMessageBytes int
	// QueueTimeout is how long an emitter waits for room in a stream's queue before its
	// call fails with an error that is [ErrQueueFull] and sio.ErrOverloaded; 5 seconds
	// when 0. No client has then got the event. On a loop the call fails at once.
	QueueTimeout time.Duration

	// Node says how requests to other servers are dealt with.
	Node cluster.Config
	// Logger is told of lost and regained connections, and for Node, unless that has
	// its own; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *StreamsConfig) withDefaults() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"StreamCount", int64(cfg.StreamCount)}, {"MaxLen", cfg.MaxLen}, {"ReadCount", cfg.ReadCount},
		{"BlockTime", int64(cfg.BlockTime)}, {"SessionLife", int64(cfg.SessionLife)}, {"SessionGrace", int64(cfg.SessionGrace)}, {"OrderTimeout", int64(cfg.OrderTimeout)},
		{"QueueTimeout", int64(cfg.QueueTimeout)},
	} {
		if f.value < 0 {
			return fmt.Errorf("redisadapter: StreamsConfig.%s is %d; it must be positive, or 0 for the default", f.name, f.value)
		}
	}
	if err := validate("StreamsConfig", cfg.Node, cfg.MaxQueued, cfg.MaxQueuedBytes, cfg.MaxMessageBytes); err != nil {
		return err
	}
	orDefault(&cfg.StreamName, "socket.io")
	orDefault(&cfg.StreamCount, 1)
	orDefault(&cfg.MaxLen, 10_000)
	orDefault(&cfg.ReadCount, 100)
	orDefault(&cfg.BlockTime, 5*time.Second)
	orDefault(&cfg.ChannelPrefix, "socket.io")
	orDefault(&cfg.SessionPrefix, "sio:session:")
	orDefault(&cfg.SessionLife, 2*time.Minute)
	orDefault(&cfg.SessionGrace, 250*time.Millisecond)
	orDefault(&cfg.OrderTimeout, 250*time.Millisecond)
	orDefault(&cfg.MaxQueued, 10_000)
	orDefault(&cfg.MaxQueuedBytes, 16<<20)
	orDefault(&cfg.MaxMessageBytes, defaultMaxMessage)
	orDefault(&cfg.QueueTimeout, 5*time.Second)
	orDefault(&cfg.Logger, slog.Default())
	orDefault(&cfg.Node.Logger, cfg.Logger)
	return nil
}

func orDefault[T comparable](v *T, unset T) {
	var zero T
	if *v == zero {
		*v = unset
	}
}

// StreamsStats are figures since the start.
type StreamsStats struct {
	// Published and Received are entries of this and of other servers.
	Published, Received uint64
	// Dropped is what a full queue, while Redis was away, or the end has kept from other
	// servers; SessionsDropped are sessions that could not be kept.
	Dropped, SessionsDropped uint64
	// Waited is how many emits have waited for room in a queue, Refused how many have
	// failed because there was none; none of this server's clients has got those either.
	Waited, Refused uint64
	// TooLarge is how many emits have failed because of MaxMessageBytes; what goes by
	// channels is in Channels.
	TooLarge uint64
	// Gaps is in how many places of the streams entries were lost to this server: they
	// were trimmed before they were read, a stream has begun anew, or another master has
	// not got its latest entries. No client comes back across a gap. Missed is how many
	// entries were lost, of those that servers of this kind have written: these are
	// numbered. Others can't be counted.
	Gaps, Missed uint64
	// Invalid is entries that could not be understood, Duplicates entries that were
	// added twice because the outcome was not known the first time.
	Invalid, Duplicates uint64
	// Lost is how often Redis went away, for each stream.
	Lost uint64
	// Queued is what waits for the streams now.
	Queued int
	// Connected is whether the last that was tried with each stream, and with the
	// channels, has succeeded.
	Connected bool
	// Channels are the figures of the channels, for requests and answers, and of the
	// namespaces' nodes, which also get what comes through streams: it is among what
	// Channels has Received.
	Channels Stats
}

// Streams connects servers by Redis Streams. Safe for concurrent use.
type Streams struct {
	cfg     StreamsConfig
	writer  string // tells the entries of this Streams from others
	members *members
	client  redis.UniversalClient // that of members; commands end with their contexts
	patient redis.UniversalClient // for streams: see progress.go

	sessions *sessions

	mu      sync.Mutex
	streams map[string]*stream // by key
	closed  bool
}

// NewStreams checks cfg. The options of client are used for connections of its
// own: three for each stream, two for the channels, and those that sessions and requests
// need. The time limits of those for streams are the package's own: Redis may be silent
// for 2 seconds, and on average at least 16 KiB a second must pass after 10 seconds.
// client itself is not used, unless it is of a type that is not go-redis's own.
func NewStreams(client redis.UniversalClient, cfg StreamsConfig) (*Streams, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	s := &Streams{cfg: cfg, writer: cluster.NewUID(), streams: make(map[string]*stream)}
	s.members = newMembers(client, channelsConfig{
		sharded: cfg.UseShardedPubSub, maxQueued: cfg.MaxQueued, maxQueuedBytes: cfg.MaxQueuedBytes,
		maxMessage: cfg.MaxMessageBytes, logger: cfg.Logger.With("of", "requests and answers"),
	})
	s.client = s.members.client
	s.patient = patient(s.client, 4*cfg.StreamCount)
	s.sessions = newSessions(s)
	return s, nil
}

// Adapter connects a namespace: give it to sio.Config.Adapter. The namespace's
// stream is read from now on.
func (s *Streams) Adapter(local adapter.Local) adapter.Adapter {
	st := s.stream(streamKey(s.cfg.StreamName, s.cfg.StreamCount, local.Namespace()))
	n := &streamNode{stream: st, local: local}
	n.Adapter = s.members.add(local, s.cfg.Node, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		n.bus = s.open(st, local, uid, receive, ended)
		return n.bus
	})
	return n
}

// stream is the one with a key, which is read from the first time on.
func (s *Streams) stream(key string) *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[key]
	if st == nil {
		st = newStream(s, key)
		s.streams[key] = st
		if s.closed {
			st.finish(st.ctx)
			st.leave()
		}
	}
	return st
}

// Stats returns the figures of all streams, and of the channels.
func (s *Streams) Stats() StreamsStats {
	all := StreamsStats{Channels: s.members.stats(), SessionsDropped: s.sessions.dropped.Load()}
	all.Connected = all.Channels.Connected
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.addTo(&all)
	}
	return all
}

// Close ends everything. Call it after the servers that use it were closed: what
// waits for Redis is sent before, within two seconds. Only the first call has something
// to do.
func (s *Streams) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, st := range s.streams {
		st.finish(ctx)
	}
	s.sessions.finish(ctx)
	err := s.members.close()
	if s.patient != s.client {
		err = errors.Join(err, s.patient.Close()) // ends reads that wait
	}
	<-s.sessions.done
	for _, st := range s.streams {
		st.leave()
	}
	return err
}
