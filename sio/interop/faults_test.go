package interop

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// journal counts what is logged. Safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// lines returns the lines with a word.
func (j *journal) lines(word string) (list []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, word) {
			list = append(list, line)
		}
	}
	return list
}

// figures are the counters of a connection to Redis about broadcasts.
type figures struct {
	published, lost, disconnects uint64
	queued                       int
	connected                    bool
}

// faultNode is a server under steady traffic.
type faultNode struct {
	number  int
	srv     *sio.Server
	figures func() figures
	log     journal
	client  *witness
	sent    atomic.Int64
}

// faultVariants connect a server and return its counters, by the adapter's
// name.
var faultVariants = map[string]func(r *redistest.Server, log *slog.Logger) (connection, func() figures, error){
	"pubsub": func(r *redistest.Server, log *slog.Logger) (connection, func() figures, error) {
		p, err := redisadapter.NewPubSub(r.Client, redisadapter.PubSubConfig{Logger: log})
		return p, func() figures { return channelFigures(p.Stats()) }, err
	},
	"sharded": func(r *redistest.Server, log *slog.Logger) (connection, func() figures, error) {
		s, err := redisadapter.NewSharded(r.Client, redisadapter.ShardedConfig{Logger: log})
		return s, func() figures { return channelFigures(s.Stats()) }, err
	},
	"streams": func(r *redistest.Server, log *slog.Logger) (connection, func() figures, error) {
		s, err := redisadapter.NewStreams(r.Client, redisadapter.StreamsConfig{Logger: log})
		return s, func() figures {
			st := s.Stats()
			return figures{st.Published, st.Dropped, st.Lost + st.Channels.Disconnects, st.Queued, st.Connected}
		}, err
	},
}

func channelFigures(st redisadapter.Stats) figures {
	return figures{st.Published, st.Lost, st.Disconnects, st.Queued, st.Connected}
}

// startFaultNode starts a server and connects its client.
func startFaultNode(t *testing.T, r *redistest.Server, variant string, number int) *faultNode {
	t.Helper()
	n := &faultNode{number: number}
	c, figures, err := faultVariants[variant](r, slog.New(slog.NewTextHandler(&n.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	n.figures = figures
	n.srv, _ = serve(t, sio.Config{Loops: 1, Adapter: c.Adapter}, func(srv *sio.Server) {
		srv.OnConnection(func(s *sio.Socket) { s.Join("room") })
	})
	n.client = watch(t, n.srv.Addr().String())
	return n
}

// emit sends the next event: to all and to a room in turn.
func (n *faultNode) emit(t *testing.T) {
	i := int(n.sent.Load())
	to := n.srv.To()
	if i%2 == 1 {
		to = n.srv.To("room")
	}
	// An error means that other servers don't get it; the counters count it.
	_ = to.Emit("n", n.number, i)
	n.sent.Add(1)
}

// fault is an outage of Redis and its effects.
type fault struct {
	name  string
	does  func(t *testing.T, r *redistest.Server, nodes [2]*faultNode)
	lossy bool // Pub/Sub loses messages; streams never do
	// uncounted: Redis takes all messages, so Lost does not count what it
	// drops.
	uncounted bool
	// noticed: the servers count the outage.
	noticed bool
}

var faults = []fault{
	{name: "short pause", does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) {
		r.Pause()
		time.Sleep(300 * time.Millisecond) // how long Redis is away, not a wait for something
		r.Resume()
	}},
	{name: "long pause", lossy: true, noticed: true, does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) {
		r.Pause()
		defer r.Resume()
		awaitDisconnects(t, nodes)
	}},
	{name: "killed", lossy: true, noticed: true, does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) {
		r.Kill()
		awaitDisconnects(t, nodes)
		for _, n := range nodes {
			n.aloneFor(t)
		}
		r.Start()
	}},
	{name: "all cut", lossy: true, noticed: true, does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) {
		r.CutClients()
		awaitDisconnects(t, nodes)
	}},
	{name: "publishers cut", lossy: true, does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) { r.Cut("normal") }},
	{name: "subscribers cut", lossy: true, uncounted: true, noticed: true, does: func(t *testing.T, r *redistest.Server, nodes [2]*faultNode) {
		r.Cut("pubsub")
		awaitDisconnects(t, nodes)
	}},
}

// awaitDisconnects waits until both servers have noticed.
func awaitDisconnects(t *testing.T, nodes [2]*faultNode) {
	t.Helper()
	for _, n := range nodes {
		wait.Until(t, "the loss is noticed", func() bool { return n.figures().disconnects > 0 })
	}
}

// aloneFor checks a server while Redis is away: requests to others fail, and
// its own clients are there.
func (n *faultNode) aloneFor(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if list, err := n.srv.FetchSockets(ctx); err == nil {
		t.Errorf("FetchSockets without Redis gives %d sockets and no error", len(list))
	}
	if list, err := n.srv.Local().FetchSockets(ctx); err != nil || len(list) != 1 {
		t.Errorf("own sockets without Redis: %d, %v", len(list), err)
	}
}

