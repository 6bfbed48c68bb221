package redisadapter

import (
	"context"
	"fmt"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

const (
	historyCount = 1000    // entries that are asked for at once, at most
	historyBytes = 1 << 20 // after which a history ends; a page may pass it
	entryCost    = 256     // of an entry beside its data
)

// History implements adapter.Recoverer. While Redis fails it is asked again, until ctx or
// the stream ends.
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

// history looks last whether the stream has kept what it has read.
func (n *streamNode) history(ctx context.Context, after string) (list []adapter.Kept, upTo string, err error) {
	st := n.stream
	st.mu.Lock()
	read := st.last // what is not after it was in the stream before
	st.mu.Unlock()
	list, upTo, all, err := n.after(ctx, after)
	if err != nil {
		return nil, "", err
	}
	oldest, err := st.patient.XRangeN(ctx, st.key, "-", "+", 1).Result()
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

// after returns the namespace's packets after an offset, and the last entry that
// was looked at; all reports whether the stream had no more.
func (n *streamNode) after(ctx context.Context, offset string) (list []adapter.Kept, last string, all bool, err error) {
	st := n.stream
	writers := make(map[string]uint64)
	for size, count := 0, firstCount; size < historyBytes; {
		page, err := st.patient.XRangeN(ctx, st.key, "("+offset, "+", int64(count)).Result()
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
