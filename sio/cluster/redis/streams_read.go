package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// stream is one stream of Redis as this process uses it. Safe for concurrent use.
// The lock turn is taken before mu; mu is never held when a namespace is called.
type stream struct {
	owner   *Streams
	cfg     *StreamsConfig
	client  goredis.UniversalClient
	key     string
	ctx     context.Context // of everything that is asked of Redis
	cancel  context.CancelFunc
	stop    chan struct{}
	wake    chan struct{} // something was queued
	written chan struct{} // closed when nothing is written any more
	running sync.WaitGroup

	turn sync.Mutex // held while namespaces are called: one packet has its turn at a time

	mu          sync.Mutex
	buses       map[string][]*streamBus // by namespace; the lists are never changed in place
	last        string                  // the entry that was dispatched last; "" before the beginning is known
	moved       chan struct{}           // closed when reading goes on elsewhere, and replaced
	writers     map[string]uint64       // the last number of each
	queue       []entry
	queuedBytes int
	number      uint64
	met         uint64                // the last own entry that was met
	waiting     map[uint64]*keptEntry // own packets whose turn may come, by number
	inOrder     []*keptEntry          // those not delivered yet, oldest first
	timer       *time.Timer           // nil when none is waited for
	lost, ended bool
	failed      [2]bool // what was tried last with either half
	stats       StreamsStats

	waitingBytes int
	forgotten    uint64 // the last own entry that would not be told of its turn
}

// manyWriters is how many writers are remembered.
const manyWriters = 10_000

func newStream(s *Streams, key string) *stream {
	st := &stream{
		owner: s, cfg: &s.cfg, client: s.client, key: key,
		stop: make(chan struct{}), wake: make(chan struct{}, 1), written: make(chan struct{}), moved: make(chan struct{}),
		buses: make(map[string][]*streamBus), writers: make(map[string]uint64), waiting: make(map[uint64]*keptEntry),
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
	st.buses[b.namespace] = append(slices.Clip(st.buses[b.namespace]), b)
}

func (st *stream) remove(b *streamBus) {
	st.turn.Lock() // whoever is being called has returned
	defer st.turn.Unlock()
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
	all.Gaps += st.stats.Gaps
	all.Invalid += st.stats.Invalid
	all.Duplicates += st.stats.Duplicates
	all.Lost += st.stats.Lost
	all.Queued += len(st.queue)
	all.Connected = all.Connected && !st.lost && st.last != ""
}

// read is the reading goroutine.
func (st *stream) read() {
	var checked, failed time.Time
	unsure := false // the last check has failed
	for st.ctx.Err() == nil {
		err := error(nil)
		if time.Since(checked) > time.Second {
			if err = st.check(); err == nil {
				checked = time.Now()
			} else if unsure { // once, only the connection may have broken
				st.note(reading, err)
			}
			unsure = err != nil
		}
		var list []goredis.XStream
		if err == nil {
			list, err = st.readOn()
		}
		switch {
		case errors.Is(err, goredis.Nil):
		case err != nil:
			again := time.Since(failed) > time.Second // at once: only the connection may have broken
			checked, failed = time.Time{}, time.Now()
			if again {
				continue
			}
			select {
			case <-time.After(retryTime):
			case <-st.stop:
			}
		default:
			for _, s := range list {
				for _, m := range s.Messages {
					st.dispatch(m)
				}
			}
		}
	}
}

// readOn waits for the next entries. A server that does not even say that there are
// none is given up.
func (st *stream) readOn() ([]goredis.XStream, error) {
	ctx, cancel := context.WithTimeout(st.ctx, st.cfg.BlockTime+writeTime)
	defer cancel()
	return st.client.XRead(ctx, &goredis.XReadArgs{
		Streams: []string{st.key, st.last}, Count: st.cfg.ReadCount, Block: st.cfg.BlockTime,
	}).Result()
}

// check finds the place to begin at, and whether the place that was reached still
// makes sense: the entry there is gone when more was added since than is kept, and
// when the stream is that of a Redis which has not got, or not kept, the latest ones.
func (st *stream) check() error {
	ctx, cancel := context.WithTimeout(st.ctx, writeTime)
	defer cancel()
	newest, err := st.client.XRevRangeN(ctx, st.key, "+", "-", 1).Result()
	if err != nil {
		return err
	}
	next, err := st.client.XRangeN(ctx, st.key, cmp.Or(st.last, "-"), "+", 1).Result()
	if err != nil {
		return err
	}
	// It may be allowed to look at the stream, but not to read it.
	err = st.client.XRead(ctx, &goredis.XReadArgs{Streams: []string{st.key, "$"}, Count: 1, Block: -1}).Err()
	if err != nil && !errors.Is(err, goredis.Nil) {
		return err
	}
	st.note(reading, nil)
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.last == "":
		st.startAt("0-0")
		if len(newest) > 0 {
			st.startAt(newest[0].ID)
		}
	case st.last == "0-0":
	case len(newest) == 0:
		st.stats.Gaps++
		st.startAt("0-0")
	case before(newest[0].ID, st.last):
		// Where entries are numbered by a clock that is behind.
		st.stats.Gaps++
		st.startAt(newest[0].ID)
	case len(next) > 0 && next[0].ID != st.last:
		st.stats.Gaps++
		st.startAt(predecessor(next[0].ID))
	}
	return nil
}

