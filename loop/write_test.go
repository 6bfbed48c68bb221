package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

func TestFramesOfOneBurstShareOneSend(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{data: func(c *loop.Conn, b []byte) {
		for i := range 10 {
			f := frame(fmt.Sprintf("??%d,", i))
			f.Start = 2
			c.Send(f)
		}
		if got := c.Queued(); got != 20 {
			t.Errorf("Queued = %d, want 20", got)
		}
	}}
	c := lt.Connect(r.accept)
	c.Feed([]byte("x"))
	if got := string(c.Sent()); got != "0,1,2,3,4,5,6,7,8,9," {
		t.Fatalf("sent %q", got)
	}
	if n := c.Sends(); n != 1 {
		t.Fatalf("%d sends, want 1", n)
	}
	if r.flushes != 1 || r.conn.Queued() != 0 {
		t.Fatalf("%d Flushed calls, %d bytes queued", r.flushes, r.conn.Queued())
	}
}

func TestBroadcastsOfOneTurnShareTheirSends(t *testing.T) {
	lt := looptest.New(t)
	peers := make([]*looptest.Conn, 5)
	for i := range peers {
		peers[i] = lt.Connect((&recorder{}).accept)
	}
	sender := lt.Connect((&recorder{data: func(c *loop.Conn, b []byte) {
		f := frame(b)
		for _, p := range peers {
			p.Conn().Send(f.Retain())
		}
		f.Release()
	}}).accept)
	sender.Feed([]byte("one "))
	sender.Feed([]byte("two "))
	for i, p := range peers {
		if n := p.Sends(); n != 0 {
			t.Errorf("peer %d: %d sends before the turn", i, n)
		}
	}
	lt.Run()
	for i, p := range peers {
		if n, got := p.Sends(), string(p.Sent()); n != 1 || got != "one two " {
			t.Errorf("peer %d: %d sends of %q", i, n, got)
		}
	}
}

func TestPostWithinBurstIsDrainedBeforeItEnds(t *testing.T) {
	lt := looptest.New(t)
	c := lt.Connect((&recorder{data: func(c *loop.Conn, b []byte) {
		c.Loop().PostFunc(func() {
			c.Send(frame("a"))
			c.Loop().PostFunc(func() { c.Send(frame("b")) })
		})
	}}).accept)
	c.Feed([]byte("x"))
	if got, n := string(c.Sent()), c.Sends(); got != "ab" || n != 1 {
		t.Fatalf("sent %q in %d sends, want ab in one", got, n)
	}
}

func TestTasksThatPostForeverLeaveRoomForReads(t *testing.T) {
	lt := looptest.New(t)
	runs := 0
	var again func()
	again = func() { runs++; lt.Loop().PostFunc(again) }
	c := lt.Connect((&recorder{data: func(c *loop.Conn, b []byte) { lt.Loop().PostFunc(again) }}).accept)
	c.Feed([]byte("x")) // returns
	if runs == 0 || runs > 100 {
		t.Fatalf("%d tasks ran in one burst", runs)
	}
	c.PeerClose()
}

// TestOutboxKeepsTheStream compares what arrives with what was sent, for
// frames of every size class and a peer that takes bytes in every kind of
// portion.
func TestOutboxKeepsTheStream(t *testing.T) {
	sizes := []int{1, 100, 4000, 8 << 10, 8<<10 + 1, 70 << 10, 300 << 10, 3, 5, 900 << 10, 64 << 10, 1}
	for _, portion := range []int{1, 7, 8192, 65536, 65537, 1 << 20} {
		t.Run(fmt.Sprintf("%d bytes at a time", portion), func(t *testing.T) {
			lt := looptest.New(t)
			r := &recorder{}
			c := lt.Connect(r.accept)
			c.BlockAfter(portion)
			var want, got []byte
			lt.Loop().PostFunc(func() {
				for i, size := range sizes {
					if portion < 100 {
						size = min(size, 50)
					}
					b := bytes.Repeat([]byte{byte('a' + i)}, size)
					want = append(want, b...)
					r.conn.Send(frame(b))
				}
			})
			lt.Run()
			if len(want) > portion && (!r.conn.Blocked() || r.conn.Queued() != len(want)-portion) {
				t.Fatalf("blocked %v, queued %d", r.conn.Blocked(), r.conn.Queued())
			}
			for turns := 0; len(got) < len(want); turns++ {
				if turns > len(want)+10 {
					t.Fatal("the outbox is stuck")
				}
				got = append(got, c.Sent()...)
				c.Unblock()
				c.BlockAfter(portion)
				lt.Run()
			}
			if !bytes.Equal(got, want) {
				t.Fatal("the stream differs")
			}
			c.Unblock()
			lt.Run()
			if r.conn.Queued() != 0 || r.conn.Blocked() || r.flushes != 1 {
				t.Fatalf("queued %d, blocked %v, %d Flushed calls", r.conn.Queued(), r.conn.Blocked(), r.flushes)
			}
		})
	}
}

