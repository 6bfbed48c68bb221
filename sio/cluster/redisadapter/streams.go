package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// StreamsConfig configures [Streams]. Zero values are defaults, those of
// @socket.io/redis-streams-adapter where it has the option.
type StreamsConfig struct {
	// StreamName is the key of the stream; "socket.io" when empty.
	StreamName string
	// StreamCount is the number of streams over which the namespaces are
	// spread, with -0, -1 … appended to the name; 1 when 0. All servers must
	// have the same.
	StreamCount int
	// MaxLen is about how many entries a stream keeps; 10,000 when 0. Servers
	// and clients that are further behind lose entries.
	MaxLen int64
	// ReadCount bounds the entries of one read; 100 when 0. A read asks for
	// fewer after few or large entries, so that it returns about 4 MiB.
	ReadCount int64
	// BlockTime is how long a read waits for entries; 5 seconds when 0.
	BlockTime time.Duration
	// ChannelPrefix is the prefix of the channels for requests and answers;
	// "socket.io" when empty. All servers must have the same.
	ChannelPrefix string
	// UseShardedPubSub publishes them by SPUBLISH, so that a channel of a Redis
	// Cluster costs one node and not all. It needs Redis 7. All servers must
	// have the same.
	UseShardedPubSub bool
	// SessionPrefix is the prefix of the keys of sessions; "sio:session:" when
	// empty.
	SessionPrefix string
	// OnlyPlaintext writes bytes as JSON, in base64, too. Readers get strings
	// and not bytes.
	OnlyPlaintext bool

	// SessionLife is how long the session of a disconnected client is kept; 2
	// minutes when 0. It should be sio.Recovery's MaxDisconnectionDuration.
	SessionLife time.Duration
	// SessionGrace is how long a client that comes back waits for its session,
	// which the former server may not have written yet; 250 ms when 0.
	SessionGrace time.Duration
	// OrderTimeout is how long a packet of this server waits for its place in
	// the stream before it is delivered here without one; 250 ms when 0.
	OrderTimeout time.Duration
	// MaxQueued and MaxQueuedBytes bound the messages that wait for Redis, for
	// each stream and for the channels; 10,000 and 16 MiB when 0. An emit that
	// does not fit into the queue of a stream waits for up to QueueTimeout, but
	// not on an event loop, as in an inline handler, and not while Redis is
	// away: see StreamsStats.Dropped. For the channels see [ErrQueueFull].
	MaxQueued, MaxQueuedBytes int
	// MaxMessageBytes bounds one message, as it is written to Redis; 16 MiB
	// when 0, 512 MiB at most. An emit of a larger one fails with
	// sio.ErrTooLarge and reaches no client. It must not exceed Redis's
	// proto-max-bulk-len, 512 MiB by default: Redis would never take a larger
	// entry, which would block the stream.
	MaxMessageBytes int
	// QueueTimeout is how long an emit waits while the queue of a stream is
	// full; 5 seconds when 0. Then it fails with an error that is
	// [ErrQueueFull] and sio.ErrOverloaded, and reaches no client. On an event
	// loop it fails at once.
	QueueTimeout time.Duration

	// Node configures requests between servers.
	Node cluster.Config
	// Logger gets records about lost and restored connections, and is the
	// default of Node.Logger; slog.Default() when nil.
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
	cfg.Logger = safelog.Wrap(cfg.Logger)
	orDefault(&cfg.Node.Logger, cfg.Logger)
	return nil
}

func orDefault[T comparable](v *T, unset T) {
	var zero T
	if *v == zero {
		*v = unset
	}
}

// StreamsStats are the counters of a [Streams] since it was made, and gauges.
type StreamsStats struct {
	// Published and Received count entries of this and of other servers.
	Published, Received uint64
	// Dropped counts entries that other servers don't get because the queue was
	// full while Redis was away, or because of Close. SessionsDropped counts
	// sessions that were not written.
	Dropped, SessionsDropped uint64
	// Waited counts emits that have waited for a full queue, Refused those that
	// have failed because it stayed full. These have reached no client.
	Waited, Refused uint64
	// TooLarge counts emits that have failed because of MaxMessageBytes.
	// Channels has its own counter.
	TooLarge uint64
	// Gaps counts places of the streams where this server has lost entries:
	// they were trimmed before they were read, the stream was created again, or
	// a new master has not received them. No client is recovered across a gap.
	// Missed counts the lost entries of servers of this kind, which number
	// them. Other entries can't be counted.
	Gaps, Missed uint64
	// Invalid counts malformed entries, Duplicates entries that were added
	// twice because the outcome was not known the first time.
	Invalid, Duplicates uint64
	// Lost counts outages of Redis, for each stream.
	Lost uint64
	// Queued is the number of entries that wait for the streams.
	Queued int
	// Connected reports whether the last command for each stream, and for the
	// channels, has succeeded.
	Connected bool
	// Channels has the counters of the channels, which carry requests and
	// answers, and of the nodes. Its Received also counts entries of the
	// streams.
	Channels Stats
}

// Streams connects servers by Redis Streams. Safe for concurrent use.
type Streams struct {
	cfg          StreamsConfig
	writer       string // identifies the entries of this Streams
	members      *members
	client       redis.UniversalClient // that of members; commands end with their contexts
	streamClient redis.UniversalClient // for streams: see streams_conn.go

	sessions *sessions

	mu      sync.Mutex
	streams map[string]*stream // by key
	closed  bool
}

// NewStreams checks cfg. It opens connections of its own with the options of
// client: three for each stream, two for the channels, and further ones for
// sessions and requests. The connections for streams have their own time
// limits: Redis may be silent for 2 seconds, and after 10 seconds at least 16
// KiB a second must move on average. NewStreams uses client itself only if its
// type is not one of go-redis.
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
	s.streamClient = streamClient(s.client, 4*cfg.StreamCount)
	s.sessions = newSessions(s)
	return s, nil
}

// Adapter connects a namespace and starts to read its stream. It is the value
// of sio.Config.Adapter.
func (s *Streams) Adapter(local adapter.Local) adapter.Adapter {
	st := s.stream(streamKey(s.cfg.StreamName, s.cfg.StreamCount, local.Namespace()))
	n := &streamNode{stream: st, local: local}
	n.Adapter = s.members.add(local, s.cfg.Node, func(uid string, receive func(m *cluster.Message), ended <-chan struct{}) cluster.Bus {
		n.bus = s.open(st, local, uid, receive, ended)
		return n.bus
	})
	return n
}

// stream returns the stream with a key. The first call starts to read it.
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

// Stats returns the counters of all streams and of the channels.
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

// Close sends the messages that wait for Redis, for two seconds at most, and
// closes the connections. Call it after the servers that use it were closed.
// Only the first call has an effect.
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
	if s.streamClient != s.client {
		err = errors.Join(err, s.streamClient.Close()) // ends reads that wait
	}
	<-s.sessions.done
	for _, st := range s.streams {
		st.leave()
	}
	return err
}
