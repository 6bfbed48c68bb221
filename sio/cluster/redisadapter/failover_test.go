package redisadapter

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// streamsConnector has the figures of the channels, but is connected when all
// is.
type streamsConnector struct{ *Streams }

func (s streamsConnector) Stats() Stats {
	all := s.Streams.Stats()
	all.Channels.Connected = all.Connected
	return all.Channels
}

// pair is two servers of an adapter, with a client each. What a emits, x gets
// at once and y if nothing is lost.
type pair struct {
	a, b    *host
	x, y    *person
	emitted int
	got     []int // by y
}

func newPair(t testing.TB, s *redistest.Sentinel, connect func(client redis.UniversalClient, log *slog.Logger) (connector, error)) *pair {
	t.Helper()
	p := &pair{a: newHost(t, s.Client(), connect), b: newHost(t, s.Client(), connect)}
	p.x, p.y = newPerson(t, p.a.Addr().String(), "x"), newPerson(t, p.b.Addr().String(), "y")
	meet(t, p.a, p.b)
	return p
}

// emit emits, and waits for the own client to get it.
func (p *pair) emit(t testing.TB) {
	t.Helper()
	begun := time.Now()
	if err := p.a.Emit("e", p.emitted); err != nil {
		t.Fatal(err)
	}
	p.x.wants(t, fmt.Sprintf(`["e",%d]`, p.emitted))
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("the own client got it after %v", d)
	}
	p.emitted++
}

// drain takes what y has got, until it is the event that was emitted last.
func (p *pair) drain(t testing.TB) {
	t.Helper()
	for len(p.got) == 0 || p.got[len(p.got)-1] != p.emitted-1 {
		text := wait.For(t, "an event at y", p.y.came)
		var n int
		if _, err := fmt.Sscanf(text, `["e",%d]`, &n); err != nil {
			t.Fatalf("y received %s", text)
		}
		p.got = append(p.got, n)
	}
}

// TestFailover has a Sentinel replace the master under traffic: one that was
// killed, and one that goes on, as if nothing had happened, for another ten
// seconds.
func TestFailover(t *testing.T) {
	for name, fail := range map[string]func(s *redistest.Sentinel){
		"killed":  func(s *redistest.Sentinel) { s.Master.Kill() },
		"planned": (*redistest.Sentinel).Failover,
	} {
		t.Run(name, func(t *testing.T) {
			s := redistest.StartSentinel(t)
			pairs := map[string]*pair{
				"pubsub":  newPair(t, s, connectors["pubsub"]),
				"sharded": newPair(t, s, connectors["sharded, dynamic"]),
				"streams": newPair(t, s, func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
					streams, err := NewStreams(client, StreamsConfig{ChannelPrefix: "streams", Logger: log})
					return streamsConnector{streams}, err
				}),
			}
			listed := listPair(t, s.Client())
			all := func() {
				t.Helper()
				for _, p := range pairs {
					p.emit(t)
				}
				wake(listed.a.ask) // as often as it may
				if _, ok := listed.a.Lookup(t.Context(), listed.b.Node()); !ok {
					t.Fatal("a node that is known is forgotten")
				}
				time.Sleep(time.Millisecond)
			}
			for range 100 {
				all()
			}
			failed := make(chan struct{})
			go func() {
				defer close(failed)
				fail(s)
				s.AwaitPromotion()
			}()
			for running := true; running; all() {
				select {
				case <-failed:
					running = false
				default:
				}
			}
			for name, p := range pairs {
				for _, h := range []*host{p.a, p.b} {
					wait.Until(t, name+" goes on", func() bool {
						all()
						s := h.connector.Stats()
						return s.Connected && s.Disconnects == 1
					})
				}
			}
			wait.Until(t, "the list is there", func() bool {
				all()
				n, _ := s.Replica.Client.HLen(t.Context(), "sioserver:nodes").Result()
				return n == 2 && listed.a.Stats().Connected && listed.b.Stats().Connected
			})
			for name, p := range pairs {
				meet(t, p.a, p.b)
				p.check(t, name)
			}
			if lost, back := listed.log.count("can't be read"), listed.log.count("can be read again"); lost != back || lost > 2 {
				t.Errorf("logged: the list is lost %d times, back %d times", lost, back)
			}
		})
	}
}

// check is called when all connections are there again: everything arrives from
// now on.
func (p *pair) check(t *testing.T, name string) {
	t.Helper()
	settled := p.emitted
	for range 100 {
		p.emit(t)
	}
	p.drain(t)
	for i, n := range p.got {
		if i > 0 && (n <= p.got[i-1] || n > settled && n != p.got[i-1]+1) {
			t.Errorf("%s: %d comes after %d; %d was the first that must come", name, n, p.got[i-1], settled)
		}
	}
	t.Logf("%s: %d were emitted, %d received", name, p.emitted, len(p.got))
	wait.Until(t, "counted", func() bool { return p.a.connector.Stats().Queued == 0 })
	switch c := p.a.connector.(type) {
	case streamsConnector:
		wait.Until(t, "all is in the stream", func() bool { return c.Streams.Stats().Queued == 0 })
		s := c.Streams.Stats()
		if s.Published != uint64(p.emitted) || s.Dropped != 0 {
			t.Errorf("%s: %d were emitted: %+v", name, p.emitted, s)
		}
		gaps := s.Gaps + p.b.connector.(streamsConnector).Streams.Stats().Gaps
		if lost := p.emitted - len(p.got); lost > 50 && gaps == 0 { // more than may just have been sent
			t.Errorf("%s: %d are lost, and no gap is counted", name, lost)
		}
	default:
		if s := c.Stats(); s.Published+s.Lost != uint64(p.emitted) || len(p.got) > p.emitted {
			t.Errorf("%s: %d were emitted, %d received: %+v", name, p.emitted, len(p.got), s)
		}
	}
	for _, h := range []*host{p.a, p.b} {
		if n, err := h.Except().CountSockets(t.Context()); n != 2 || err != nil {
			t.Errorf("%s: %d sockets, %v", name, n, err)
		}
		if list, err := h.FetchSockets(t.Context()); len(list) != 2 || err != nil {
			t.Errorf("%s: %d sockets are described, %v", name, len(list), err)
		}
		for what, away := range map[string]string{"the connection": "no connection to Redis", "the stream": "the stream is away"} {
			lost, back := h.log.count(away), h.log.count(what+" is back")
			if lost != back || lost > 1 || lost == 0 && what == "the connection" {
				t.Errorf("%s: logged: %s is lost %d times, back %d times", name, what, lost, back)
			}
		}
	}
}

// listed is two nodes of a list.
type listed struct {
	a, b *Directory
	log  logged
}

func listPair(t testing.TB, client redis.UniversalClient) *listed {
	t.Helper()
	var l listed
	for i, d := range []**Directory{&l.a, &l.b} {
		var err error
		if *d, err = NewDirectory(client, DirectoryConfig{Addr: fmt.Sprint("127.0.0.1:", 1000+i), Logger: l.log.logger()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*d).Close() })
	}
	wait.Until(t, "a knows b", func() bool {
		_, ok := l.a.Lookup(t.Context(), l.b.Node())
		return ok
	})
	return &l
}
