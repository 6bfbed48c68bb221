package redisadapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// connector is PubSub or Sharded, or Streams as a streamsConnector.
type connector interface {
	Adapter(local adapter.Local) adapter.Adapter
	Stats() Stats
	io.Closer
}

// connectors are both, with each of their options.
var connectors = map[string]func(client redis.UniversalClient, log *slog.Logger) (connector, error){
	"pubsub": func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
		return NewPubSub(client, PubSubConfig{Logger: log})
	},
	"pubsub, specific responses": func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
		return NewPubSub(client, PubSubConfig{Key: "k*", PublishOnSpecificResponseChannel: true, Logger: log})
	},
	"sharded, static": func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
		return NewSharded(client, ShardedConfig{SubscriptionMode: ModeStatic, Logger: log})
	},
	"sharded, dynamic": func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
		return NewSharded(client, ShardedConfig{ChannelPrefix: "k", Logger: log})
	},
	"sharded, dynamic-private": func(client redis.UniversalClient, log *slog.Logger) (connector, error) {
		return NewSharded(client, ShardedConfig{SubscriptionMode: ModeDynamicPrivate, Logger: log})
	},
}

// host is a server of a cluster.
type host struct {
	*sio.Server
	connector connector
	log       *logged
}

func newHost(t testing.TB, client redis.UniversalClient, connect func(client redis.UniversalClient, log *slog.Logger) (connector, error)) *host {
	t.Helper()
	h := &host{log: new(logged)}
	var err error
	if h.connector, err = connect(client, h.log.logger()); err != nil {
		t.Fatal(err)
	}
	if h.Server, err = sio.New(sio.Config{Loops: 2, Adapter: h.connector.Adapter, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if err := h.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Close()
		h.connector.Close()
	})
	wait.Until(t, "connected", func() bool { return h.connector.Stats().Connected })
	return h
}

// meet waits until the hosts know of each other, and channels of rooms are
// subscribed to.
func meet(t testing.TB, hosts ...*host) {
	t.Helper()
	for _, h := range hosts {
		wait.Until(t, "all servers", func() bool {
			n, err := h.node().ServerCount(t.Context())
			return err == nil && n == len(hosts)
		})
	}
	for _, h := range hosts {
		settle(t, h)
	}
}

func (h *host) members() *members {
	switch c := h.connector.(type) {
	case *PubSub:
		return c.members
	case *Sharded:
		return c.members
	default:
		return c.(streamsConnector).members
	}
}

// node is that of the main namespace.
func (h *host) node() *cluster.Node {
	ms := h.members()
	ms.mu.Lock()
	defer ms.mu.Unlock()
	for n := range ms.nodes {
		return n
	}
	return nil
}

// settle waits until Redis is subscribed to everything that a host wants.
func settle(t testing.TB, h *host) {
	t.Helper()
	c := h.members().channels
	wait.Until(t, "settled", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, topic := range c.topics {
			if !topic.subscribed() {
				return false
			}
		}
		return true
	})
}

func (p *person) wants(t testing.TB, list ...string) {
	t.Helper()
	for _, want := range list {
		got := wait.For(t, fmt.Sprintf("%q at %s", want, p.name), p.came)
		if got != want {
			t.Fatalf("%s received %q, want %q", p.name, got, want)
		}
	}
}

