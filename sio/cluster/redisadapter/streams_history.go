package redisadapter

import (
	"context"
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

const (
	historyCount = 1000    // entries of one read, at most
	historyBytes = 1 << 20 // after which a history ends; the last read may exceed it
	entryCost    = 256     // bytes of an entry besides its data
)

// History implements adapter.Recoverer. While Redis fails it tries again, until
// ctx or the stream ends.
func (n *streamNode) History(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	err = n.insist(ctx, func() (err error) {
		list, upTo, err = n.history(ctx, after)
		return err
	})
	if err != nil {
		list = nil
	}
	return list, upTo, err
}

// history checks at the end that the stream has not been trimmed during its
// reads.
func (n *streamNode) history(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	st := n.stream
	st.mu.Lock()
	read := st.last // entries up to it were in the stream before
	st.mu.Unlock()
	list, upTo, all, err := n.after(ctx, after)
	if err != nil {
		return nil, "", err
	}
	oldest, err := st.redis.XRangeN(ctx, st.key, "-", "+", 1).Result()
	if err != nil {
		return nil, "", err
	}
	if len(oldest) == 0 {
		return nil, successor(after), fmt.Errorf("redisadapter: the stream is empty: %w", adapter.ErrGap)
	}
	if first := oldest[0].ID; before(after, first) {
		return nil, first, fmt.Errorf("redisadapter: the stream begins with %s: %w", first, adapter.ErrGap)
	}
	if all && before(upTo, read) {
		upTo = read
	}
	return list, upTo, nil
}

// after returns the namespace's packets after an offset, and the id of the last
// entry that was read. all reports whether the stream had no more.
func (n *streamNode) after(ctx context.Context, offset string) (list []adapter.Kept, last string, all bool, err error) {
	st := n.stream
	writers := make(map[string]uint64)
	for size, count := 0, firstCount; size < historyBytes; {
		page, err := st.redis.XRangeN(ctx, st.key, "("+offset, "+", int64(count)).Result()
		if err != nil {
			return nil, "", false, err
		}
		bytes := 0
		for _, m := range page {
			offset = m.ID
			bytes += entryCost + entrySize(m)
			e, ok := parseEntry(m.Values)
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
		if len(page) < count {
			return list, offset, true, nil
		}
		size += bytes
		count = nextCount(count, len(page), bytes, historyBytes, historyCount)
	}
	return list, offset, false, nil
}
