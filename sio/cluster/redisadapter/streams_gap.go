package redisadapter

import (
	"context"
)

// A gap is a place in a stream where this server has lost entries. It is
// detected in two ways: the last entry that was read is gone while more was
// added than was read at once, or the numbers of a writer have a gap. Then
// since is set to the place after the gap, so no client is recovered with an
// older offset unless the stream has all entries after it.

// startAt starts to read after an entry, as if nothing was read before. st.mu
// is held.
func (st *stream) startAt(id string) {
	st.last = id
	st.setSince(id)
}

// skip counts a gap. Reading continues after an entry, and every offset before
// the gap is less than since. st.mu is held.
func (st *stream) skip(after, since string) {
	st.stats.Gaps++
	st.last = after
	st.setSince(since)
}

// setSince sets the id after which every entry was dispatched. st.mu is held.
func (st *stream) setSince(id string) {
	st.since = id
	for _, list := range st.buses {
		for _, b := range list {
			b.since = id
		}
	}
	close(st.moved)
	st.moved = make(chan struct{})
}

// sight is the last entry of a writer.
type sight struct {
	number uint64
	gaps   uint64 // that were counted by then
}

// isDuplicate reports whether an entry of a writer was read before. If the
// number of a new one shows that entries are missing, they are counted. st.mu
// is held.
func (st *stream) isDuplicate(e entry, id string) bool {
	last, known := st.writers[e.writer]
	if !known {
		last, known = st.former[e.writer]
	}
	known = known || e.writer == st.owner.writer
	if known && e.number <= last.number {
		return true
	}
	if known && e.number > last.number+1 {
		st.stats.Missed += e.number - last.number - 1
		if last.gaps == st.stats.Gaps { // else they may belong to a gap that was counted
			st.stats.Gaps++
		}
		st.setSince(predecessor(id))
	}
	st.writers[e.writer] = sight{e.number, st.stats.Gaps}
	if len(st.writers) >= manyWriters {
		st.former, st.writers = st.writers, make(map[string]sight)
	}
	return false
}

// trimmed reports whether a stream that was empty has lost entries since then.
// It is false before Redis 7.
func (r *reader) trimmed() bool {
	ctx, cancel := context.WithTimeout(r.st.ctx, longest(lookedAt))
	defer cancel()
	info, err := r.st.redis.XInfoStream(ctx, r.st.key).Result()
	return err == nil && info.EntriesAdded > info.Length
}
