package redis

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// sessions keeps sessions in Redis: a key each, MessagePack in base64.
type sessions struct {
	owner   *Streams
	queue   chan pendingSession
	ended   chan struct{} // closed when no more come
	stop    chan struct{} // closed when it is too late to try again
	done    chan struct{} // closed when nothing is stored any more
	asking  chan struct{} // bounds how many ask Redis at once
	dropped atomic.Uint64
}

type pendingSession struct {
	key, value string
	until      time.Time
}

const (
	maxSessions  = 65_536 // that wait for Redis
	maxAsking    = 64
	historyPage  = 100                  // entries that are asked for at once
	historyBytes = 4 << 20              // after which a history ends; a page may pass it
	entryCost    = 256                  // of an entry beside its data
	graceStep    = 5 * time.Millisecond // the first wait for a session, then doubled
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

// write is the goroutine that stores sessions, and tries again until their time is over.
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

// next waits for sessions; there are none at the end.
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
	_, err := p.owner.client.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
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

// finish stores what is queued, until ctx ends.
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

// ask calls f, which asks Redis something for a client that comes back, when not
// too many others do.
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

// insist is [sessions.ask], again and again while Redis fails, until ctx or the stream
// ends. That a key is not there is an answer.
func (n *streamNode) insist(ctx context.Context, f func() error) error {
	for {
		err := n.stream.owner.sessions.ask(ctx, f)
		if err == nil || errors.Is(err, goredis.Nil) {
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
			value, err = n.take(ctx, cfg.SessionPrefix+pid)
			return err
		})
		if err == nil {
			b, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return s, false
			}
			return parseSession(b)
		}
		if !errors.Is(err, goredis.Nil) || time.Since(begun)+wait > cfg.SessionGrace {
			return s, false
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return s, false
		}
	}
}

// take gets a key's value and deletes it. When the connection breaks the value may be
// gone, if only the answer was lost.
func (n *streamNode) take(ctx context.Context, key string) (string, error) {
	var got *goredis.StringCmd
	_, err := n.stream.client.TxPipelined(ctx, func(pipe goredis.Pipeliner) error {
		got = pipe.Get(ctx, key)
		pipe.Del(ctx, key)
		return nil
	})
	if err != nil {
		return "", err
	}
	return got.Result()
}

func parseSession(b []byte) (s adapter.Session, ok bool) {
	var w struct {
		SID   string      `json:"sid"`
		PID   string      `json:"pid"`
		Rooms []string    `json:"rooms"`
		Data  msgpack.Raw `json:"data"`
	}
	if err := msgpack.DecodeValue(b, &w); err != nil {
		return s, false
	}
	if slices.ContainsFunc(w.Rooms, func(room string) bool { return strings.Contains(room, "\uFFFD") }) && !msgpack.WellFormed(b) {
		return s, false // JavaScript has names that can't be told here: another room must not be joined
	}
	data := json.RawMessage("{}")
	if w.Data != nil {
		var err error
		if data, err = msgpack.AppendJSON(nil, w.Data); err != nil {
			return s, false
		}
	}
	return adapter.Session{ID: w.SID, PID: w.PID, Rooms: w.Rooms, Data: data}, true
}

var errTrimmed = errors.New("redis: the stream was trimmed too early")

// History implements adapter.Recoverer.
func (n *streamNode) History(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	st := n.stream
	err = st.owner.sessions.ask(ctx, func() error {
		st.mu.Lock()
		read := st.last // what is not after it was in the stream before
		st.mu.Unlock()
		var all bool
		if list, upTo, all, err = n.after(ctx, after); err != nil {
			return err
		}
		oldest, err := st.client.XRangeN(ctx, st.key, "-", "+", 1).Result()
		if err != nil {
			return err
		}
		if len(oldest) == 0 || before(after, oldest[0].ID) {
			return errTrimmed
		}
		if all && before(upTo, read) {
			upTo = read
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return list, upTo, nil
}

// after returns the namespace's packets after an offset, and the last entry that
// was looked at; all tells that the stream had no more.
func (n *streamNode) after(ctx context.Context, offset string) (list []adapter.Kept, last string, all bool, err error) {
	st := n.stream
	writers := make(map[string]uint64)
	for size := 0; size < historyBytes; {
		page, err := st.client.XRangeN(ctx, st.key, "("+offset, "+", historyPage).Result()
		if err != nil {
			return nil, "", false, err
		}
		for _, m := range page {
			offset = m.ID
			e, ok := parseEntry(m.Values)
			size += entryCost + len(e.data)
			if !ok || e.writer != "" && e.number <= writers[e.writer] {
				continue
			}
			if e.writer != "" {
				writers[e.writer] = e.number
			}
			if e.namespace != n.local.Namespace() || e.kind != cluster.Broadcast {
				continue
			}
			b, err := e.message()
			if err != nil || b.RequestID != "" || b.Options.Volatile {
				continue
			}
			b.Packet.Offset = m.ID
			list = append(list, adapter.Kept{Packet: b.Packet, Options: b.Options})
		}
		if len(page) < historyPage {
			return list, offset, true, nil
		}
	}
	return list, offset, false, nil
}
