package redisadapter

import (
	"context"
	"fmt"
	"math"
)

// A gap is a place in a stream where entries were lost to this server. It shows in two
// ways: the entry that was read last is not there any more when more was added than was
// read at once, or a writer's numbers leave some out. Whatever follows a gap is not a
// continuation of what was before: since is set to the place behind it, so no client
// comes back with an offset that is older, unless the stream has all of it.

// startAt begins to read after an entry, as if nothing was read before. st.mu is held.
func (st *stream) startAt(id string) {
	st.last = id
	st.setSince(id)
}

// skip notes a gap, behind which reading goes on after an entry; every offset that was
// given out before is less than since. st.mu is held.
func (st *stream) skip(after, since string) {
	st.stats.Gaps++
	st.last = after
	st.setSince(since)
}

// setSince is told the place after which everything was dispatched. st.mu is held.
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

// sight is what is remembered of a writer's last entry.
type sight struct {
	number uint64
	gaps   uint64 // that were counted before
}

// again reports whether a writer's entry was met before. If the number of a new one shows
// that some were not, they are counted. st.mu is held.
func (st *stream) again(e entry, id string) bool {
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
		if last.gaps == st.stats.Gaps { // else they may be those of a gap that is counted
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

// trimmed reports whether a stream that was empty has lost entries since. Only Redis 7 or
// later tells.
func (r *reader) trimmed() bool {
	ctx, cancel := context.WithTimeout(r.st.ctx, longest(lookedAt))
	defer cancel()
	info, err := r.st.patient.XInfoStream(ctx, r.st.key).Result()
	return err == nil && info.EntriesAdded > info.Length
}

// predecessor is the greatest id less than id.
func predecessor(id string) string {
	ms, count, _ := parseID(id)
	switch {
	case count > 0:
		count--
	case ms > 0:
		ms, count = ms-1, math.MaxUint64
	}
	return fmt.Sprintf("%d-%d", ms, count)
}

// successor is the least id greater than id.
func successor(id string) string {
	ms, count, _ := parseID(id)
	if count++; count == 0 {
		ms++
	}
	return fmt.Sprintf("%d-%d", ms, count)
}