// TestCluster makes every call at one of two servers, for clients of both.
func TestCluster(t *testing.T) {
	for name, connect := range connectors {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			a, b := newHost(t, r.Client, connect), newHost(t, r.Client, connect)
			x, y := newPerson(t, a.Addr().String(), "x"), newPerson(t, b.Addr().String(), "y")
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			meet(t, a, b)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()

			must(a.Emit("e", 1, "ü", map[string]any{"a": []int{1}}))
			x.wants(t, `["e",1,"ü",{"a":[1]}]`)
			y.wants(t, `["e",1,"ü",{"a":[1]}]`)
			must(a.Emit("b", []byte{1, 2}, "x"))
			x.wants(t, `["b",{"_placeholder":true,"num":0},"x"] 0102`)
			y.wants(t, `["b",{"_placeholder":true,"num":0},"x"] 0102`)
			must(b.To(x.id).Emit("to x")) // as a room of 20 characters
			x.wants(t, `["to x"]`)
			must(a.Volatile().Emit("v"))
			x.wants(t, `["v"]`)
			y.wants(t, `["v"]`)
			must(a.Except(y.id).Emit("not y"))
			x.wants(t, `["not y"]`)
			must(a.Local().Emit("local"))
			x.wants(t, `["local"]`)

			// Rooms of both kinds of names, joined here and there.
			must(a.To(y.id).SocketsJoin("r", "7"))
			wait.Until(t, "y in r", func() bool { return b.Count("r") == 1 && b.Count("7") == 1 })
			settle(t, b)
			must(a.To("r").Emit("r"))
			must(a.To("7").Emit("7"))
			must(a.To("7", "r").Emit("both"))
			y.wants(t, `["r"]`, `["7"]`, `["both"]`)
			must(a.To("r").Except("7").Emit("nobody"))
			must(a.To("r").Emit("all of r"))
			y.wants(t, `["all of r"]`)
			must(b.To("r").SocketsLeave("7"))
			wait.Until(t, "y not in 7", func() bool { return b.Count("7") == 0 })
			must(b.SocketsJoin("all"))
			wait.Until(t, "all", func() bool { return a.Count("all") == 1 && b.Count("all") == 1 })

			// Requests.
			sockets, err := a.FetchSockets(ctx)
			must(err)
			ids := []string{sockets[0].ID(), sockets[len(sockets)-1].ID()}
			slices.Sort(ids)
			want := []string{x.id, y.id}
			slices.Sort(want)
			if len(sockets) != 2 || !slices.Equal(ids, want) {
				t.Errorf("sockets %v, want %v", ids, want)
			}
			if n, err := a.To("r").CountSockets(ctx); n != 1 || err != nil {
				t.Errorf("%d in r, %v", n, err)
			}
			if n, err := b.To("all").CountSockets(ctx); n != 2 || err != nil {
				t.Errorf("%d in all, %v", n, err)
			}
			answers, err := sio.EmitAckAll[string](ctx, a.To("all"), "name?")
			slices.Sort(answers)
			if err != nil || !slices.Equal(answers, []string{"x", "y"}) {
				t.Errorf("acknowledged by %v, %v", answers, err)
			}
			x.wants(t, `["name?"]`)
			y.wants(t, `["name?"]`)
			told := make(chan string, 1)
			b.OnServerEvent("told", func(e *sio.ServerEvent) { told <- string(e.Raw(0)) })
			b.OnServerEvent("asked", func(e *sio.ServerEvent) {
				if err := e.Ack(map[string]int{"n": 7}); err != nil {
					t.Error(err)
				}
			})
			a.OnServerEvent("told", func(*sio.ServerEvent) { t.Error("the own server was told") })
			must(a.ServerSideEmit("told", 5))
			select {
			case got := <-told:
				if got != "5" {
					t.Errorf("told %q", got)
				}
			case <-ctx.Done():
				t.Fatal("not told")
			}
			responses, err := a.ServerSideEmitAck(ctx, "asked")
			if err != nil || len(responses) != 1 || string(responses[0].Raw(0)) != `{"n":7}` {
				t.Errorf("%v, %v", responses, err)
			}
			short, end := context.WithTimeout(ctx, 50*time.Millisecond)
			responses, err = b.ServerSideEmitAck(short, "nobody answers")
			end()
			if err == nil || len(responses) != 0 {
				t.Errorf("%v, %v", responses, err)
			}

			must(a.To("r").DisconnectSockets(true))
			if _, open := <-y.came; open {
				t.Error("y is still connected")
			}
			for _, h := range []*host{a, b} {
				s := h.connector.Stats()
				if s.Invalid != 0 || s.Lost != 0 || s.Nodes.Unknown != 0 || s.Dropped != 0 || s.Received == 0 || s.Published == 0 || !s.Connected || s.Disconnects != 0 {
					t.Errorf("%+v", s)
				}
				if n := h.log.count("level=WARN"); n != 0 {
					t.Errorf("%d warnings were logged", n)
				}
			}
		})
	}
}

// TestClusterRooms looks at which channels there are, and for which rooms a
// node of each mode decodes broadcasts.
func TestClusterRooms(t *testing.T) {
	for name, want := range map[string]int{ // the channels of a server with a client in 3 rooms
		"pubsub": 4, "sharded, static": 2, "sharded, dynamic": 5, "sharded, dynamic-private": 6,
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			a, b := newHost(t, r.Client, connectors[name]), newHost(t, r.Client, connectors[name])
			before := b.connector.Stats().Channels
			y := newPerson(t, b.Addr().String(), "y")
			if err := b.SocketsJoin("r", "s", "t"); err != nil {
				t.Fatal(err)
			}
			meet(t, a, b)
			if n := b.connector.Stats().Channels; n != want {
				t.Errorf("%d channels, want %d", n, want)
			}
			received := b.connector.Stats().Received
			if err := errors.Join(a.To("elsewhere").Emit("no"), a.To("s").Emit("yes")); err != nil {
				t.Fatal(err)
			}
			y.wants(t, `["yes"]`)
			if n := b.connector.Stats().Received - received; name != "sharded, static" && n != 1 {
				t.Errorf("%d broadcasts were decoded", n)
			}
			if err := b.DisconnectSockets(true); err != nil {
				t.Fatal(err)
			}
			wait.Until(t, "unsubscribed", func() bool { return b.connector.Stats().Channels == before })
		})
	}
}