// TestMakeRoomDropsWithinBurst pins that also what waits for the end of its
// burst may be dropped, be it one frame alone, when the peer does not take it.
func TestMakeRoomDropsWithinBurst(t *testing.T) {
	for _, frames := range []int{1, 2} {
		lt := looptest.New(t, looptest.WithMaxQueued(4096))
		peer := lt.Connect((&recorder{data: func(c *loop.Conn, b []byte) {
			for range frames {
				f := frame(bytes.Repeat([]byte("x"), 2500/frames))
				f.Group = 1
				c.Send(f)
			}
			if dropped, ok := c.MakeRoom(2500, 1); dropped != frames || !ok {
				t.Errorf("%d of %d were dropped, room: %v", dropped, frames, ok)
			}
			c.Send(frame("new"))
		}}).accept)
		peer.Block()
		peer.Feed([]byte("x"))
		peer.Unblock()
		lt.Run()
		if got := string(peer.Sent()); got != "new" {
			t.Errorf("%d bytes were sent", len(got))
		}
	}
}

// TestMakeRoomOffersFirst: nothing is dropped for want of room when the peer
// reads.
func TestMakeRoomOffersFirst(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(4096))
	peer := lt.Connect((&recorder{data: func(c *loop.Conn, b []byte) {
		f := frame(bytes.Repeat([]byte("x"), 2500))
		f.Group = 1
		c.Send(f)
		if dropped, ok := c.MakeRoom(2500, 1); dropped != 0 || !ok {
			t.Errorf("%d were dropped, room: %v", dropped, ok)
		}
		c.Send(frame("new"))
	}}).accept)
	peer.Feed([]byte("x"))
	if got := len(peer.Sent()); got != 2503 {
		t.Errorf("%d bytes were sent", got)
	}
}

func TestFlushedMaySendForever(t *testing.T) {
	lt := looptest.New(t)
	n := 0
	r := &recorder{}
	r.flushed = func(c *loop.Conn) {
		if n++; n < 1000 {
			c.Send(frame("x"))
		}
	}
	c := lt.Connect(func(c *loop.Conn) loop.Handler { c.Send(frame("x")); return r.accept(c) })
	if n != 1 {
		t.Fatalf("%d flushes in the first burst, want 1", n)
	}
	lt.Run()
	if got := len(c.Sent()); got != 1000 {
		t.Fatalf("%d bytes, want 1000", got)
	}
}

func TestOverflowClosesOnlyTheSlowReader(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(1000))
	slow, fast := &recorder{}, &recorder{}
	slowPeer, fastPeer := lt.Connect(slow.accept), lt.Connect(fast.accept)
	slowPeer.Block()
	most := 0
	for range 20 {
		lt.Loop().PostFunc(func() {
			f := frame(strings.Repeat("x", 300))
			slow.conn.Send(f.Retain())
			fast.conn.Send(f)
			most = max(most, slow.conn.Weight())
		})
		lt.Run()
	}
	if !errors.Is(slow.err, loop.ErrOverflow) || slow.closes != 1 {
		t.Fatalf("slow reader: closed %d times with %v", slow.closes, slow.err)
	}
	// The first frame does not count.
	if most > loop.HardBound*1000+300 || most < loop.HardBound*1000-500 {
		t.Fatalf("%d bytes waited", most)
	}
	lt.Advance(6 * time.Second) // the peer might have taken the rest
	if !slowPeer.Closed() {
		t.Fatal("the slow reader's connection is still there")
	}
	if got := len(fastPeer.Sent()); got != 20*300 || fast.closes != 0 {
		t.Fatalf("fast reader got %d bytes, closed %d times", got, fast.closes)
	}
	if s := lt.Stats(); s.Overflows != 1 || s.Discarded != 20 || s.Connections != 1 {
		t.Fatalf("%+v", s)
	}
}

// TestSendOffersFirst has more sent in one burst than may wait to a peer that
// reads: the kernel is asked before the bound is judged, and all arrives in
// order.
func TestSendOffersFirst(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(1000))
	r := &recorder{}
	peer := lt.Connect(r.accept)
	want := ""
	lt.Loop().PostFunc(func() {
		for i := range 100 {
			text := strings.Repeat(string(rune('a'+i%26)), 150)
			want += text
			if r.conn.Send(frame(text)) {
				t.Errorf("frame %d: crowded", i)
			}
		}
	})
	lt.Run()
	if got := string(peer.Sent()); got != want || r.closes != 0 {
		t.Fatalf("%d of %d bytes arrived, closed %d times", len(got), len(want), r.closes)
	}
}

