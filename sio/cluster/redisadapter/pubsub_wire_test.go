package redisadapter

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// packed is MessagePack of what JSON says.
func packed(t testing.TB, text string) string {
	t.Helper()
	b, err := msgpack.AppendValue(nil, json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func raw(list ...string) (args []any) {
	for _, s := range list {
		args = append(args, json.RawMessage(s))
	}
	return args
}

// pubsubSamples are the messages of the Pub/Sub adapter.
var pubsubSamples = []struct {
	name    string
	m       cluster.Message
	channel string
	payload string // JSON; MessagePack begins with "=" and the JSON of it
	same    bool   // the reference's payload is read back as the message
}{
	{
		"broadcast",
		cluster.Message{Type: cluster.Broadcast, UID: "oCcgH4", Namespace: "/", Packet: adapter.Packet{Event: "hello", Args: raw("1", `"x"`)}},
		"socket.io#/#",
		`=["oCcgH4",{"type":2,"data":["hello",1,"x"],"nsp":"/"},{"rooms":[],"except":[],"flags":{}}]`, true,
	},
	{
		"broadcast to a room with flags",
		cluster.Message{Type: cluster.Broadcast, UID: "oCcgH4", Namespace: "/chat", Packet: adapter.Packet{Event: "e"},
			Options: adapter.Options{Rooms: []string{"r 1"}, Except: []string{"a", "b"}, Volatile: true, NoCompress: true}},
		"socket.io#/chat#r 1#",
		`=["oCcgH4",{"type":2,"data":["e"],"nsp":"/chat"},{"rooms":["r 1"],"except":["a","b"],"flags":{"volatile":true,"compress":false}}]`, true,
	},
	{
		"broadcast to two rooms",
		cluster.Message{Type: cluster.Broadcast, UID: "oCcgH4", Namespace: "/", Packet: adapter.Packet{Event: "e"}, Options: adapter.Options{Rooms: []string{"a", "1"}}},
		"socket.io#/#",
		`=["oCcgH4",{"type":2,"data":["e"],"nsp":"/"},{"rooms":["a","1"],"except":[],"flags":{}}]`, true,
	},
	{
		"broadcast with acknowledgements",
		cluster.Message{Type: cluster.Broadcast, UID: "oCcgH4", Namespace: "/", RequestID: "q", Timeout: 300 * time.Millisecond,
			Packet: adapter.Packet{Event: "e", Args: raw("null")}, Options: adapter.Options{Rooms: []string{"a"}}},
		"socket.io-request#/#",
		`={"uid":"oCcgH4","requestId":"q","type":7,"packet":{"type":2,"data":["e",null],"nsp":"/"},"opts":{"rooms":["a"],"except":[],"flags":{"timeout":300}}}`, true,
	},
	{
		"join",
		cluster.Message{Type: cluster.SocketsJoin, UID: "u", Namespace: "/", Options: adapter.Options{Rooms: []string{"a"}}, Rooms: []string{"b", `"`}},
		"socket.io-request#/#", `{"uid":"u","type":2,"opts":{"rooms":["a"],"except":[],"flags":{}},"rooms":["b","\""]}`, true,
	},
	{
		"leave",
		cluster.Message{Type: cluster.SocketsLeave, UID: "u", Namespace: "/", Options: adapter.Options{Except: []string{"a"}}, Rooms: []string{"b"}},
		"socket.io-request#/#", `{"uid":"u","type":3,"opts":{"rooms":[],"except":["a"],"flags":{}},"rooms":["b"]}`, true,
	},
	{
		"disconnect",
		cluster.Message{Type: cluster.DisconnectSockets, UID: "u", Namespace: "/", Close: true},
		"socket.io-request#/#", `{"uid":"u","type":4,"opts":{"rooms":[],"except":[],"flags":{}},"close":true}`, true,
	},
	{
		"fetch",
		cluster.Message{Type: cluster.FetchSockets, UID: "u", Namespace: "/", RequestID: "q", Options: adapter.Options{Rooms: []string{"a"}}},
		"socket.io-request#/#", `{"uid":"u","requestId":"q","type":5,"opts":{"rooms":["a"],"except":[],"flags":{}}}`, true,
	},
	{
		"count",
		cluster.Message{Type: cluster.FetchSockets, UID: "u", Namespace: "/", RequestID: "q", CountOnly: true},
		"socket.io-request#/#", `{"uid":"u","requestId":"q","type":5,"opts":{"rooms":[],"except":[],"flags":{}},"count":true}`, true,
	},
	{
		"fetch in parts",
		cluster.Message{Type: cluster.FetchSockets, UID: "u", Namespace: "/", RequestID: "q", Parts: 9},
		"socket.io-request#/#", `{"uid":"u","requestId":"q","parts":9,"type":5,"opts":{"rooms":[],"except":[],"flags":{}}}`, true,
	},
	{
		"broadcast with acknowledgements in parts",
		cluster.Message{Type: cluster.Broadcast, UID: "u", Namespace: "/", RequestID: "q", Parts: 9, Packet: adapter.Packet{Event: "e"}},
		"socket.io-request#/#",
		`={"uid":"u","requestId":"q","type":7,"parts":9,"packet":{"type":2,"data":["e"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`, true,
	},
	{
		"clients, to a node that takes parts",
		cluster.Message{Type: cluster.BroadcastClientCount, UID: "u", Namespace: "/", To: "v", RequestID: "q", Parts: 9, ClientCount: 2},
		"socket.io-response#/#", `{"requestId":"q","uid":"u","type":8,"clientCount":2}`, false,
	},
	{
		"acknowledgement, to a node that takes parts",
		cluster.Message{Type: cluster.BroadcastAck, UID: "u", Namespace: "/", To: "v", RequestID: "q", Parts: 9, Answer: adapter.Answer{Data: []byte(`1`)}},
		"socket.io-response#/#", `={"uid":"u","type":9,"requestId":"q","packet":1}`, false,
	},
	{
		"what is said about a part",
		cluster.Message{Type: cluster.NextPart, UID: "u", Namespace: "/", To: "v", RequestID: "qs", Part: &cluster.Part{Stream: "qs", Number: 2, Limit: 5}},
		"socket.io-response#/#v#", `={"uid":"u","type":65,"requestId":"qs","stream":"qs","part":2,"limit":5,"stop":false}`, false,
	},
	{
		"server-side event",
		cluster.Message{Type: cluster.ServerSideEmit, UID: "u", Namespace: "/", Packet: adapter.Packet{Event: "e", Args: raw("1", `{"a":[]}`)}},
		"socket.io-request#/#", `{"uid":"u","type":6,"data":["e",1,{"a":[]}]}`, true,
	},
	{
		"server-side event with an answer",
		cluster.Message{Type: cluster.ServerSideEmit, UID: "u", Namespace: "/", RequestID: "q", Packet: adapter.Packet{Event: "e"}},
		"socket.io-request#/#", `{"uid":"u","requestId":"q","type":6,"data":["e"]}`, true,
	},
	{
		"sockets",
		cluster.Message{Type: cluster.FetchSocketsResponse, UID: "u", Namespace: "/", To: "v", RequestID: "q", Sockets: []adapter.Details{
			{ID: "i", Handshake: json.RawMessage(`{"issued":1}`), Rooms: []string{"i", "r"}, Data: json.RawMessage(`{}`)},
		}},
		"socket.io-response#/#", `{"requestId":"q","sockets":[{"id":"i","handshake":{"issued":1},"rooms":["i","r"],"data":{}}]}`, false,
	},
	{
		"counted",
		cluster.Message{Type: cluster.FetchSocketsResponse, UID: "u", Namespace: "/", To: "v", RequestID: "q", CountOnly: true, ClientCount: 3},
		"socket.io-response#/#", `{"requestId":"q","sockets":[],"clientCount":3}`, false,
	},
	{
		"answer to a server-side event",
		cluster.Message{Type: cluster.ServerSideEmitResponse, UID: "u", Namespace: "/", To: "v", RequestID: "q", Answer: adapter.Answer{Data: []byte(`[7]`)}},
		"socket.io-response#/#", `{"requestId":"q","type":6,"data":[7]}`, false,
	},
	{
		"answer without an argument",
		cluster.Message{Type: cluster.ServerSideEmitResponse, UID: "u", Namespace: "/", To: "v", RequestID: "q"},
		"socket.io-response#/#", `{"requestId":"q","type":6}`, false,
	},
	{
		"clients",
		cluster.Message{Type: cluster.BroadcastClientCount, UID: "u", Namespace: "/", To: "v", RequestID: "q", ClientCount: 2},
		"socket.io-response#/#", `{"requestId":"q","type":8,"clientCount":2}`, false,
	},
	{
		"acknowledgement",
		cluster.Message{Type: cluster.BroadcastAck, UID: "u", Namespace: "/", To: "v", RequestID: "q", Answer: adapter.Answer{Data: []byte(`{"a":1}`)}},
		"socket.io-response#/#", `={"type":9,"requestId":"q","packet":{"a":1}}`, false,
	},
}

// decodePubSub reads a payload from a channel as the bus does.
func decodePubSub(channel string, payload []byte, namespace string) (*cluster.Message, error) {
	switch {
	case strings.HasPrefix(channel, "socket.io-request"):
		r, err := decodeRequest(payload, namespace)
		return r.message, err
	case strings.HasPrefix(channel, "socket.io-response"):
		return decodeResponse(payload, namespace, "q")
	}
	return decodeBroadcast(payload)
}

func TestPubSubWire(t *testing.T) {
	for _, s := range pubsubSamples {
		t.Run(s.name, func(t *testing.T) {
			want := s.payload
			if text, ok := strings.CutPrefix(want, "="); ok {
				want = packed(t, text)
			}
			channel, payload, err := newPubSubNames("socket.io", s.m.Namespace, false).encode(&s.m)
			if err != nil || channel != s.channel || string(payload) != want {
				t.Errorf("encoded for %q as %q, %v; want %q for %q", channel, payload, err, want, s.channel)
			}
			m := s.m
			if !s.same { // only our own responses name their sender
				if m.Parts == 0 && m.Part == nil {
					m.UID = ""
				}
				m.To, m.Parts = "", 0
			}
			got, err := decodePubSub(s.channel, []byte(want), s.m.Namespace)
			if err != nil || !reflect.DeepEqual(*got, m) {
				t.Errorf("decoded as %+v, %v; want %+v", got, err, m)
			}
			// Requests and responses may come in either form.
			if strings.Contains(s.channel, "-re") && want == s.payload {
				got, err := decodePubSub(s.channel, []byte(packed(t, want)), s.m.Namespace)
				if err != nil || !reflect.DeepEqual(*got, m) {
					t.Errorf("decoded from MessagePack as %+v, %v", got, err)
				}
			}
			// Responses to one node, apart from those that always go to all.
			channel, _, err = newPubSubNames("x", s.m.Namespace, true).encode(&s.m)
			if s.m.To != "" && s.m.Type != cluster.ServerSideEmitResponse && channel != "x-response#/#v#" || !strings.HasPrefix(channel, "x") || err != nil {
				t.Errorf("goes to %q, %v", channel, err)
			}
		})
	}
}

// TestPubSubCaptured has the sample of the specification, byte by byte.
func TestPubSubCaptured(t *testing.T) {
	sample := "\x93\xa6oCcgH4\x83\xa4type\x02\xa4data\x93\xa5hello\x01\xa1x\xa3nsp\xa1/\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80"
	_, payload, err := newPubSubNames("socket.io", "/", false).encode(&pubsubSamples[0].m)
	if err != nil || string(payload) != sample {
		t.Errorf("%q, %v", payload, err)
	}
}

func TestPubSubBinary(t *testing.T) {
	names := newPubSubNames("socket.io", "/", false)
	m := &cluster.Message{Type: cluster.Broadcast, UID: "u", Namespace: "/", Packet: adapter.Packet{Event: "e", Args: []any{[]byte{1, 2}, socketio.NewRawArg([]byte(`{"b":{"_placeholder":true,"num":0}}`), [][]byte{{3}})}}}
	_, payload, err := names.encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeBroadcast(payload); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v", got, err)
	}
	m.RequestID = "q"
	if _, payload, err = names.encode(m); err != nil {
		t.Fatal(err)
	}
	if got, err := decodeRequest(payload, "/"); err != nil || !reflect.DeepEqual(got.message, m) {
		t.Errorf("%+v, %v", got, err)
	}
	answer := &cluster.Message{Type: cluster.BroadcastAck, Namespace: "/", RequestID: "q", Answer: adapter.Answer{Data: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{{7}}}}
	if _, payload, err = names.encode(answer); err != nil {
		t.Fatal(err)
	}
	if got, err := decodeResponse(payload, "/", "q"); err != nil || !reflect.DeepEqual(got, answer) {
		t.Errorf("%+v, %v", got, err)
	}
	answer.Type = cluster.ServerSideEmitResponse // JSON always
	if _, payload, err = names.encode(answer); err != nil || string(payload) != `{"requestId":"q","type":6,"data":"Bw=="}` {
		t.Errorf("%s, %v", payload, err)
	}
}

// TestPubSubForeign reads what our servers don't write: emitters and older
// versions.
func TestPubSubForeign(t *testing.T) {
	for _, s := range []struct{ name, payload, want string }{
		{"emitter's join", `{"type":2,"opts":{"rooms":["a"],"except":[]},"rooms":["b"]}`, `{"Type":4,"Rooms":["b"],"Options":{"Rooms":["a"]}}`},
		{"emitter's event", `{"uid":"emitter","type":6,"data":["e",1]}`, `{"Type":9,"UID":"emitter","Packet":{"Event":"e","Args":[1]}}`},
		{"fetch without options", `{"uid":"u","requestId":"q","type":5}`, `{"Type":7,"UID":"u","RequestID":"q"}`},
		{"a packet without a namespace", `{"uid":"u","requestId":"q","type":7,"packet":{"type":2,"data":["e"]},"opts":{"rooms":[]}}`, `{"Type":3,"UID":"u","RequestID":"q","Packet":{"Event":"e"}}`},
		{"a packet for elsewhere", `{"uid":"u","requestId":"q","type":7,"packet":{"type":2,"data":["e"],"nsp":"/b"}}`, `{"Type":3,"UID":"u","RequestID":"q","Namespace":"/b","Packet":{"Event":"e"}}`},
		{"one socket joins", `{"uid":"u","requestId":"q","type":2,"sid":"s","room":"r"}`, `{"Type":4,"UID":"u","Options":{"Rooms":["s"]},"Rooms":["r"]}`},
		{"one socket leaves", `{"uid":"u","requestId":"q","type":3,"sid":"s","room":"r"}`, `{"Type":5,"UID":"u","Options":{"Rooms":["s"]},"Rooms":["r"]}`},
		{"one socket is disconnected", `{"uid":"u","requestId":"q","type":4,"sid":"s","close":true}`, `{"Type":6,"UID":"u","Options":{"Rooms":["s"]},"Close":true}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			r, err := decodeRequest([]byte(s.payload), "/a")
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			m := cluster.Message{Namespace: "/a"}
			_ = json.Unmarshal([]byte(s.want), &m)
			encoded, _ := json.Marshal(m)
			_ = json.Unmarshal(encoded, &want)
			encoded, _ = json.Marshal(r.message)
			_ = json.Unmarshal(encoded, &got)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("decoded as %s, want %v", encoded, want)
			}
			if strings.Contains(s.payload, "sid") != (r.sid == "s") {
				t.Errorf("about %q", r.sid)
			}
		})
	}
	if r, err := decodeRequest([]byte(`{"uid":"u","requestId":"q","type":0,"rooms":["a",1]}`), "/"); err != nil || r.message != nil || !reflect.DeepEqual(r.rooms, []string{"a", "1"}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := decodeRequest([]byte(`{"uid":"u","requestId":"q","type":1}`), "/"); err != nil || r.message != nil || r.kind != allRoomsRequest {
		t.Errorf("%+v, %v", r, err)
	}
	for _, other := range []string{`{"requestId":"other","sockets":[1]}`, `{"type":8}`} {
		if m, err := decodeResponse([]byte(other), "/", "q"); m != nil || err != nil {
			t.Errorf("another node's response: %+v, %v", m, err)
		}
	}
	// What is kept of an event for other versions.
	if m, err := decodeBroadcast([]byte(packed(t, `["emitter",{"type":2,"data":["e",{}]},{"rooms":[7]},"more"]`))); err != nil || m.UID != "emitter" || m.Namespace != "/" || m.Options.Rooms[0] != "7" {
		t.Errorf("%+v, %v", m, err)
	}
}

var malformed = []string{
	"", "{", "x", "\xc1", "\x93", "\x90", "\x80", `{}x`, `[]`, `{"type":"x"}`, `{"type":99}`, `{"uid":{}}`, `{"requestId":[]}`,
	`{"type":2}`, `{"type":2,"sid":"s"}`, `{"type":2,"sid":"s","room":{}}`, `{"type":2,"opts":1}`, `{"type":2,"opts":{},"rooms":{}}`, `{"type":0,"rooms":[{}]}`,
	`{"type":6}`, `{"type":6,"data":[]}`, `{"type":6,"data":{}}`, `{"type":7,"requestId":"q"}`, `{"type":7,"packet":{"type":2,"data":["e"]}}`,
	`{"type":7,"requestId":"q","packet":{"type":3,"data":["e"]}}`,
}

func TestPubSubMalformed(t *testing.T) {
	for _, s := range malformed {
		if r, err := decodeRequest([]byte(s), "/"); err == nil {
			t.Errorf("request %q: %+v", s, r)
		}
	}
	for _, s := range []string{
		"", "{", "x", `{"requestId":"q","type":7}`, `{"requestId":"q","type":8,"clientCount":"x"}`, `{"requestId":"q","sockets":{}}`,
		`{"requestId":"q","sockets":["id"]}`, "\x82\xa9requestId\xa1q\xa6packet", `{"requestId":1}`,
	} {
		if m, err := decodeResponse([]byte(s), "/", "q"); err == nil {
			t.Errorf("response %q: %+v", s, m)
		}
	}
	for _, s := range []string{
		"", "{", "{}", "\x93", "\x92\xa1u\x80", packed(t, `{}`), packed(t, `[1,{"type":2,"data":["e"]},{}]`), packed(t, `["u",{"type":2,"data":[]},{}]`),
		packed(t, `["u",{"type":2,"data":["e"]},{"rooms":1}]`), packed(t, `["u","p",{}]`),
	} {
		if m, err := decodeBroadcast([]byte(s)); err == nil {
			t.Errorf("broadcast %q: %+v", s, m)
		}
	}
	names := newPubSubNames("k", "/", false)
	for _, kind := range []cluster.MessageType{0, cluster.Heartbeat, cluster.InitialHeartbeat, cluster.AdapterClose, 99} {
		if _, _, err := names.encode(&cluster.Message{Type: kind}); !errors.Is(err, cluster.ErrUnencodable) {
			t.Errorf("type %d: %v", kind, err)
		}
	}
	for _, m := range []cluster.Message{
		{Type: cluster.Broadcast}, {Type: cluster.Broadcast, RequestID: "q"}, {Type: cluster.ServerSideEmit},
	} {
		m.Packet = adapter.Packet{Event: "e", Args: []any{func() {}}}
		if _, _, err := names.encode(&m); !errors.Is(err, cluster.ErrUnencodable) {
			t.Errorf("type %d: %v", m.Type, err)
		}
	}
}

func TestPubSubPattern(t *testing.T) {
	if got, want := newPubSubNames("k[", `/a*?]\`, false).pattern(), `k\[#/a\*\?\]\\#*`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestPubSubIDs(t *testing.T) {
	id := pubsubIDs()
	uid, a, b := id(), id(), id()
	if len(uid) != 6 || len(a) != 12 || a == b || !strings.HasPrefix(a, uid) || !strings.HasPrefix(b, uid) || pubsubIDs()() == uid {
		t.Errorf("%q %q %q", uid, a, b)
	}
}

// FuzzPubSub reads anything from each channel; what is understood is the same
// when it was written and read again.
func FuzzPubSub(f *testing.F) {
	for _, s := range pubsubSamples {
		payload := s.payload
		if text, ok := strings.CutPrefix(payload, "="); ok {
			payload = packed(f, text)
		}
		f.Add([]byte(payload))
	}
	for _, s := range malformed {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, channel := range []string{"socket.io#", "socket.io-request#", "socket.io-response#"} {
			m, err := decodePubSub(channel, []byte(string(b)), "/")
			if err != nil || m == nil {
				continue
			}
			// What is binary in a server-side event, or too large for JSON, is
			// not the same.
			for range 2 {
				_, payload, err := newPubSubNames("socket.io", "/", false).encode(m)
				if err != nil {
					return
				}
				m, err = decodePubSub(channel, payload, "/")
				if err != nil || m == nil {
					t.Fatalf("%q can't be read: %+v, %v", payload, m, err)
				}
			}
			_, first, err := newPubSubNames("socket.io", "/", false).encode(m)
			if err != nil {
				t.Fatal(err)
			}
			m, err = decodePubSub(channel, []byte(string(first)), "/")
			if err != nil {
				t.Fatal(err)
			}
			if _, second, err := newPubSubNames("socket.io", "/", false).encode(m); err != nil || string(second) != string(first) {
				t.Fatalf("%q becomes %q, %v", first, second, err)
			}
		}
	})
}
