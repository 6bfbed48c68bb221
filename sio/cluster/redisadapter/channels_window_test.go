package redisadapter

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestChannelsWindow has so many rooms that Redis's answers to all
// subscriptions at once pass what it keeps for a client: it would cut the
// connection. ROOMS in the environment has it measure that many, with the
// limits that Redis has by default.
func TestChannelsWindow(t *testing.T) {
	rooms := 100_000
	if n, err := strconv.Atoi(os.Getenv("ROOMS")); err == nil {
		rooms = n
	}
	r := redistest.Start(t)
	if os.Getenv("ROOMS") == "" {
		if err := r.Client.ConfigSet(t.Context(), "client-output-buffer-limit", "pubsub 1mb 512kb 10").Err(); err != nil {
			t.Fatal(err)
		}
	}
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(32 << 10) // Redis keeps the rest
		}
		return conn, err
	}})
	defer client.Close()
	a := testChannels(t, client, true)
	busy, free := make(chan struct{}), make(chan struct{})
	slow := &receiver{func(string, []byte) { close(busy); <-free }}
	a.subscribe(slow, "slow")
	a.listen(t, "server", "slow")
	a.send(t, "slow", "")
	<-busy // nothing is read now
	begun := time.Now()
	name := func(i int) string { return fmt.Sprintf("socket.io#/#room number %d#", i) }
	for i := range rooms {
		a.subscribeRooms(&a.receiver, name(i))
	}
	wait.Until(t, "as much as Redis may answer", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.links[nil].awaited > subscribeWindow-1000
	})
	close(free)
	all := func(what string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := a.awaitSubscribed(ctx, name(0), name(rooms-1)); err != nil {
			t.Fatal(what, err)
		}
		info := r.Client.Info(t.Context(), "stats").Val()
		_, channels, _ := strings.Cut(info, "pubsubshard_channels:")
		channels, _, _ = strings.Cut(channels, "\r\n")
		if channels != fmt.Sprint(rooms+2) {
			t.Errorf("%s: Redis knows of %q channels", what, channels)
		}
	}
	await := func(what string, cond func() bool) {
		t.Helper()
		wait.UntilWithin(t, 5*time.Minute, what, cond)
	}
	settled := func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, l := range a.links {
			if !l.up || len(l.first)+len(l.rooms)+l.awaited > 0 {
				return false
			}
		}
		return true
	}
	await("all subscribed", settled)
	t.Logf("%d rooms: subscribed in %v", rooms, time.Since(begun))
	all("at first")
	{
		before := a.stats().disconnects
		r.Cut("pubsub")
		begun = time.Now()
		await("a cut", func() bool { return a.stats().disconnects == before+1 })
		lost := time.Now()
		await("servers' channel", func() bool { return a.awaitSubscribed(t.Context(), "server") == nil })
		first := time.Since(lost)
		await("connected again", func() bool { return a.stats().connected })
		t.Logf("%d rooms: noticed in %v, servers' channel back in %v, all in %v", rooms, lost.Sub(begun), first, time.Since(lost))
		all("after a cut")
		if n := a.stats().disconnects; n != before+1 {
			t.Errorf("%d connections were lost", n-before)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("heap %d MB", m.HeapAlloc>>20)
	begun = time.Now()
	for i := range rooms {
		a.unsubscribe(&a.receiver, name(i))
	}
	await("only the server's", func() bool { return a.stats().topics == 2 })
	t.Logf("%d rooms: unsubscribed in %v", rooms, time.Since(begun))
	if s := a.stats(); !s.connected || s.disconnects != 1 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(a.log.b.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// TestLinkOrder: Redis gets patterns first, then the channels that servers need
// for each other in the order in which it was wanted, then of rooms, and of no
// more than fits the window.
func TestLinkOrder(t *testing.T) {
	c := &channels{topics: make(map[topicName]*topic), links: make(map[*redis.Client]*link), broken: make(map[string]error)}
	l := &link{c: c, wake: make(chan struct{}, 1), epoch: 1}
	c.links[nil] = l
	r := new(receiver)
	const rooms = subscribeWindow / answerSize
	for i := range rooms {
		c.subscribeRooms(r, fmt.Sprint("room", i))
	}
	c.psubscribe(r, "p*")
	want := []string{"one", "two", "three", "four"}
	c.subscribe(r, want...)
	for range 2 { // connections
		if !l.recall() {
			t.Fatal("nothing is wanted")
		}
		l.c.mu.Lock()
		l.awaited, l.behind, l.heard = 0, rooms+5, true
		l.c.mu.Unlock()
		told := 0
		var first []string
		for more := true; more; {
			var list changes
			list, more = l.changes()
			if told == 0 {
				first = list.subscribe[:len(want)]
				if len(list.psubscribe) != 1 {
					t.Error("the pattern waits")
				}
			}
			told += len(list.subscribe) + len(list.psubscribe)
		}
		if !slices.Equal(first, want) {
			t.Errorf("first are %q, want %q", first, want)
		}
		if l.awaited > subscribeWindow || told >= rooms || told < rooms/2 {
			t.Errorf("%d were told, answers of %d bytes are awaited", told, l.awaited)
		}
		l.down()
	}
}
