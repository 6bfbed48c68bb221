package sio

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// newcomers is a server on in-memory loops whose clients have addresses.
type newcomers struct {
	*Server
	loops *looptest.Loops
}

func newNewcomers(t *testing.T, loops int, cfg Config) *newcomers {
	cfg.Loops, cfg.Logger = loops, slog.New(slog.DiscardHandler)
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &newcomers{srv, looptest.New(t, looptest.WithLoops(loops))}
}

// open opens a session over WebSocket from an address.
func (n *newcomers) open(on int, addr string) *looptest.Conn {
	c := n.loops.ConnectFrom(on, netip.AddrPortFrom(netip.MustParseAddr(addr), 1), func(c *loop.Conn) loop.Handler { return n.eio.Accept(c) })
	c.Feed([]byte(upgradeRequest))
	n.loops.Run()
	c.Sent()
	return c
}

// lives reports whether the session of c is not closed.
func lives(c *looptest.Conn) bool { return !c.SentEOF() }

func (n *newcomers) want(t *testing.T, when string, unjoined int, evicted uint64) {
	t.Helper()
	if st := n.Stats(); st.Unjoined != unjoined || st.UnjoinedEvicted != evicted || st.Clients != unjoined {
		t.Fatalf("%s: %d of %d clients have joined nothing, %d were evicted; want %d and %d",
			when, st.Unjoined, st.Clients, st.UnjoinedEvicted, unjoined, evicted)
	}
}

// TestTheOldestOfTheLargestCrowdGo: at the bound a newcomer is let in, and the
// oldest client of the address that has the most goes.
func TestTheOldestOfTheLargestCrowdGo(t *testing.T) {
	n := newNewcomers(t, 1, Config{MaxUnjoined: 8})
	var crowd, others []*looptest.Conn
	others = append(others, n.open(0, "192.0.2.1"))
	for i := range 6 {
		// Of IPv6 the first 64 bits count.
		crowd = append(crowd, n.open(0, fmt.Sprintf("2001:db8:0:1::%x:1", i)))
	}
	others = append(others, n.open(0, "2001:db8:0:2::1"))
	n.want(t, "at the bound", 8, 0)
	for i := range 4 {
		others = append(others, n.open(0, fmt.Sprintf("192.0.2.%d", 10+i)))
		n.want(t, "beyond", 8, uint64(i+1))
		for k, c := range crowd {
			if lives(c) != (k > i) {
				t.Fatalf("after %d newcomers: number %d of the crowd lives: %v", i+1, k, lives(c))
			}
		}
	}
	for i, c := range others {
		if !lives(c) {
			t.Errorf("number %d of the others is closed", i)
		}
	}
	// Of crowds of two the one with the oldest client is thinned out, then of
	// all the oldest.
	n.open(0, "192.0.2.20")
	if lives(crowd[4]) || !lives(others[0]) {
		t.Error("not the larger crowd was thinned out")
	}
	n.open(0, "192.0.2.21")
	if lives(others[0]) || !lives(crowd[5]) {
		t.Error("not the oldest of all has gone")
	}
	n.want(t, "in the end", 8, 6)
}

// TestJoinedClientsMakeRoom: a client that joins or leaves is no longer
// counted, and sorting ends and begins again.
func TestJoinedClientsMakeRoom(t *testing.T) {
	n := newNewcomers(t, 1, Config{MaxUnjoined: 8})
	for round := range 3 {
		var conns []*looptest.Conn
		for i := range 10 {
			conns = append(conns, n.open(0, fmt.Sprintf("192.0.2.%d", i%4)))
		}
		st := n.Stats()
		if st.Unjoined != 8 || st.UnjoinedEvicted != uint64(2*(round+1)) {
			t.Fatalf("round %d: %d clients, %d evicted", round, st.Unjoined, st.UnjoinedEvicted)
		}
		joined := 0
		for i, c := range conns {
			switch {
			case !lives(c):
			case i%2 == 0:
				c.Feed(eiotest.AppendFrame(nil, 0x81, []byte("40")))
				joined++
			default:
				c.PeerClose()
			}
		}
		n.loops.Run()
		if st := n.Stats(); st.Unjoined != 0 || st.Sockets == 0 || n.byLoop[0].unjoined.origins.sorted() {
			t.Fatalf("round %d: %d have joined nothing, %d sockets", round, st.Unjoined, st.Sockets)
		}
		for _, c := range conns {
			c.PeerClose()
		}
		n.loops.Run()
	}
}

// TestTheFullestLoopMakesRoom: a crowd on one loop does not cost the clients of
// another.
func TestTheFullestLoopMakesRoom(t *testing.T) {
	n := newNewcomers(t, 2, Config{MaxUnjoined: 12})
	var crowd, others []*looptest.Conn
	for range 9 {
		crowd = append(crowd, n.open(0, "192.0.2.1"))
	}
	for i := range 8 {
		others = append(others, n.open(1, fmt.Sprintf("192.0.2.%d", 10+i)))
	}
	alive := 0
	for _, c := range crowd {
		if lives(c) {
			alive++
		}
	}
	for i, c := range others {
		if !lives(c) {
			t.Errorf("number %d of the others is closed", i)
		}
	}
	// What is within a loop's share is let in without a look at the other.
	if total := n.Stats().Unjoined; alive > 7 || total > 15 {
		t.Errorf("%d of the crowd live, %d clients have joined nothing", alive, total)
	}
}

// TestNoneGoesTooMany: a client that has gone by itself makes the room that
// another loop is asked for.
func TestNoneGoesTooMany(t *testing.T) {
	n := newNewcomers(t, 3, Config{MaxUnjoined: 12})
	var crowd []*looptest.Conn
	for range 7 {
		crowd = append(crowd, n.open(0, "192.0.2.1"))
	}
	for range 5 {
		n.open(1, "192.0.2.2")
	}
	n.want(t, "at the bound", 12, 0)
	c := n.loops.ConnectFrom(1, netip.MustParseAddrPort("192.0.2.3:1"), func(c *loop.Conn) loop.Handler { return n.eio.Accept(c) })
	c.Feed([]byte(upgradeRequest))
	crowd[2].PeerClose() // before its loop hears of it
	n.loops.Run()
	n.want(t, "afterwards", 12, 0)
	n.open(1, "192.0.2.4")
	n.want(t, "beyond", 12, 1)
}

// TestConnectTimeoutEndsPolling: a session over polling that joins nothing is
// gone when its time is over, a GET being parked or not.
func TestConnectTimeoutEndsPolling(t *testing.T) {
	n := newNewcomers(t, 1, Config{ConnectTimeout: time.Second})
	open := []byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
	for range 2 {
		c := n.loops.Connect(n.eio.Accept)
		c.Feed(open)
		n.loops.Run()
	}
	n.want(t, "before", 2, 0)
	n.loops.Advance(1100 * time.Millisecond)
	n.want(t, "after", 0, 0)
	if got := n.Stats().ConnectTimeouts; got != 2 {
		t.Errorf("%d timeouts were counted, want 2", got)
	}
}
