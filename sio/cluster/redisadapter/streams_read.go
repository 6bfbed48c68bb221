package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// stream is one stream of Redis as this process uses it. Safe for concurrent use.
// The lock turn is taken before mu; mu is never held when a namespace is called.
type stream struct {
	owner   *Streams
	cfg     *StreamsConfig
	client  redis.UniversalClient // for sessions and histories
	patient redis.UniversalClient // for reading and writing
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
	since       string                  // see startAt
	moved       chan struct{}           // closed when since changes, and replaced
	writers     map[string]sight        // the last of each
	former      map[string]sight        // of those that were not heard of for long
	queue       []entry
	queuedBytes int
	line        []*waiter // what waits for room in the queue
	number      uint64
	met         uint64                // the last own entry that was met
	waiting     map[uint64]*keptEntry // own packets whose turn may come, by number
	inOrder     []*keptEntry          // those not delivered yet, oldest first
	timer       *time.Timer           // nil when none is waited for
	lost, ended bool
	failed      [2]bool // what was tried last with either half
	stats       StreamsStats

	late, lateBytes int // packets without a turn that are to be delivered

	waitingBytes int
	forgotten    uint64 // the last own entry that would not be told of its turn
	eldest       uint64 // none before it waits for its turn
}

const (
	manyWriters = 5_000   // are remembered, and as many that were heard of before
	readBytes   = 4 << 20 // about how many are read at once, if entries are alike
	firstCount  = 16      // how many entries are, when there were few before
	largeEntry  = 16 << 10
)

