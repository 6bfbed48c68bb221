package interop

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// disk is the one of Redis: it can be filled, after which Redis refuses
// commands that write, with MISCONF.
type disk struct {
	redis  *redistest.Server
	dir    string // of a file system of its own, "" if it may not be mounted
	append bool   // Redis appends each command to a file, else it stores now and then
}

// filler takes all the room that is left.
const filler = "filler"

// newDisk has Redis store its data in a file system of its own.
func newDisk(t *testing.T, r *redistest.Server, appends bool) *disk {
	t.Helper()
	d := &disk{redis: r, dir: mountSmall(t), append: appends}
	if d.dir == "" {
		return d
	}
	configure(t, r, "dir", d.dir)
	if appends {
		configure(t, r, "appendonly", "yes")
		wait.Until(t, "Redis appends", func() bool { return d.says("aof_rewrite_in_progress:0") && d.says("aof_enabled:1") })
	}
	return d
}

// fill leaves no room. Where no file system can be mounted, Redis is told to
// store where nothing can be stored.
func (d *disk) fill(t *testing.T) {
	t.Helper()
	if d.dir == "" {
		configure(t, d.redis, "dir", "/proc")
		d.store(t, "err")
		return
	}
	f, err := os.Create(filepath.Join(d.dir, filler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if d.append {
		wait.Until(t, "Redis can't append", func() bool {
			d.redis.Client.Set(context.Background(), "disk", "is full", 0)
			return d.says("aof_last_write_status:err")
		})
		return
	}
	d.store(t, "err")
}

// free makes room again.
func (d *disk) free(t *testing.T) {
	t.Helper()
	switch {
	case d.dir == "":
		configure(t, d.redis, "dir", t.TempDir())
	default:
		if err := os.Remove(filepath.Join(d.dir, filler)); err != nil {
			t.Fatal(err)
		}
	}
	if d.append && d.dir != "" {
		wait.Until(t, "Redis appends again", func() bool { return d.says("aof_last_write_status:ok") })
		return
	}
	d.store(t, "ok")
}

func configure(t *testing.T, r *redistest.Server, name, value string) {
	t.Helper()
	if err := r.Client.ConfigSet(context.Background(), name, value).Err(); err != nil {
		t.Fatal(err)
	}
}

// store has Redis store its data, with the given result.
func (d *disk) store(t *testing.T, result string) {
	t.Helper()
	wait.Until(t, "Redis stores: "+result, func() bool {
		d.redis.Client.BgSave(context.Background()) // one that is under way is an error
		return d.says("rdb_last_bgsave_status:" + result)
	})
}

// says reports whether Redis has the line among what it says of its files.
func (d *disk) says(line string) bool {
	info, err := d.redis.Client.Info(context.Background(), "persistence").Result()
	return err == nil && strings.Contains(info, line)
}

// TestFullDisk fills the disk of Redis under traffic from two servers, and
// makes room again. Own clients get all events. By Pub/Sub those of the other
// server get them too, because that stores nothing; by streams they come when
// there is room. The log has one line for the outage and one for its end.
func TestFullDisk(t *testing.T) {
	for variant := range faultVariants {
		t.Run(variant, func(t *testing.T) { testFullDisk(t, variant, false) })
	}
	t.Run("streams, appending", func(t *testing.T) { testFullDisk(t, "streams", true) })
}

func testFullDisk(t *testing.T, variant string, appends bool) {
	t.Parallel()
	r := redistest.Start(t, "--enable-protected-configs", "yes", "--save", "3600 1")
	disk := newDisk(t, r, appends)
	nodes := [2]*faultNode{startFaultNode(t, r, variant, 0), startFaultNode(t, r, variant, 1)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logged: %q %q; %+v %+v", nodes[0].log.lines(""), nodes[1].log.lines(""), nodes[0].figures(), nodes[1].figures())
		}
	})
	meet(t, nodes)
	stop := traffic(t, nodes)
	disk.fill(t)
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
	disk.free(t)
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
}
