package redisadapter

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// sessions stores sessions in Redis, each in a key of its own, as MessagePack
// in base64.
type sessions struct {
	owner   *Streams
	queue   chan pendingSession
	ended   chan struct{} // closed when no sessions are added any more
	stop    chan struct{} // closed when the goroutine must end
	done    chan struct{} // closed when the goroutine has ended
	asking  chan struct{} // bounds the calls that use Redis at once
	dropped atomic.Uint64
}

type pendingSession struct {
	key, value string
	until      time.Time
}

const (
	maxSessions = 65_536 // sessions that wait for Redis
	maxAsking   = 64
	graceStep   = 5 * time.Millisecond // the first wait for a session, then doubled
)

func newSessions(s *Streams) *sessions {
	p := &sessions{
		owner: s, queue: make(chan pendingSession, maxSessions),
		ended: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
		asking: make(chan struct{}, maxAsking),
	}
	go p.write()
	return p
}

// write is the goroutine that stores sessions. It tries again until they have
// expired.
func (p *sessions) write() {
	defer close(p.done)
	for batch := p.next(); len(batch) > 0; batch = p.next() {
		for p.store(batch) != nil {
			select {
			case <-time.After(retryTime):
			case <-p.stop:
				p.dropped.Add(uint64(len(batch) + len(p.queue)))
				return
			}
		}
	}
}

// next waits for sessions. There are none at the end.
func (p *sessions) next() (batch []pendingSession) {
	select {
	case s := <-p.queue:
		batch = append(batch, s)
	case <-p.ended:
	}
	for len(p.queue) > 0 && len(batch) < batchSize {
		batch = append(batch, <-p.queue)
	}
	return batch
}

func (p *sessions) store(batch []pendingSession) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	late := uint64(0)
	_, err := p.owner.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, s := range batch {
			if left := time.Until(s.until); left > time.Millisecond {
				pipe.Set(ctx, s.key, s.value, left)
			} else {
				late++
			}
		}
		return nil
	})
	if err == nil {
		p.dropped.Add(late)
	}
	return err
}

// finish stores the queued sessions, until ctx ends.
func (p *sessions) finish(ctx context.Context) {
	close(p.ended)
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	close(p.stop)
}

func (p *sessions) isEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ask calls f, which uses Redis for a client that comes back, when fewer than
// maxAsking calls run.
func (p *sessions) ask(ctx context.Context, f func() error) error {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Persist implements adapter.Recoverer.
func (n *streamNode) Persist(s adapter.Session) {
	p := n.stream.owner.sessions
	cfg := n.stream.cfg
	b, err := msgpack.AppendValue(nil, s)
	if err == nil && !p.isEnded() {
		select {
		case p.queue <- pendingSession{cfg.SessionPrefix + s.PID, base64.StdEncoding.EncodeToString(b), time.Now().Add(cfg.SessionLife)}:
			return
		default:
		}
	}
	p.dropped.Add(1)
}

// insist calls [sessions.ask] again while Redis fails, until ctx or the stream
// ends. A missing key or entry is not a failure.
func (n *streamNode) insist(ctx context.Context, f func() error) error {
	for {
		err := n.stream.owner.sessions.ask(ctx, f)
		if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, adapter.ErrGap) {
			return err
		}
		select {
		case <-time.After(retryTime):
		case <-ctx.Done():
			return err
		case <-n.stream.ctx.Done():
			return err
		}
	}
}

// Restore implements adapter.Recoverer.
func (n *streamNode) Restore(ctx context.Context, pid, offset string, seen bool) (s adapter.Session, ok bool) {
	if !seen {
		err := n.insist(ctx, func() error {
			list, err := n.stream.client.XRangeN(ctx, n.stream.key, offset, offset, 1).Result()
			seen = len(list) > 0
			return err
		})
		if err != nil || !seen {
			return s, false
		}
	}
	cfg := n.stream.cfg
	begun := time.Now()
	for wait := graceStep; ; wait *= 2 {
		value := ""
		err := n.insist(ctx, func() (err error) {
			value, err = n.stream.client.Get(ctx, cfg.SessionPrefix+pid).Result()
			return err
		})
		if err == nil && !isTaken(value) {
			return readSession(value)
		}
		if err != nil && !errors.Is(err, redis.Nil) || time.Since(begun)+wait > cfg.SessionGrace {
			return s, false
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return s, false
		}
	}
}

// takenLife is how long the mark of a taken session is kept: longer than Take
// tries again.
const takenLife = 30 * time.Second

// Take implements adapter.Recoverer. It replaces the session with a mark. If
// only the answer of Redis is lost, the next attempt finds the mark.
func (n *streamNode) Take(ctx context.Context, s adapter.Session) (taken bool) {
	ctx, cancel := context.WithTimeout(ctx, takenLife/2)
	defer cancel()
	key, mark := n.stream.cfg.SessionPrefix+s.PID, newMark()
	err := n.insist(ctx, func() error {
		taken = false
		return n.stream.client.Watch(ctx, func(tx *redis.Tx) error {
			value, err := tx.Get(ctx, key).Result()
			if err != nil {
				return err
			}
			if taken = value == mark; taken {
				return nil
			}
			if isTaken(value) {
				return redis.Nil
			}
			if now, ok := readSession(value); !ok || !same(now, s) {
				return redis.Nil
			}
			_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
				pipe.Set(ctx, key, mark, takenLife)
				return nil
			})
			taken = err == nil
			return err
		}, key)
	})
	return err == nil && taken
}

func same(a, b adapter.Session) bool {
	return a.ID == b.ID && a.PID == b.PID && slices.Equal(a.Rooms, b.Rooms) && bytes.Equal(a.Data, b.Data)
}

// markPrefix is base64 of bytes that are not MessagePack, so servers of the
// reference find no session in a mark either.
const markPrefix = "wcHB"

func newMark() string {
	return markPrefix + base64.StdEncoding.EncodeToString([]byte(cluster.NewUID()))
}

func isTaken(value string) bool { return strings.HasPrefix(value, markPrefix) }

// readSession parses the value of a key.
func readSession(value string) (s adapter.Session, ok bool) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return s, false
	}
	return parseSession(b)
}

func parseSession(b []byte) (s adapter.Session, ok bool) {
	var w struct {
		SID   string      `json:"sid"`
		PID   string      `json:"pid"`
		Rooms []string    `json:"rooms"`
		Data  msgpack.Raw `json:"data"`
		NSP   string      `json:"nsp"`
	}
	if err := msgpack.DecodeValue(b, &w); err != nil {
		return s, false
	}
	if slices.ContainsFunc(w.Rooms, func(room string) bool { return strings.Contains(room, "\uFFFD") }) && !msgpack.WellFormed(b) {
		return s, false // perhaps a name of JavaScript that is not Unicode: the client must not join another room
	}
	data := json.RawMessage("{}")
	if w.Data != nil {
		var err error
		if data, err = msgpack.AppendJSON(nil, w.Data); err != nil {
			return s, false
		}
	}
	return adapter.Session{ID: w.SID, PID: w.PID, Rooms: w.Rooms, Data: data, Namespace: w.NSP}, true
}
