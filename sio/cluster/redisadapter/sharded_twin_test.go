package redisadapter_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestShardedTwins: of two servers with one UID the later one says so, in two
// processes or in one. Servers with UIDs of their own say nothing.
func TestShardedTwins(t *testing.T) {
	for name, tc := range map[string]struct {
		uids  []string
		one   bool
		twins uint64
	}{
		"two processes": {[]string{"host", "host"}, false, 1},
		"one process":   {[]string{"host", "host"}, true, 1},
		"different":     {[]string{"host", "other"}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			log := new(shared)
			var adapters []*redisadapter.Sharded
			for i, uid := range tc.uids {
				if i == 0 || !tc.one {
					cfg := redisadapter.ShardedConfig{Logger: slog.New(slog.NewTextHandler(log, nil))}
					cfg.Node.UID = func() string { return uid }
					s, err := redisadapter.NewSharded(r.Client, cfg)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { s.Close() })
					adapters = append(adapters, s)
				}
				last := adapters[len(adapters)-1]
				if _, err := sio.New(sio.Config{Adapter: last.Adapter}); err != nil {
					t.Fatal(err)
				}
				wait.Until(t, "it is connected", func() bool { return last.Stats().Connected })
			}
			last := adapters[len(adapters)-1]
			if tc.twins > 0 {
				wait.Until(t, "the twin is counted", func() bool { return last.Stats().Nodes.DuplicateUIDs > 0 })
			} else {
				time.Sleep(1500 * time.Millisecond) // as long as a look takes
			}
			n := strings.Count(log.String(), "same UID")
			if (n > 0) != (tc.twins > 0) {
				t.Errorf("%d lines:\n%s", n, log)
			}
		})
	}
}
