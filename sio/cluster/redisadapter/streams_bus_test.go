package redisadapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// one is a namespace with one socket, which acknowledges everything.
type one struct {
	adapter.Local
	called chan string // with what has been done to it
}

func (one) Namespace() string { return "/" }

func (l one) Broadcast(p adapter.Packet, _ adapter.Options) error {
	l.called <- fmt.Sprintf("%s %s", p.Event, p.Args)
	return nil
}

func (l one) BroadcastAck(_ context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	l.called <- fmt.Sprintf("%s? %s", p.Event, p.Args)
	acks.Clients(1)
	acks.Answer(adapter.Answer{Data: []byte(`"yes"`)})
	return nil
}

func (one) Sockets(adapter.Options) []adapter.Details {
	return []adapter.Details{{ID: "s", Handshake: json.RawMessage(`{"issued":1}`), Rooms: []string{"s", "r"}, Data: json.RawMessage(`{}`)}}
}

func (l one) Describe(o adapter.Options) (next func() []adapter.Details) {
	list := l.Sockets(o)
	return func() []adapter.Details {
		defer func() { list = nil }()
		return list
	}
}

func (one) CountSockets(adapter.Options) int { return 1 }

func (l one) AddSockets(o adapter.Options, rooms []string) {
	l.called <- fmt.Sprintf("join %v %v", o.Rooms, rooms)
}

func (l one) DelSockets(o adapter.Options, rooms []string) {
	l.called <- fmt.Sprintf("leave %v %v", o.Rooms, rooms)
}

func (l one) DisconnectSockets(o adapter.Options, closing bool) {
	l.called <- fmt.Sprintf("disconnect %v %v", o.Rooms, closing)
}

func (l one) ServerSideEvent(p adapter.Packet, reply func(adapter.Answer)) {
	l.called <- fmt.Sprintf("%s! %s", p.Event, p.Args)
	if reply != nil {
		reply(adapter.Answer{Data: []byte(`[7]`)})
	}
}

// peer is what a server of the reference is on the wire: another node.
type peer struct {
	t        testing.TB
	r        *redistest.Server
	sharded  bool
	messages <-chan *redis.Message
}

func newPeer(t testing.TB, r *redistest.Server, sharded bool, channels ...string) *peer {
	t.Helper()
	subscribe := r.Client.Subscribe
	if sharded {
		subscribe = r.Client.SSubscribe
	}
	s := subscribe(t.Context(), channels...)
	t.Cleanup(func() { s.Close() })
	for range channels {
		if _, err := s.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return &peer{t, r, sharded, s.Channel()}
}

// wants waits for a message, which is MessagePack of the JSON, but for the
// member that servers of the reference ignore.
func (p *peer) wants(channel, message string) {
	p.t.Helper()
	m := wait.For(p.t, message, p.messages)
	var got, want map[string]any
	if err := msgpack.DecodeValue([]byte(m.Payload), &got); err != nil {
		p.t.Fatalf("%q is not MessagePack: %v", m.Payload, err)
	}
	if data, ok := got["data"].(map[string]any); ok {
		delete(data, "parts")
	}
	if err := json.Unmarshal([]byte(message), &want); err != nil {
		p.t.Fatal(err)
	}
	if m.Channel != channel || !reflect.DeepEqual(got, want) {
		p.t.Fatalf("%s got %v, want %s to get %s", m.Channel, got, channel, message)
	}
}

// says publishes a message.
func (p *peer) says(channel, message string) {
	p.t.Helper()
	b, err := msgpack.AppendValue(nil, json.RawMessage(message))
	if err != nil {
		p.t.Fatal(err)
	}
	publish := p.r.Client.Publish
	if p.sharded {
		publish = p.r.Client.SPublish
	}
	if n, err := publish(p.t.Context(), channel, b).Result(); err != nil || n == 0 {
		p.t.Fatalf("%s has %d listeners, %v", channel, n, err)
	}
}

// numbered gives the ids u1, u2 and so on.
func numbered() func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return "u" + strconv.Itoa(n)
	}
}

