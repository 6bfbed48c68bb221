package interop

import (
	"context"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// refuseWrites has Redis refuse commands that write, with MISCONF, as it does
// when its disk is full: it can't store what it has to.
func refuseWrites(t *testing.T, r *redistest.Server) {
	t.Helper()
	configure(t, r, "dir", "/proc") // where nothing can be stored
	storeAll(t, r, "err")
}

// allowWrites lets Redis store again.
func allowWrites(t *testing.T, r *redistest.Server) {
	t.Helper()
	configure(t, r, "dir", t.TempDir())
	storeAll(t, r, "ok")
}

func configure(t *testing.T, r *redistest.Server, name, value string) {
	t.Helper()
	if err := r.Client.ConfigSet(context.Background(), name, value).Err(); err != nil {
		t.Fatal(err)
	}
}

// storeAll has Redis store its data, with the given result.
func storeAll(t *testing.T, r *redistest.Server, result string) {
	t.Helper()
	wait.Until(t, "Redis stores: "+result, func() bool {
		r.Client.BgSave(context.Background()) // one that is under way is an error
		info, err := r.Client.Info(context.Background(), "persistence").Result()
		return err == nil && strings.Contains(info, "rdb_last_bgsave_status:"+result)
	})
}

// TestFullDisk fills the disk of Redis under traffic from two servers, and
// makes room again. Own clients get all events. By Pub/Sub those of the other
// server get them too, because that stores nothing; by streams they come when
// there is room. The log has one line for the outage and one for its end.
func TestFullDisk(t *testing.T) {
	for variant := range faultVariants {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t, "--enable-protected-configs", "yes", "--save", "3600 1")
			nodes := [2]*faultNode{startFaultNode(t, r, variant, 0), startFaultNode(t, r, variant, 1)}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("logged: %q %q; %+v %+v", nodes[0].log.lines(""), nodes[1].log.lines(""), nodes[0].figures(), nodes[1].figures())
				}
			})
			meet(t, nodes)
			stop := traffic(t, nodes)
			refuseWrites(t, r)
			stored := variant == "streams"
			for i, n := range nodes {
				first := int(n.sent.Load())
				wait.Until(t, "own clients are served without the disk", func() bool { return n.client.last(i) > first+100 })
				if stored {
					wait.Until(t, "the outage is noticed", func() bool { return n.figures().disconnects > 0 })
				} else {
					wait.Until(t, "clients of the other server are served without the disk", func() bool { return nodes[1-i].client.last(i) > first+100 })
				}
			}
			allowWrites(t, r)
			for i, n := range nodes {
				first := int(n.sent.Load()) + 1
				wait.Until(t, "traffic again", func() bool { return nodes[1-i].client.last(i) >= first && n.figures().connected })
			}
			stop()
			for i, n := range nodes {
				last := int(n.sent.Load()) - 1
				wait.Until(t, "the last event", func() bool {
					return n.client.last(i) == last && nodes[1-i].client.last(i) == last && n.figures().queued == 0
				})
				wait.Until(t, "nothing is away", func() bool { return len(n.log.lines("is back")) == len(n.log.lines("level=WARN")) })
				f := fault{noticed: stored}
				f.check(t, variant, n, nodes[1-i].client.of(i), 0, 0)
				if n := len(n.log.lines("level=WARN")); n > 4 {
					t.Errorf("one outage is logged by %d lines", n)
				}
			}
			meet(t, nodes)
		})
	}
}