func newStream(s *Streams, key string) *stream {
	st := &stream{
		owner: s, cfg: &s.cfg, client: s.client, patient: s.patient, key: key,
		stop: make(chan struct{}), wake: make(chan struct{}, 1), written: make(chan struct{}), moved: make(chan struct{}),
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

// reader is the state of the reading goroutine.
type reader struct {
	st      *stream
	checked time.Time // when the place in the stream was looked at
	failed  time.Time // when it could not be, or nothing could be read
	failing bool      // nothing was read since
	count   int       // how many entries to ask for
	large   bool      // the latest entries are large
	direct  bool      // Redis carries out no scripts
}

// read is the reading goroutine.
func (st *stream) read() {
	r := reader{st: st, count: 1, failing: true}
	for st.ctx.Err() == nil {
		list, err := r.next()
		if len(list) >= min(r.count, int(st.cfg.MaxLen)) && err == nil {
			err = r.check(list[0].ID) // there are more: the stream may be trimmed faster than it is read
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			r.fail(err)
			continue
		}
		if r.failing {
			r.failing = false
			st.note(reading, nil)
		}
		r.adapt(list)
		for _, m := range list {
			st.dispatch(m)
		}
	}
}

// next waits for the next entries, when the place in the stream makes sense.
func (r *reader) next() ([]redis.XMessage, error) {
	if time.Since(r.checked) > time.Second {
		if err := r.check(""); err != nil {
			return nil, err
		}
		r.checked = time.Now()
	}
	return r.readOn()
}

// fail notes an error, and pauses if there was one just before. The first may be that of
// a connection only; one in a row with another, and silence, are Redis's.
func (r *reader) fail(err error) {
	again := time.Since(r.failed) > time.Second && !isTimeout(err)
	if r.failing && !again || isTimeout(err) {
		r.st.note(reading, err)
	}
	r.checked, r.failed, r.failing, r.count = time.Time{}, time.Now(), true, 1
	if again {
		return
	}
	select {
	case <-time.After(retryTime):
	case <-r.st.stop:
	}
}

// readOn waits for the next entries. A server that does not even say that there are
// none is given up. After a failure it does not wait for any.
func (r *reader) readOn() ([]redis.XMessage, error) {
	st, block := r.st, r.st.cfg.BlockTime
	if r.failing {
		block = -1
	}
	ctx, cancel := context.WithTimeout(st.ctx, max(block, 0)+writeTime)
	defer cancel()
	list, err := st.patient.XRead(ctx, &redis.XReadArgs{
		Streams: []string{st.key, st.last}, Count: int64(r.count), Block: block,
	}).Result()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Messages, nil
}

// adapt decides how many entries to ask for next. Redis counts entries, not bytes.
func (r *reader) adapt(list []redis.XMessage) {
	bytes := 0
	for _, m := range list {
		size := entrySize(m)
		bytes += size
		r.large = size > largeEntry
	}
	r.count = nextCount(max(len(list), firstCount/2), len(list), bytes, readBytes, int(r.st.cfg.ReadCount))
}

// nextCount is twice as many entries as there were, or as fit into most bytes if they are
// like n others with a size; one to limit.
func nextCount(were, n, size, most, limit int) int {
	count := 2 * were
	if n > 0 && size > n {
		count = min(count, most/(size/n))
	}
	return min(max(count, 1), limit)
}

// entrySize is about what an entry costs.
func entrySize(m redis.XMessage) (size int) {
	for name, value := range m.Values {
		text, _ := value.(string)
		size += len(name) + len(text)
	}
	return size
}

// check finds the place to begin at, and whether the place that was reached still
// makes sense: the entry there is gone when more was added since than is kept, and
// when the stream is that of a Redis which has not got, or not kept, the latest ones.
// first is the entry that was read next and is not dispatched yet; "" when there is none.
func (r *reader) check(first string) error {
	st := r.st
	newest, next, err := r.ends()
	if err != nil {
		return err
	}
	trimmed := st.last == "0-0" && first != "" && r.trimmed()
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.last == "":
		st.startAt(cmp.Or(newest, "0-0"))
	case st.last == "0-0":
		if first != "" && trimmed {
			st.skip(predecessor(first), predecessor(first))
		}
	case newest == "":
		st.skip("0-0", successor(st.last))
	case before(newest, st.last):
		// Where entries are numbered by a clock that is behind.
		st.skip(newest, successor(st.last))
	case next != "" && next != st.last:
		if to := predecessor(cmp.Or(first, next)); to != st.last {
			st.skip(to, to)
		}
	}
	return nil
}

// ends returns the ids of the newest entry and of the first one that is not before the
// place that was reached; "" where there is none. Redis has no command for ids alone: if
// entries are large a script spares the rest of them.
func (r *reader) ends() (newest, next string, err error) {
	st := r.st
	ctx, cancel := context.WithTimeout(st.ctx, longest(lookedAt))
	defer cancel()
	from := cmp.Or(st.last, "-")
	if r.large && !r.direct {
		ids, err := st.patient.Eval(ctx, idsScript, []string{st.key}, from).StringSlice()
		var refusal redis.Error
		switch {
		case err == nil && len(ids) == 2:
			return ids[0], ids[1], nil
		case err != nil && !errors.As(err, &refusal):
			return "", "", err
		}
		r.direct = true
	}
	list, err := st.patient.XRevRangeN(ctx, st.key, "+", "-", 1).Result()
	if err != nil {
		return "", "", err
	}
	r.large = false
	if len(list) > 0 {
		newest, r.large = list[0].ID, entrySize(list[0]) > largeEntry
	}
	if list, err = st.patient.XRangeN(ctx, st.key, from, "+", 1).Result(); err != nil {
		return "", "", err
	}
	if len(list) > 0 {
		next, r.large = list[0].ID, r.large || entrySize(list[0]) > largeEntry
	}
	return newest, next, nil
}

// idsScript returns what [reader.ends] does.
const idsScript = `
local function id(list) return list[1] and list[1][1] or '' end
return {
	id(redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)),
	id(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 1)),
}`

// dispatch hands an entry to its namespace.
func (st *stream) dispatch(m redis.XMessage) {
	e, ok := parseEntry(m.Values)
	st.turn.Lock()
	defer st.turn.Unlock()
	st.mu.Lock()
	buses := st.buses[e.namespace]
	own := e.writer == st.owner.writer
	ok = ok && (!own || e.number <= st.number) // else somebody else has written it
	if before(m.ID, st.since) {
		st.startAt(predecessor(m.ID)) // the stream has begun anew, with lesser ids
	}
	switch {
	case !ok:
		st.stats.Invalid++
		buses = nil
	case e.writer != "" && st.again(e, m.ID):
		st.stats.Duplicates++
		buses = nil
	case !own:
		st.stats.Received++
	}
	var kept *keptEntry
	var passed []*keptEntry // whose turns don't come any more
	if own && ok {
		for ; st.met < e.number; st.met++ { // what is left out was trimmed
			if kept != nil && !kept.sent {
				kept.sent = true
				passed = append(passed, kept)
			}
			kept = st.waitNoMore(st.met + 1)
		}
		if kept == nil && e.number <= st.forgotten {
			st.startAt(m.ID) // as if it had not been read
		}
	}
	if kept != nil {
		kept.sent = true
	}
	st.mu.Unlock()
	for _, k := range passed {
		k.deliver("")
	}
	if kept != nil {
		kept.deliver(m.ID)
	}
	here := 0 // nodes with the entry's UID
	for _, b := range buses {
		if e.uid == b.uid {
			if here++; here > 1 || !own {
				b.twin(e)
			}
			continue
		}
		if err := b.receiveEntry(e, m.ID); err != nil {
			st.mu.Lock()
			st.stats.Invalid++
			st.mu.Unlock()
			st.cfg.Logger.Debug("redisadapter: invalid entry", "stream", st.key, "id", m.ID, "error", err)
			break
		}
	}
	st.mu.Lock()
	st.last = m.ID
	st.admitWaiting()
	st.mu.Unlock()
}
