package redisadapter

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// reader is the state of the reading goroutine.
type reader struct {
	st      *stream
	checked time.Time // when check last ran
	failed  time.Time // when a command last failed
	failing bool      // no command has succeeded since
	count   int       // entries of the next read
	large   bool      // the latest entries are large
	direct  bool      // Redis does not run scripts
}

// read is the reading goroutine.
func (st *stream) read() {
	r := reader{st: st, count: 1, failing: true}
	for st.ctx.Err() == nil {
		list, err := r.next()
		if len(list) >= min(r.count, int(st.cfg.MaxLen)) && err == nil {
			err = r.check(list[0].ID) // there may be more: the stream may be trimmed faster than it is read
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

// next waits for the next entries. Once a second it checks the place in the
// stream.
func (r *reader) next() ([]redis.XMessage, error) {
	if time.Since(r.checked) > time.Second {
		if err := r.check(""); err != nil {
			return nil, err
		}
		r.checked = time.Now()
	}
	return r.readOn()
}

// fail notes an error, and pauses if another one was just before. The first
// error may be that of one connection. After a second one, or a silence, Redis
// is lost.
func (r *reader) fail(err error) {
	again := time.Since(r.failed) > time.Second && !isTimeout(err)
	if r.failing && !again || isTimeout(err) {
		r.st.note(reading, err)
	}
	r.checked, r.failed, r.failing, r.count = time.Time{}, time.Now(), true, 1
	if again {
		return
	}
	pause(r.st.ctx, retryTime)
}

// readOn waits up to BlockTime for the next entries. After a failure it does
// not wait for entries.
func (r *reader) readOn() ([]redis.XMessage, error) {
	st, block := r.st, r.st.cfg.BlockTime
	if r.failing {
		block = -1
	}
	ctx, cancel := context.WithTimeout(st.ctx, max(block, 0)+writeTime)
	defer cancel()
	list, err := st.redis.XRead(ctx, &redis.XReadArgs{
		Streams: []string{st.key, st.last}, Count: int64(r.count), Block: block,
	}).Result()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0].Messages, nil
}

// adapt sets the number of entries of the next read. Redis can only limit
// entries, not bytes.
func (r *reader) adapt(list []redis.XMessage) {
	bytes := 0
	for _, m := range list {
		size := entrySize(m)
		bytes += size
		r.large = size > largeEntry
	}
	r.count = nextCount(max(len(list), firstCount/2), len(list), bytes, readBytes, int(r.st.cfg.ReadCount))
}

// nextCount returns twice as many entries as there were, but not more than fit
// into most bytes at the average size of n entries, and 1 to limit.
func nextCount(were, n, size, most, limit int) int {
	count := 2 * were
	if n > 0 && size > n {
		count = min(count, most/(size/n))
	}
	return min(max(count, 1), limit)
}

// entrySize returns about how many bytes an entry has.
func entrySize(m redis.XMessage) (size int) {
	for name, value := range m.Values {
		text, _ := value.(string)
		size += len(name) + len(text)
	}
	return size
}

// check finds the place to begin at, and later detects gaps: the last read
// entry is gone if more was added since than the stream keeps, or if Redis has
// lost its latest entries. first is the id of the next entry, which was read
// and not dispatched; "" if there is none.
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
		// The clock that numbers the entries is behind.
		st.skip(newest, successor(st.last))
	case next != "" && next != st.last:
		if to := predecessor(cmp.Or(first, next)); to != st.last {
			st.skip(to, to)
		}
	}
	return nil
}

// ends returns the ids of the newest entry and of the first one that is not
// before st.last, or "" if there is none. Redis has no command for ids alone,
// so if entries are large a script returns only these.
func (r *reader) ends() (newest, next string, err error) {
	st := r.st
	ctx, cancel := context.WithTimeout(st.ctx, longest(lookedAt))
	defer cancel()
	from := cmp.Or(st.last, "-")
	if r.large && !r.direct {
		ids, err := st.redis.Eval(ctx, idsScript, []string{st.key}, from).StringSlice()
		var refusal redis.Error
		switch {
		case err == nil && len(ids) == 2:
			return ids[0], ids[1], nil
		case err != nil && !errors.As(err, &refusal):
			return "", "", err
		}
		r.direct = true
	}
	list, err := st.redis.XRevRangeN(ctx, st.key, "+", "-", 1).Result()
	if err != nil {
		return "", "", err
	}
	r.large = false
	if len(list) > 0 {
		newest, r.large = list[0].ID, entrySize(list[0]) > largeEntry
	}
	if list, err = st.redis.XRangeN(ctx, st.key, from, "+", 1).Result(); err != nil {
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

// dispatch delivers an entry to its namespace.
func (st *stream) dispatch(m redis.XMessage) {
	e, ok := parseEntry(m.Values)
	st.delivering.Lock()
	defer st.delivering.Unlock()
	st.mu.Lock()
	buses := st.buses[e.namespace]
	own := e.writer == st.owner.writer
	ok = ok && (!own || e.number <= st.number) // else it is forged
	if before(m.ID, st.since) {
		st.startAt(predecessor(m.ID)) // the stream was created again, with smaller ids
	}
	switch {
	case !ok:
		st.stats.Invalid++
		buses = nil
	case e.writer != "" && st.isDuplicate(e, m.ID):
		st.stats.Duplicates++
		buses = nil
	case !own:
		st.stats.Received++
	}
	var kept *keptEntry
	var passed []*keptEntry // whose entries are gone
	if own && ok {
		for ; st.met < e.number; st.met++ { // missing entries were trimmed
			if kept != nil && !kept.sent {
				kept.sent = true
				passed = append(passed, kept)
			}
			kept = st.waitNoMore(st.met + 1)
		}
		if kept == nil && e.number <= st.forgotten {
			st.startAt(m.ID) // as if it was not read
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
	here := 0 // nodes of this process with the UID of the entry
	for _, b := range buses {
		if e.uid == b.uid {
			if here++; here > 1 || !own {
				b.duplicateUID(e)
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
