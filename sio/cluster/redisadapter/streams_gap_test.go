package redisadapter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// burst adds n entries of a writer at once, the stream being trimmed to most,
// and returns the number of the last.
func burst(t *testing.T, r *redistest.Server, writer string, from, n, most int) (last int) {
	t.Helper()
	pipe := r.Client.TxPipeline()
	for i := range n {
		values := []any{"uid", "other", "nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`}
		if writer != "" {
			values = append(values, "sw", writer, "sn", fmt.Sprint(from+i+1))
		}
		pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", MaxLen: int64(most), Values: values})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	return from + n
}

// TestStreamsEachGap has more added at once than is kept, again and again: each
// gap is counted, and what was lost in it if the writer numbers its entries. No
// client comes back across one, also not one that this server has sent its last
// event.
func TestStreamsEachGap(t *testing.T) {
	const gaps, entries, kept = 20, 1200, 200
	for name, writer := range map[string]string{"numbered": "w", "of others": ""} {
		for where, empty := range map[string]bool{"": false, ", from the beginning": true} {
			t.Run(name+where, func(t *testing.T) {
				r := redistest.Start(t)
				k, streams := keeper(t, r, redisadapter.StreamsConfig{BlockTime: 10 * time.Millisecond})
				number, received := 0, uint64(0)
				newest := func() string { return r.Client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Val()[0].ID }
				if !empty {
					number, received = burst(t, r, writer, 0, 1, kept), 1
					wait.Until(t, "the first is read", func() bool { return streams.Stats().Received == received })
				}
				for range gaps {
					before := ""
					if received > 0 {
						before = newest()
					}
					number = burst(t, r, writer, number, entries, kept)
					received += kept
					wait.Until(t, "the newest is read", func() bool { return streams.Stats().Received == received })
					if since, _ := k.Since(); before != "" && !older(before, since) {
						t.Fatalf("everything after %s was read, they say, and %s was before the gap", since, before)
					}
					if before != "" {
						if _, _, err := k.History(t.Context(), before); err == nil {
							t.Fatal("a history across a gap")
						}
					}
				}
				want := redisadapter.StreamsStats{Gaps: gaps}
				if writer != "" {
					want.Missed = gaps * (entries - kept)
					if empty {
						want.Missed -= entries - kept // nothing of this writer was known
					}
				}
				if s := streams.Stats(); s.Gaps != want.Gaps || s.Missed != want.Missed {
					t.Errorf("%d gaps and %d missed, want %d and %d", s.Gaps, s.Missed, want.Gaps, want.Missed)
				}
			})
		}
	}
}

// older reports whether an id is less than another.
func older(a, b string) bool {
	var ams, acount, bms, bcount uint64
	fmt.Sscanf(a, "%d-%d", &ams, &acount)
	fmt.Sscanf(b, "%d-%d", &bms, &bcount)
	return ams < bms || ams == bms && acount < bcount
}

// TestStreamsBeginsAnew: a stream that was deleted, with what was not read of
// it, is no continuation of what it was, whatever the ids are of what comes
// then.
func TestStreamsBeginsAnew(t *testing.T) {
	for name, id := range map[string]string{"later": "*", "earlier": "1-1"} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			k, streams := keeper(t, r, redisadapter.StreamsConfig{BlockTime: 10 * time.Millisecond})
			add(t, r, 2)
			wait.Until(t, "it is read", func() bool { return streams.Stats().Received == 2 })
			before := r.Client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Val()[0].ID
			r.Client.Del(t.Context(), "socket.io")
			wait.Until(t, "the gap is counted", func() bool { return streams.Stats().Gaps == 1 })
			if since, _ := k.Since(); !older(before, since) {
				t.Errorf("everything after %s was read, they say, and %s was before the gap", since, before)
			}
			if _, _, err := k.History(t.Context(), before); err == nil {
				t.Error("a history across a gap")
			}
			first := r.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "socket.io", ID: id, Values: []string{"uid", "other", "nsp", "/", "type", "4"}}).Val()
			wait.Until(t, "the new one is read", func() bool { return streams.Stats().Received == 3 })
			if since, _ := k.Since(); !older(since, first) {
				t.Errorf("nothing after %s was read, they say, and %s was", since, first)
			}
			if s := streams.Stats(); s.Gaps != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}
