package redisadapter

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// stream is one stream of Redis. Safe for concurrent use. The lock delivering
// is taken before mu. mu is never held while a namespace is called.
type stream struct {
	owner   *Streams
	cfg     *StreamsConfig
	client  redis.UniversalClient // for sessions and histories
	redis   redis.UniversalClient // for reading and writing
	key     string
	ctx     context.Context // of all commands
	cancel  context.CancelFunc
	wake    chan struct{} // an entry was queued
	written chan struct{} // closed when the writing goroutine has ended
	running sync.WaitGroup

	delivering sync.Mutex // held while namespaces are called, for one packet at a time

	mu           sync.Mutex
	buses        map[string][]*streamBus // by namespace; the lists are never changed in place
	last         string                  // id of the last dispatched entry; "" until the first check
	since        string                  // see startAt
	moved        chan struct{}           // closed when since changes, and replaced
	writers      map[string]sight        // last entry of each
	former       map[string]sight        // of writers without recent entries
	queue        []entry
	queuedBytes  int
	waitingCalls waitQueue[waitingEntry]
	number       uint64
	met          uint64                // number of the last own entry that was read
	waiting      map[uint64]*keptEntry // own packets without a place, by number
	inOrder      []*keptEntry          // packets that are not delivered, oldest first
	timer        *time.Timer           // nil if it is not set
	lost, ended  bool
	failed       [2]bool // whether the last command of each half failed
	stats        StreamsStats

	late, lateBytes int // packets without a place that wait for their delivery

	waitingBytes int
	forgotten    uint64 // number of the last own entry that gets no offset
	eldest       uint64 // no packet with a smaller number waits
}

const (
	manyWriters = 5_000   // writers that are remembered, besides as many former ones
	readBytes   = 4 << 20 // about the bytes of one read, if entries have similar sizes
	firstCount  = 16      // entries of a read after few entries
	largeEntry  = 16 << 10
)

func newStream(s *Streams, key string) *stream {
	st := &stream{
		owner: s, cfg: &s.cfg, client: s.client, redis: s.streamClient, key: key,
		wake: make(chan struct{}, 1), written: make(chan struct{}), moved: make(chan struct{}),
		buses: make(map[string][]*streamBus), writers: make(map[string]sight), waiting: make(map[uint64]*keptEntry),
	}
	st.ctx, st.cancel = context.WithCancel(context.Background())
	st.running.Go(st.read)
	st.running.Go(st.write)
	return st
}

func (st *stream) add(b *streamBus) {
	st.mu.Lock()
	defer st.mu.Unlock()
	b.since = st.last
	if before(b.since, st.since) {
		b.since = st.since
	}
	st.buses[b.namespace] = append(slices.Clip(st.buses[b.namespace]), b)
}

func (st *stream) remove(b *streamBus) {
	st.delivering.Lock() // waits for running calls
	defer st.delivering.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(st.buses[b.namespace]), func(other *streamBus) bool { return other == b })
	if len(left) == 0 {
		delete(st.buses, b.namespace)
	} else {
		st.buses[b.namespace] = left
	}
}

func (st *stream) addTo(all *StreamsStats) {
	st.mu.Lock()
	defer st.mu.Unlock()
	all.Published += st.stats.Published
	all.Received += st.stats.Received
	all.Dropped += st.stats.Dropped
	all.Waited += st.stats.Waited
	all.Refused += st.stats.Refused
	all.TooLarge += st.stats.TooLarge
	all.Gaps += st.stats.Gaps
	all.Missed += st.stats.Missed
	all.Invalid += st.stats.Invalid
	all.Duplicates += st.stats.Duplicates
	all.Lost += st.stats.Lost
	all.Queued += len(st.queue)
	all.Connected = all.Connected && !st.lost && st.last != ""
}

// half is one half of a stream.
type half int

const (
	reading half = iota
	writing
)

// note notes the outcome of a read or a write, and logs changes. Redis is lost
// while either half fails.
func (st *stream) note(h half, err error) {
	st.mu.Lock()
	st.failed[h] = err != nil
	lost := st.failed[reading] || st.failed[writing]
	changed := st.lost != lost && !st.ended
	if changed {
		st.lost = lost
		if st.lost {
			st.stats.Lost++
			st.admitWaiting() // no call waits any more
		}
	}
	st.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		st.cfg.Logger.Warn("redisadapter: the stream is away; packets are delivered here, and queued for other servers", "stream", st.key, "error", err)
		st.overdue(time.Now().Add(st.cfg.OrderTimeout))
	default:
		st.cfg.Logger.Info("redisadapter: the stream is back", "stream", st.key)
	}
}

// finish ends the goroutines. Unless Redis is lost, the queue is sent before,
// until ctx ends.
func (st *stream) finish(ctx context.Context) {
	st.mu.Lock()
	st.ended = true
	st.refuseWaiting()
	lost := st.lost
	st.mu.Unlock()
	wake(st.wake)
	if !lost {
		select {
		case <-st.written:
		case <-ctx.Done():
		}
	}
	st.cancel()
}

// leave ends the stream after its client was closed. It waits for the
// goroutines, and counts the entries that were not sent.
func (st *stream) leave() {
	st.running.Wait()
	st.mu.Lock()
	st.stats.Dropped += uint64(len(st.queue))
	st.queue = nil
	st.mu.Unlock()
	st.overdue(time.Now().Add(st.cfg.OrderTimeout))
}