func newStreams(t testing.TB, r *redistest.Server, cfg redisadapter.StreamsConfig) *redisadapter.Streams {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := redisadapter.NewStreams(r.Client, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// join makes l a node whose UID is u1, and waits until it counts.
func join(t testing.TB, s *redisadapter.Streams, l adapter.Local, servers int) adapter.Recoverer {
	t.Helper()
	a := s.Adapter(l).(adapter.Recoverer)
	t.Cleanup(func() { a.Close() })
	untilStreams(t, s, func(st redisadapter.StreamsStats) bool { return st.Connected })
	for n := 0; n != servers; {
		var err error
		if n, err = a.ServerCount(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

type acks struct{ told chan string }

func (a acks) Servers(n int)           { a.told <- fmt.Sprintf("servers %d", n) }
func (a acks) Clients(n int)           { a.told <- fmt.Sprintf("clients %d", n) }
func (a acks) Answer(b adapter.Answer) { a.told <- "answer " + string(b.Data) }
func (a acks) Gone(n int, _ error)     { a.told <- fmt.Sprintf("gone %d", n) }

func wants[T comparable](t testing.TB, c <-chan T, list ...T) {
	t.Helper()
	for _, want := range list {
		got := wait.For(t, fmt.Sprint(want), c)
		if got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// TestStreamsWire has a node exchange messages with one that speaks what
// @socket.io/redis-streams-adapter 0.3 does.
func TestStreamsWire(t *testing.T) {
	for name, cfg := range map[string]redisadapter.StreamsConfig{
		"default":  {},
		"settings": {ChannelPrefix: "p", StreamName: "x", UseShardedPubSub: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			cfg.Node.UID = numbered()
			prefix, stream := "socket.io", "socket.io"
			if cfg.ChannelPrefix != "" {
				prefix, stream = cfg.ChannelPrefix, cfg.StreamName
			}
			public, own := prefix+"#/#", prefix+"#/#u1#"
			p := newPeer(t, r, cfg.UseShardedPubSub, public, prefix+"#/#peer#")
			l := one{called: make(chan string, 10)}
			a := join(t, newStreams(t, r, cfg), l, 2)
			t.Run("asks", func(t *testing.T) { testStreamsAsks(t, a, p, public, own) })
			t.Run("is asked", func(t *testing.T) { testStreamsAsked(t, l, p, public, prefix+"#/#peer#") })
			t.Run("stream", func(t *testing.T) { testStreamsEntries(t, a, l, p, stream) })
		})
	}
}

// testStreamsAsks has the node make each kind of request.
func testStreamsAsks(t *testing.T, a adapter.Recoverer, p *peer, public, own string) {
	ctx := t.Context()
	o := adapter.Options{Rooms: []string{"r"}}
	var sockets []adapter.Details
	result := make(chan error)
	go func() {
		var err error
		sockets, err = a.FetchSockets(ctx, o)
		result <- err
	}()
	p.wants(public, `{"uid":"u1","nsp":"/","type":7,"data":{"requestId":"u2","opts":{"rooms":["r"],"except":[],"flags":{}}}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":8,"data":{"requestId":"u2","sockets":[{"id":"i","handshake":{"url":"/"},"rooms":["i"],"data":{"a":1}}]}}`)
	if err := <-result; err != nil || len(sockets) != 1 || sockets[0].ID != "i" || string(sockets[0].Data) != `{"a":1}` {
		t.Errorf("%+v, %v", sockets, err)
	}

	count := 0
	go func() {
		var err error
		count, err = a.CountSockets(ctx, o)
		result <- err
	}()
	p.wants(public, `{"uid":"u1","nsp":"/","type":7,"data":{"requestId":"u3","opts":{"rooms":["r"],"except":[],"flags":{}},"count":true}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":8,"data":{"requestId":"u3","sockets":[{"id":"i"},{"id":"j"}]}}`)
	if err := <-result; err != nil || count != 2 {
		t.Errorf("%d sockets, %v", count, err)
	}

	if err := a.ServerSideEmit(adapter.Packet{Event: "e", Args: []any{1, []byte("b")}}); err != nil {
		t.Fatal(err)
	}
	m := wait.For(t, "the event", p.messages)
	if want := "\x84\xa3uid\xa2u1\xa3nsp\xa1/\xa4type\x09\xa4data\x81\xa6packet\x93\xa1e\x01\xc4\x01b"; m.Channel != public || m.Payload != want {
		t.Errorf("%s got %q, want %q", m.Channel, m.Payload, want)
	}

	var answers []adapter.Answer
	go func() {
		var err error
		answers, err = a.ServerSideEmitAck(ctx, adapter.Packet{Event: "e"})
		result <- err
	}()
	p.wants(public, `{"uid":"u1","nsp":"/","type":9,"data":{"requestId":"u4","packet":["e"]}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":10,"data":{"requestId":"u4","packet":{"z":1,"a":2}}}`)
	if err := <-result; err != nil || len(answers) != 1 || string(answers[0].Data) != `{"z":1,"a":2}` {
		t.Errorf("%+v, %v", answers, err)
	}

	told := acks{make(chan string, 100)}
	if err := a.BroadcastAck(ctx, adapter.Packet{Event: "q"}, o, told); err != nil {
		t.Fatal(err)
	}
	p.wants(public, `{"uid":"u1","nsp":"/","type":3,"data":{"requestId":"u5","packet":{"type":2,"data":["q"],"nsp":"/"},"opts":{"rooms":["r"],"except":[],"flags":{"timeout":60000}}}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":11,"data":{"requestId":"u5","clientCount":2}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":12,"data":{"requestId":"u5","packet":"one"}}`)
	p.says(own, `{"uid":"peer","nsp":"/","type":12,"data":{"requestId":"u5","packet":"two"}}`)
	answered := 0
	for answered < 3 { // the own client's and two of the peer's
		s := wait.For(t, "an answer", told.told)
		if s == `answer "yes"` || s == `answer "one"` || s == `answer "two"` {
			answered++
		}
	}
}

// testStreamsAsked has the peer make each kind of request.
func testStreamsAsked(t *testing.T, l one, p *peer, public, answers string) {
	for len(l.called) > 0 {
		<-l.called
	}
	p.says(public, `{"uid":"peer","nsp":"/","type":7,"data":{"requestId":"q1","opts":{"rooms":["r"],"except":[],"flags":{}}}}`)
	p.skipsOwn(public)
	p.wants(answers, `{"uid":"u1","nsp":"/","type":8,"data":{"requestId":"q1","sockets":[{"id":"s","handshake":{"issued":1},"rooms":["s","r"],"data":{}}]}}`)
	p.says(public, `{"uid":"peer","nsp":"/","type":9,"data":{"requestId":"q2","packet":["ev",1]}}`)
	p.skipsOwn(public)
	p.wants(answers, `{"uid":"u1","nsp":"/","type":10,"data":{"requestId":"q2","packet":[7]}}`)
	wants(t, l.called, "ev! [1]")
	p.says(public, `{"uid":"peer","nsp":"/","type":9,"data":{"packet":["ev"]}}`)
	p.skipsOwn(public)
	wants(t, l.called, "ev! []")
	p.says(public, `{"uid":"peer","nsp":"/","type":3,"data":{"requestId":"q3","packet":{"type":2,"data":["b",2]},"opts":{"rooms":[],"except":[],"flags":{"timeout":5000}}}}`)
	p.skipsOwn(public)
	p.wants(answers, `{"uid":"u1","nsp":"/","type":11,"data":{"requestId":"q3","clientCount":1}}`)
	p.wants(answers, `{"uid":"u1","nsp":"/","type":12,"data":{"requestId":"q3","packet":"yes"}}`)
	wants(t, l.called, "b? [2]")
}

// testStreamsEntries looks at what goes through the stream, in both directions.
func testStreamsEntries(t *testing.T, a adapter.Recoverer, l one, p *peer, stream string) {
	o := adapter.Options{Rooms: []string{"r"}}
	err := errors.Join(
		a.Broadcast(adapter.Packet{Event: "e", Args: []any{1}}, o),
		a.AddSockets(o, []string{"x"}), a.DelSockets(o, []string{"x"}), a.DisconnectSockets(o, true),
	)
	if err != nil {
		t.Fatal(err)
	}
	kept := make(chan string, 1)
	if err := a.BroadcastKept(adapter.Packet{Event: "k"}, o, func(offset string) { kept <- offset }); err != nil {
		t.Fatal(err)
	}
	offset := <-kept
	wants(t, l.called, "e [%!s(int=1)]", "join [r] [x]", "leave [r] [x]", "disconnect [r] true")
	list, err := p.r.Client.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ kind, data string }{
		{"3", `{"packet":{"type":2,"data":["e",1],"nsp":"/"},"opts":{"rooms":["r"],"except":[],"flags":{}}}`},
		{"4", `{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["x"]}`},
		{"5", `{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["x"]}`},
		{"6", `{"opts":{"rooms":["r"],"except":[],"flags":{}},"close":true}`},
		{"3", `{"packet":{"type":2,"data":["k"],"nsp":"/"},"opts":{"rooms":["r"],"except":[],"flags":{}}}`},
	}
	if len(list) != len(want) {
		t.Fatalf("the stream is %v", list)
	}
	for i, e := range list {
		if e.Values["uid"] != "u1" || e.Values["nsp"] != "/" || e.Values["type"] != want[i].kind || e.Values["data"] != want[i].data {
			t.Errorf("entry %d is %v, want %v", i, e, want[i])
		}
	}
	if offset != list[len(list)-1].ID {
		t.Errorf("the offset is %s, want that of %v", offset, list[len(list)-1])
	}

	for _, m := range []struct{ kind, data, want string }{
		{"3", `{"packet":{"type":2,"data":["e",{"z":1,"a":2.50}]},"opts":{"rooms":[],"except":[],"flags":{}}}`, `e [{"z":1,"a":2.50}]`},
		{"4", `{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["x"]}`, "join [r] [x]"},
		{"5", `{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["x"]}`, "leave [r] [x]"},
		{"6", `{"opts":{"rooms":["r"],"except":[],"flags":{}}}`, "disconnect [r] false"},
		{"9", `{"packet":["ev",1]}`, "ev! [1]"}, // from an emitter
	} {
		if err := p.r.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []any{"uid", "emitter", "nsp", "/", "type", m.kind, "data", m.data}}).Err(); err != nil {
			t.Fatal(err)
		}
		wants(t, l.called, m.want)
	}
	if len(p.messages) > 0 {
		t.Errorf("%v has come by a channel, too", <-p.messages)
	}
}

// skipsOwn takes what the peer has said itself.
func (p *peer) skipsOwn(channel string) {
	p.t.Helper()
	m := wait.For(p.t, "the own message", p.messages)
	if m.Channel != channel {
		p.t.Fatalf("%s got %q", m.Channel, m.Payload)
	}
}