// TestClusterAway breaks Redis under traffic. Own clients get everything at
// once, and whatever Redis has not taken was counted.
func TestClusterAway(t *testing.T) {
	for name, tc := range map[string]struct{ away, back func(r *redistest.Server) }{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Start},
		"paused": {(*redistest.Server).Pause, (*redistest.Server).Resume},
		"cut":    {(*redistest.Server).CutClients, func(*redistest.Server) {}},
	} {
		for _, kind := range []string{"pubsub", "sharded, dynamic"} {
			t.Run(kind+" "+name, func(t *testing.T) {
				r := redistest.Start(t)
				a, b := newHost(t, r.Client, connectors[kind]), newHost(t, r.Client, connectors[kind])
				x, y := newPerson(t, a.Addr().String(), "x"), newPerson(t, b.Addr().String(), "y")
				meet(t, a, b)
				emitted := 0
				emit := func() {
					t.Helper()
					begun := time.Now()
					if err := a.Emit("e", emitted); err != nil {
						t.Fatal(err)
					}
					x.wants(t, fmt.Sprintf(`["e",%d]`, emitted))
					if d := time.Since(begun); d > 5*time.Second {
						t.Errorf("the own client got it after %v", d)
					}
					emitted++
				}
				for range 100 {
					emit()
				}
				wait.Until(t, "on the way", func() bool { return a.connector.Stats().Published > 0 })
				tc.away(r)
				wait.Until(t, "both notice the loss", func() bool {
					emit()
					return a.connector.Stats().Disconnects > 0 && b.connector.Stats().Disconnects > 0
				})
				tc.back(r)
				wait.Until(t, "back", func() bool { return a.connector.Stats().Connected && b.connector.Stats().Connected })
				meet(t, a, b)
				last := emitted
				emit()
				got := 0
				for text := ""; text != fmt.Sprintf(`["e",%d]`, last); got++ {
					var n int
					text = wait.For(t, "an event at y", y.came)
					if _, err := fmt.Sscanf(text, `["e",%d]`, &n); err != nil || n < got {
						t.Fatalf("%s comes after %d others", text, got)
					}
				}
				wait.Until(t, "counted", func() bool { return a.connector.Stats().Queued == 0 })
				s := a.connector.Stats()
				if s.Published+s.Lost != uint64(emitted) || s.Published < 2 {
					t.Errorf("%d were emitted, %d received: %+v", emitted, got, s)
				}
				for _, h := range []*host{a, b} {
					if lost, back := h.log.count("are lost"), h.log.count("is back"); lost != 1 || back != 1 {
						t.Errorf("logged: lost %d times, back %d times", lost, back)
					}
				}
			})
		}
	}
}

// TestClusterMalformed publishes nonsense on every channel.
func TestClusterMalformed(t *testing.T) {
	for _, kind := range []string{"pubsub", "sharded, static"} {
		t.Run(kind, func(t *testing.T) {
			r := redistest.Start(t)
			a := newHost(t, r.Client, connectors[kind])
			x := newPerson(t, a.Addr().String(), "x")
			settle(t, a)
			uid := a.node().UID()
			channels := []string{"socket.io#/#", "socket.io#/#" + x.id + "#", "socket.io-request#/#", "socket.io-response#/#", "socket.io-response#/#" + uid + "#"}
			publish := r.Client.Publish
			if kind != "pubsub" {
				channels = []string{"socket.io#/#", "socket.io#/#" + uid + "#"}
				publish = r.Client.SPublish
			}
			const nonsense = "\xc1"
			for i, c := range channels {
				if n, err := publish(t.Context(), c, nonsense).Result(); n == 0 || err != nil {
					t.Errorf("%s has %d listeners, %v", c, n, err)
				}
				wait.Until(t, "counted", func() bool { return a.connector.Stats().Invalid == uint64(i+1) })
			}
			for _, c := range channels {
				for _, s := range malformed {
					if err := publish(t.Context(), c, s).Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := a.Emit("e"); err != nil {
				t.Fatal(err)
			}
			x.wants(t, `["e"]`)
			settle(t, a)
			if s := a.connector.Stats(); !s.Connected || s.Nodes.Panics != 0 || s.Disconnects != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestConnectorConfig(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for name, make := range map[string]func() error{
		"PubSubConfig.MaxQueued is -1": func() error {
			_, err := NewPubSub(client, PubSubConfig{MaxQueued: -1})
			return err
		},
		"ShardedConfig.MaxQueuedBytes is -1": func() error {
			_, err := NewSharded(client, ShardedConfig{MaxQueuedBytes: -1})
			return err
		},
		"PubSubConfig.Node: cluster: Config.RequestTimeout": func() error {
			var cfg PubSubConfig
			cfg.Node.RequestTimeout = -1
			_, err := NewPubSub(client, cfg)
			return err
		},
		`ShardedConfig.SubscriptionMode is "x"`: func() error {
			_, err := NewSharded(client, ShardedConfig{SubscriptionMode: "x"})
			return err
		},
	} {
		if err := make(); err == nil || !bytes.Contains([]byte(err.Error()), []byte(name)) {
			t.Errorf("%v does not tell that %s", err, name)
		}
	}
}