// startAt begins to read after an entry. st.mu is held.
func (st *stream) startAt(id string) {
	st.last = id
	for _, list := range st.buses {
		for _, b := range list {
			b.since = id
		}
	}
	close(st.moved)
	st.moved = make(chan struct{})
}

// predecessor is an id less than id, and greater than that of any entry before it.
func predecessor(id string) string {
	ms, count, _ := parseID(id)
	if count > 0 {
		return fmt.Sprintf("%d-%d", ms, count-1)
	}
	return fmt.Sprintf("%d-%d", ms-1, uint64(1e18-1))
}

// dispatch hands an entry to its namespace.
func (st *stream) dispatch(m goredis.XMessage) {
	e, ok := parseEntry(m.Values)
	st.turn.Lock()
	defer st.turn.Unlock()
	st.mu.Lock()
	buses := st.buses[e.namespace]
	own := e.writer == st.owner.writer
	ok = ok && (!own || e.number <= st.number) // else somebody else has written it
	switch {
	case !ok:
		st.stats.Invalid++
		buses = nil
	case e.writer != "" && st.again(e):
		st.stats.Duplicates++
		buses = nil
	case !own:
		st.stats.Received++
	}
	var kept *keptEntry
	if own && ok {
		for ; st.met < e.number; st.met++ { // what is left out was trimmed
			kept = st.waitNoMore(st.met + 1)
		}
		if kept == nil && e.number <= st.forgotten {
			st.startAt(m.ID) // as if it had not been read
		}
	}
	st.mu.Unlock()
	if kept != nil {
		kept.met(m.ID)
	}
	for _, b := range buses {
		if e.uid == b.uid {
			continue
		}
		if err := b.receiveEntry(e, m.ID); err != nil {
			st.mu.Lock()
			st.stats.Invalid++
			st.mu.Unlock()
			st.cfg.Logger.Debug("redis: invalid entry", "stream", st.key, "id", m.ID, "error", err)
			break
		}
	}
	st.mu.Lock()
	st.last = m.ID
	st.mu.Unlock()
}

// again reports whether a writer's entry was met before. st.mu is held.
func (st *stream) again(e entry) bool {
	last, known := st.writers[e.writer]
	if known && e.number <= last {
		return true
	}
	if !known && len(st.writers) >= manyWriters {
		clear(st.writers) // most of them are gone
	}
	st.writers[e.writer] = e.number
	return false
}