// TestFaults breaks Redis under traffic from two servers.
//
// After each fault a server's own clients have all events, in order and once.
// Clients of the other server have all of them by streams, and some of them by
// Pub/Sub, in order. Every message is counted: as published if Redis has
// confirmed it, else as lost. A lost message may have arrived, if only the
// answer of Redis was lost. A published one may not have arrived, if the other
// server was not subscribed, or Redis ended before it passed the message on; no
// counter has those. Each outage is one line in the log, and its end another
// one.
func TestFaults(t *testing.T) {
	for variant := range faultVariants {
		for _, f := range faults {
			t.Run(variant+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				f.play(t, variant)
			})
		}
	}
}

func (f fault) play(t *testing.T, variant string) {
	r := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	nodes := [2]*faultNode{startFaultNode(t, r, variant, 0), startFaultNode(t, r, variant, 1)}
	meet(t, nodes)
	stop := traffic(t, nodes)

	// Events that arrive before the fault, and those that are sent after it,
	// must not be lost.
	var before, after [2]int
	for i, n := range nodes {
		other := nodes[1-i]
		wait.Until(t, "traffic", func() bool { return other.client.last(i) > int(n.sent.Load())/2 && n.sent.Load() > 50 })
		before[i] = other.client.last(i)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logged: %q %q; %+v %+v", nodes[0].log.lines(""), nodes[1].log.lines(""), nodes[0].figures(), nodes[1].figures())
		}
	})
	f.does(t, r, nodes)
	for _, n := range nodes {
		wait.Until(t, "connected again", func() bool { return n.figures().connected })
	}
	for i, n := range nodes {
		// A server may notice a cut connection only when it uses it.
		first := int(n.sent.Load()) + 1
		wait.Until(t, "traffic again", func() bool { return nodes[1-i].client.last(i) >= first && n.figures().connected })
		after[i] = int(n.sent.Load()) + 1
	}
	stop()
	for i, n := range nodes {
		last := int(n.sent.Load()) - 1
		wait.Until(t, "the last event", func() bool {
			st := n.figures()
			return n.client.last(i) == last && nodes[1-i].client.last(i) == last && st.queued == 0 && st.connected
		})
		f.check(t, variant, n, nodes[1-i].client.of(i), before[i], after[i])
	}
	meet(t, nodes)
}

// meet waits until each server's events reach the other one.
func meet(t *testing.T, nodes [2]*faultNode) {
	t.Helper()
	for _, n := range nodes {
		wait.Until(t, "the servers know of each other", func() bool {
			list, err := n.srv.Timeout(500 * time.Millisecond).FetchSockets(t.Context())
			return err == nil && len(list) == 2 && n.figures().connected
		})
	}
}

// traffic emits from both nodes until it is stopped.
func traffic(t *testing.T, nodes [2]*faultNode) (stop func()) {
	end := make(chan struct{})
	var emitting sync.WaitGroup
	for _, n := range nodes {
		emitting.Go(func() {
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-end:
					return
				case <-tick.C:
					n.emit(t)
				}
			}
		})
	}
	return func() {
		close(end)
		emitting.Wait()
	}
}

// check checks which of a server's events the other server's client has got.
func (f fault) check(t *testing.T, variant string, n *faultNode, got []int, before, after int) {
	t.Helper()
	sent, st := int(n.sent.Load()), n.figures()
	all := make([]int, sent)
	for i := range all {
		all[i] = i
	}
	if own := n.client.of(n.number); !slices.Equal(own, all) {
		t.Errorf("of %d events own clients got %d: %s", sent, len(own), gaps(own, sent))
	}
	missing := sent - len(got)
	t.Logf("%d sent, %d did not arrive, %d lost as counted, %d disconnects, %s", sent, missing, st.lost, st.disconnects, gaps(got, sent))
	lost, back := len(n.log.lines("level=WARN")), len(n.log.lines("is back"))
	if st.disconnects != uint64(lost) || lost != back || f.noticed && lost == 0 {
		t.Errorf("%d disconnects, logged as %q", st.disconnects, n.log.lines(""))
	}
	if !f.lossy || variant == "streams" {
		if !slices.Equal(got, all) || st.lost != 0 {
			t.Errorf("of %d events %d are missing, %d are counted as lost: %s", sent, missing, st.lost, gaps(got, sent))
		}
		return
	}
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] {
			t.Fatalf("%d came after %d", got[i], got[i-1])
		}
	}
	for _, i := range all {
		if _, came := slices.BinarySearch(got, i); !came && (i <= before || i >= after) {
			t.Errorf("%d is missing: what has arrived ends with %d before the fault, what must arrive begins with %d", i, before, after)
		}
	}
	if counted := int(st.published + st.lost); counted < sent {
		t.Errorf("%d sent, %d counted: %d published, %d lost", sent, counted, st.published, st.lost)
	}
	if f.uncounted && st.lost != 0 {
		t.Errorf("%d counted as lost, and Redis has taken all", st.lost)
	}
}

// gaps describes the numbers of 0 to n-1 that are missing.
func gaps(got []int, n int) string {
	var list []string
	next := 0
	for _, i := range append(slices.Clone(got), n) {
		switch {
		case i > next:
			list = append(list, fmt.Sprintf("%d to %d missing", next, i-1))
		case i < next:
			list = append(list, fmt.Sprintf("%d again", i))
		}
		next = max(next, i+1)
	}
	return strings.Join(list, ", ")
}
