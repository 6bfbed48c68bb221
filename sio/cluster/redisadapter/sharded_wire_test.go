package redisadapter

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

func TestShardedChannels(t *testing.T) {
	to := func(rooms ...string) cluster.Message {
		return cluster.Message{Type: cluster.Broadcast, Options: adapter.Options{Rooms: rooms}}
	}
	asked, response, join := to("r"), to("r"), to("r")
	asked.RequestID = "q"
	response.Type, response.To = cluster.BroadcastAck, "u"
	join.Type = cluster.SocketsJoin
	id := strings.Repeat("x", 20)
	for _, tc := range []struct {
		name                     string
		m                        cluster.Message
		static, dynamic, private string
	}{
		{"everybody", to(), "", "", ""},
		{"a room", to("r"), "", "r#", "r#"},
		{"two rooms", to("a", "b"), "", "", ""},
		{"a socket", to(id), "", "", id + "#"},
		{"20 characters of JavaScript", to("😀" + id[:18]), "", "", "😀" + id[:18] + "#"},
		{"20 bytes", to("é" + id[:18]), "", "é" + id[:18] + "#", "é" + id[:18] + "#"},
		{"acknowledgements", asked, "", "", ""},
		{"a response", response, "u#", "u#", "u#"},
		{"join", join, "", "", ""},
	} {
		for mode, want := range map[SubscriptionMode]string{ModeStatic: tc.static, ModeDynamic: tc.dynamic, ModeDynamicPrivate: tc.private} {
			if got := shardedChannel("c#/#", mode, &tc.m); got != "c#/#"+want {
				t.Errorf("%s, %s: %q", tc.name, mode, got)
			}
		}
	}
}

// FuzzSharded takes anything as a message of another server.
func FuzzSharded(f *testing.F) {
	m := cluster.Message{Type: cluster.Broadcast, UID: "a", Namespace: "/", Packet: adapter.Packet{Event: "e", Args: []any{[]byte{1}}}}
	b, err := wire.Append(nil, &m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"type":3,"data":{"packet":{"type":2,"data":["hello",{"a":1}]},"opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"5f010d48f1871efd","nsp":"/"}`))
	f.Add([]byte(`{"uid":"me","nsp":"/","type":2}`))
	for _, s := range malformed {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		taken := 0
		bus := &shardedBus{
			members: &members{channels: &channels{cfg: channelsConfig{logger: slog.New(slog.DiscardHandler)}}},
			echoes:  [2][]byte{[]byte(`{"uid":"me"`), []byte("\xa3uid\xa2me")},
			receive: func(m *cluster.Message) {
				if taken++; m.Namespace == "" {
					t.Errorf("%+v", m)
				}
			},
		}
		bus.onMessage("c", b)
		if refused := int(bus.members.invalid.Load()); taken+refused > 1 {
			t.Errorf("taken %d times, refused %d times", taken, refused)
		}
	})
}