// TestOverflowDeliversWhatWasQueued: a connection that is given up while its
// peer reads slowly still writes what it had queued, and nothing else.
func TestOverflowDeliversWhatWasQueued(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(1000))
	r := &recorder{}
	peer := lt.Connect(r.accept)
	peer.BlockAfter(50)
	want := ""
	for i := 0; r.closes == 0; i++ {
		text := strings.Repeat(string(rune('a'+i)), 300)
		lt.Loop().PostFunc(func() { r.conn.Send(frame(text)) })
		if lt.Run(); r.closes == 0 {
			want += text
		}
	}
	lt.Loop().PostFunc(func() { r.conn.Send(frame("late")) })
	got := string(peer.Sent())
	for len(got) < len(want) && !peer.SentEOF() {
		peer.Unblock()
		peer.BlockAfter(500)
		lt.Advance(3 * time.Second)
		got += string(peer.Sent())
	}
	if got != want || !peer.SentEOF() || r.closes != 1 {
		t.Fatalf("%d of %d bytes arrived, end %v, closed %d times", len(got), len(want), peer.SentEOF(), r.closes)
	}
	lt.Advance(10 * time.Second)
	if !peer.Closed() {
		t.Fatal("the connection is still there")
	}
}

// TestOverflowEndsInTime has a peer that takes a little all the time.
func TestOverflowEndsInTime(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(1000))
	r := &recorder{}
	peer := lt.Connect(r.accept)
	peer.Block()
	for r.closes == 0 {
		lt.Loop().PostFunc(func() { r.conn.Send(frame(strings.Repeat("x", 300))) })
		lt.Run()
	}
	for i := 0; !peer.Closed(); i++ {
		if i == 36 {
			t.Fatal("the connection is still there after 36 s")
		}
		peer.Unblock()
		peer.BlockAfter(1)
		lt.Advance(time.Second)
	}
}

// TestTotalOfWhatWaits counts what blocked connections have queued, and only
// that.
func TestTotalOfWhatWaits(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueuedTotal(10_000))
	l := lt.Loop()
	rs, peers := [3]recorder{}, [3]*looptest.Conn{}
	for i := range rs {
		peers[i] = lt.Connect(rs[i].accept)
	}
	full := 0
	lt.Loop().PostFunc(func() { l.OnFull(func() { full++ }) })
	send := func(i, n int) {
		l.PostFunc(func() { rs[i].conn.Send(frame(strings.Repeat("x", n))) })
		lt.Run()
	}
	excess := func() (n int) {
		l.PostFunc(func() { n = l.Excess() })
		lt.Run()
		return n
	}
	send(0, 20_000)
	if n := excess(); n != -10_000 || full != 0 {
		t.Fatalf("excess %d with a peer that reads, full %d times", n, full)
	}
	peers[1].Block()
	peers[2].BlockAfter(1000)
	send(1, 4000)
	send(2, 2000)
	if n := excess(); n != 4000+2000-1000+2*128-10_000 {
		t.Fatalf("excess %d", n)
	}
	send(1, 5000)
	if n := excess(); n <= 0 || full != 1 {
		t.Fatalf("excess %d, full %d times", n, full)
	}
	send(1, 1000)
	if full != 2 {
		t.Fatalf("full %d times", full)
	}
	peers[1].Unblock()
	peers[2].PeerClose()
	lt.Run()
	if n := excess(); n != -10_000 {
		t.Fatalf("excess %d when nothing waits", n)
	}
}

func TestFrameLargerThanMaxQueued(t *testing.T) {
	lt := looptest.New(t, looptest.WithMaxQueued(10))
	c := lt.Connect(func(c *loop.Conn) loop.Handler { c.Send(frame(strings.Repeat("x", 100))); return echo{} })
	if got := len(c.Sent()); got != 100 {
		t.Fatalf("%d bytes, want 100", got)
	}
}

func TestWriteErrorClosesAfterTheCallbacks(t *testing.T) {
	lt := looptest.New(t)
	inside := false
	r := &recorder{}
	r.data = func(c *loop.Conn, b []byte) {
		inside = true
		c.Send(frame(b))
		inside = false
	}
	r.closed = func(*loop.Conn, error) {
		if inside {
			t.Error("Closed was called from within Data")
		}
	}
	c := lt.Connect(r.accept)
	c.Break(nil)
	c.Feed([]byte("x"))
	if !errors.Is(r.err, syscall.EPIPE) || r.closes != 1 {
		t.Fatalf("closed %d times with %v", r.closes, r.err)
	}
	c.Feed([]byte("y"))
	if r.got.String() != "x" {
		t.Fatalf("data after close: %q", r.got.String())
	}
}

func TestFramesAreReleasedOnce(t *testing.T) {
	lt := looptest.New(t)
	r := &recorder{}
	c := lt.Connect(r.accept)
	c.Block()
	f := frame("abc")
	lt.Loop().PostFunc(func() {
		for range 10 {
			r.conn.Send(f.Retain())
		}
		r.conn.Close()
		r.conn.Send(f.Retain())
	})
	lt.Run()
	if string(f.B) != "abc" {
		t.Fatalf("the frame was recycled: %q", f.B)
	}
	f.Release()
	defer func() {
		if recover() == nil {
			t.Error("a reference was leaked: releasing once more does not panic")
		}
	}()
	f.Release()
}
