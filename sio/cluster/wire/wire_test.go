package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

func raw(list ...string) (args []any) {
	for _, s := range list {
		args = append(args, json.RawMessage(s))
	}
	return args
}

// samples are messages of each type, and what the reference makes of them.
var samples = []struct {
	name string
	json string
	m    cluster.Message
}{
	{
		"captured broadcast",
		`{"type":3,"data":{"packet":{"type":2,"data":["hello",{"a":1}]},"opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"5f010d48f1871efd","nsp":"/"}`,
		cluster.Message{Type: cluster.Broadcast, UID: "5f010d48f1871efd", Namespace: "/",
			Packet: adapter.Packet{Event: "hello", Args: raw(`{"a":1}`)}, Options: adapter.Options{Rooms: []string{"r1"}}},
	},
	{
		"flags and unknown members",
		`{ "uid" : "a" , "x":{"y":[]}, "type":3,"nsp":"/chat","data":{ "packet":{"nsp":"/chat","data":["é\n" , null, "x"],"type":2,"id":7},"opts":{"rooms":["r",1],"except":["e"],"flags":{"volatile":true,"compress":false,"timeout":300,"broadcast":true}},"requestId":"\u0072"}} `,
		cluster.Message{Type: cluster.Broadcast, UID: "a", Namespace: "/chat", RequestID: "r", Timeout: 300 * time.Millisecond,
			Packet:  adapter.Packet{Event: "é\n", Args: raw("null", `"x"`)},
			Options: adapter.Options{Rooms: []string{"r", "1"}, Except: []string{"e"}, Volatile: true, NoCompress: true}},
	},
	{"heartbeat", `{"uid":"a","nsp":"/","type":2}`, cluster.Message{Type: cluster.Heartbeat, UID: "a", Namespace: "/"}},
	{
		"join", `{"uid":"a","nsp":"/","type":4,"data":{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["s","t"]}}`,
		cluster.Message{Type: cluster.SocketsJoin, UID: "a", Namespace: "/", Options: adapter.Options{Rooms: []string{"r"}}, Rooms: []string{"s", "t"}},
	},
	{
		"leave", `{"uid":"a","nsp":"/","type":5,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["s"]}}`,
		cluster.Message{Type: cluster.SocketsLeave, UID: "a", Namespace: "/", Rooms: []string{"s"}},
	},
	{
		"disconnect", `{"uid":"a","nsp":"/","type":6,"data":{"opts":{"rooms":["r"],"except":[],"flags":{}},"close":true}}`,
		cluster.Message{Type: cluster.DisconnectSockets, UID: "a", Namespace: "/", Options: adapter.Options{Rooms: []string{"r"}}, Close: true},
	},
	{
		"fetch", `{"uid":"a","nsp":"/","type":7,"data":{"opts":{"rooms":[],"except":["x"],"flags":{}},"requestId":"q"}}`,
		cluster.Message{Type: cluster.FetchSockets, UID: "a", Namespace: "/", RequestID: "q", Options: adapter.Options{Except: []string{"x"}}},
	},
	{
		"count", `{"uid":"a","nsp":"/","type":7,"data":{"opts":{},"requestId":"q","count":true}}`,
		cluster.Message{Type: cluster.FetchSockets, UID: "a", Namespace: "/", RequestID: "q", CountOnly: true},
	},
	{
		"sockets", `{"uid":"a","nsp":"/","type":8,"data":{"requestId":"q","sockets":[{"id":"i","handshake":{"headers":{},"issued":1},"rooms":["i","r"],"data":{}}]}}`,
		cluster.Message{Type: cluster.FetchSocketsResponse, UID: "a", Namespace: "/", RequestID: "q", Sockets: []adapter.Details{
			{ID: "i", Handshake: json.RawMessage(`{"headers":{},"issued":1}`), Rooms: []string{"i", "r"}, Data: json.RawMessage(`{}`)},
		}},
	},
	{
		"counted", `{"uid":"a","nsp":"/","type":8,"data":{"requestId":"q","sockets":[],"clientCount":3}}`,
		cluster.Message{Type: cluster.FetchSocketsResponse, UID: "a", Namespace: "/", RequestID: "q", ClientCount: 3, CountOnly: true},
	},
	{
		"server-side event", `{"uid":"a","nsp":"/","type":9,"data":{"packet":["ev",1,[2]]}}`,
		cluster.Message{Type: cluster.ServerSideEmit, UID: "a", Namespace: "/", Packet: adapter.Packet{Event: "ev", Args: raw("1", "[2]")}},
	},
	{
		"its answer", `{"uid":"a","nsp":"/","type":10,"data":{"requestId":"q","packet":{"z":1,"a":2}}}`,
		cluster.Message{Type: cluster.ServerSideEmitResponse, UID: "a", Namespace: "/", RequestID: "q", Answer: adapter.Answer{Data: []byte(`{"z":1,"a":2}`)}},
	},
	{
		"client count", `{"uid":"a","nsp":"/","type":11,"data":{"requestId":"q","clientCount":5}}`,
		cluster.Message{Type: cluster.BroadcastClientCount, UID: "a", Namespace: "/", RequestID: "q", ClientCount: 5},
	},
	{
		"acknowledgement without an argument", `{"uid":"a","nsp":"/","type":12,"data":{"requestId":"q"}}`,
		cluster.Message{Type: cluster.BroadcastAck, UID: "a", Namespace: "/", RequestID: "q"},
	},
	{
		"fetch in parts", `{"uid":"a","nsp":"/","type":7,"data":{"opts":{},"requestId":"q","parts":16384}}`,
		cluster.Message{Type: cluster.FetchSockets, UID: "a", Namespace: "/", RequestID: "q", Parts: 16384},
	},
	{
		"the next part", `{"uid":"a","nsp":"/","type":65,"data":{"requestId":"s","stream":"s","part":3,"limit":100,"stop":true}}`,
		cluster.Message{Type: cluster.NextPart, UID: "a", Namespace: "/", RequestID: "s", Part: &cluster.Part{Stream: "s", Number: 3, Limit: 100, Stop: true}},
	},
	{"close", `{"uid":"a","nsp":"/","type":13}`, cluster.Message{Type: cluster.AdapterClose, UID: "a", Namespace: "/"}},
}

func TestSamples(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			wants := func(form string, b []byte) {
				t.Helper()
				got, err := Decode(b)
				if err != nil || !reflect.DeepEqual(*got, s.m) {
					t.Errorf("%s: %+v, %v; want %+v", form, got, err, s.m)
				}
			}
			wants("the sample", []byte(s.json))
			transcoded, err := msgpack.AppendValue(nil, json.RawMessage(s.json))
			if err != nil {
				t.Fatal(err)
			}
			wants("the sample in MessagePack", transcoded)
			b, err := Append([]byte("-"), &s.m)
			if err != nil || b[1] != '{' || !json.Valid(b[1:]) {
				t.Fatalf("written as %q, %v", b, err)
			}
			wants("written", b[1:])
			if b, err = AppendMessagePack([]byte("-"), &s.m); err != nil {
				t.Fatal(err)
			}
			wants("written as MessagePack", b[1:])
			data, isJSON, err := AppendData(nil, &s.m)
			if err != nil || !isJSON {
				t.Fatalf("the data is %q, %v, %v", data, isJSON, err)
			}
			bare := cluster.Message{Type: s.m.Type, UID: s.m.UID, Namespace: s.m.Namespace}
			if err := DecodeData(&bare, data); err != nil || !reflect.DeepEqual(bare, s.m) {
				t.Errorf("data: %+v, %v; want %+v", bare, err, s.m)
			}
		})
	}
}

func TestBinary(t *testing.T) {
	date := time.Unix(1700000000, 5000000).UTC()
	m := &cluster.Message{Type: cluster.Broadcast, UID: "a", Namespace: "/", Packet: adapter.Packet{
		Event: "e", Args: []any{json.RawMessage(`{"z":1,"a":2}`), map[string]any{"b": []byte{1, 2}}, date},
	}}
	b, err := Append(nil, m)
	if err != nil || b[0] == '{' {
		t.Fatalf("written as %q, %v", b, err)
	}
	want := *m
	want.Packet.Args = []any{m.Packet.Args[0], socketio.NewRawArg([]byte(`{"b":{"_placeholder":true,"num":0}}`), [][]byte{{1, 2}}), date}
	got, err := Decode(b)
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	b, isJSON, err := AppendData([]byte("-"), m)
	if err != nil || isJSON || b[0] != '-' || b[1]>>4 != 8 {
		t.Errorf("the data is % x, %v, %v", b, isJSON, err)
	}
	b, err = AppendDataJSON(nil, m)
	if want := `{"packet":{"type":2,"data":["e",{"z":1,"a":2},{"b":"AQI="},"2023-11-14T22:13:20.005Z"],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`; err != nil || string(b) != want {
		t.Errorf("plain text is %s, %v; want %s", b, err, want)
	}

	answer := adapter.Answer{Data: []byte(`{"x":{"_placeholder":true,"num":0}}`), Attachments: [][]byte{{7}}}
	m = &cluster.Message{Type: cluster.BroadcastAck, UID: "a", Namespace: "/", RequestID: "q", Answer: answer}
	if b, err = Append(nil, m); err != nil || b[0] == '{' {
		t.Fatalf("the answer is %q, %v", b, err)
	}
	if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v; want %+v", got, err, m)
	}
	if b, err = AppendAnswerJSON(nil, answer); err != nil || string(b) != `{"x":"Bw=="}` {
		t.Errorf("the answer in plain text is %s, %v", b, err)
	}
}

// TestParts writes and reads pieces of answers, which are never text.
func TestParts(t *testing.T) {
	m := &cluster.Message{Type: cluster.AnswerPart, UID: "a", Namespace: "/", RequestID: "q", Part: &cluster.Part{
		Stream: "s", Number: 7, Last: true, Bytes: []byte("\x00\xff{"),
	}}
	b, err := Append(nil, m)
	if err != nil || b[0] == '{' {
		t.Fatalf("written as %q, %v", b, err)
	}
	if got, err := Decode(b); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%+v, %v; want %+v", got, err, m)
	}
	if b, err = AppendPart(nil, m); err != nil {
		t.Fatal(err)
	}
	v, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := v.Part(); err != nil || !reflect.DeepEqual(p, m.Part) {
		t.Errorf("%+v, %v", p, err)
	}
	m.Part = nil
	for _, write := range []func([]byte, *cluster.Message) ([]byte, error){Append, AppendMessagePack, AppendPart} {
		if b, err := write([]byte("x"), m); !errors.Is(err, cluster.ErrUnencodable) || string(b) != "x" {
			t.Errorf("no part is %q, %v", b, err)
		}
	}
}

// TestPieces reads and writes the parts of the Pub/Sub adapter's messages.
func TestPieces(t *testing.T) {
	sample := "\x93\xa6oCcgH4\x83\xa4type\x02\xa4data\x93\xa5hello\x01\xa1x\xa3nsp\xa1/\x83\xa5rooms\x90\xa6except\x90\xa5flags\x80"
	v, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	items, err := v.Items()
	if err != nil || len(items) != 3 {
		t.Fatalf("%v, %v", items, err)
	}
	uid, err := items[0].Text()
	p, namespace, err2 := items[1].Packet()
	o, timeout, err3 := items[2].Options()
	want := adapter.Packet{Event: "hello", Args: raw("1", `"x"`)}
	if err := errors.Join(err, err2, err3); err != nil || uid != "oCcgH4" || namespace != "/" || timeout != 0 ||
		!reflect.DeepEqual(p, want) || !reflect.DeepEqual(o, adapter.Options{}) {
		t.Errorf("%q, %q, %+v, %+v, %v, %v", uid, namespace, p, o, timeout, err)
	}
	b := msgpack.AppendString(msgpack.AppendArrayHeader(nil, 3), uid)
	if b, err = AppendPacket(b, namespace, p); err != nil {
		t.Fatal(err)
	}
	if b = AppendOptions(b, o, 0); string(b) != sample {
		t.Errorf("written as %q", b)
	}
	b = AppendOptionsJSON(nil, adapter.Options{Rooms: []string{"a", "b"}, NoCompress: true, Volatile: true}, time.Microsecond)
	if want := `{"rooms":["a","b"],"except":[],"flags":{"volatile":true,"compress":false,"timeout":1}}`; string(b) != want {
		t.Errorf("options %s", b)
	}
	if b, err = AppendEventJSON(nil, adapter.Packet{Event: "e", Args: []any{1, []byte{1}}}); err != nil || string(b) != `["e",1,"AQ=="]` {
		t.Errorf("event %s, %v", b, err)
	}
	if b, err = AppendSocketsJSON(nil, []adapter.Details{{ID: "i"}}); err != nil || string(b) != `[{"id":"i","handshake":null,"rooms":[],"data":null}]` {
		t.Errorf("sockets %s, %v", b, err)
	}
	if b, err = AppendAnswer(nil, adapter.Answer{}); err != nil || string(b) != "\xc0" {
		t.Errorf("no answer is % x, %v", b, err)
	}
}

func TestInvalid(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                    "",
		"a brace":                    "{",
		"bytes after the end":        `{"type":2} x`,
		"MessagePack after the end":  "\x80\x80",
		"an array":                   "\x90",
		"a number for a uid":         `{"type":2,"uid":1}`,
		"text for a type":            `{"type":"2"}`,
		"no data":                    `{"type":3}`,
		"no event":                   `{"type":3,"data":{"packet":{"type":2}}}`,
		"an event without a name":    `{"type":3,"data":{"packet":{"type":2,"data":[]}}}`,
		"an object for a name":       `{"type":9,"data":{"packet":[{}]}}`,
		"an object for an event":     `{"type":9,"data":{"packet":{}}}`,
		"a packet of another type":   `{"type":3,"data":{"packet":{"type":3,"data":["x"]}}}`,
		"a packet for elsewhere":     `{"type":3,"nsp":"/","data":{"packet":{"type":2,"data":["x"],"nsp":"/a"}}}`,
		"rooms that are no list":     `{"type":4,"data":{"rooms":"r"}}`,
		"null for a room":            `{"type":4,"data":{"rooms":[null]}}`,
		"an object for a room":       `{"type":4,"data":{"rooms":[{}]}}`,
		"text for options":           `{"type":4,"data":{"opts":"x"}}`,
		"text for flags":             `{"type":4,"data":{"opts":{"flags":"x"}}}`,
		"a socket without an id":     `{"type":8,"data":{"sockets":[{}]}}`,
		"a part in a text":           `{"type":64,"data":{"part":1,"bytes":"AAAA"}}`,
		"text for bytes":             "\x82\xa4type\x40\xa4data\x81\xa5bytes\xa1x",
		"text for a part":            `{"type":65,"data":{"part":"1"}}`,
		"text for parts":             `{"type":7,"data":{"parts":"1"}}`,
		"text for a count":           `{"type":11,"data":{"clientCount":"1"}}`,
		"a UID that is not UTF-8":    "\x81\xa3uid\xa1\xa4",
		"a surrogate in a UID":       `{"uid":"\ud800"}`,
		"an extension for a value":   "\x82\xa4type\x09\xa4data\x81\xa6packet\x92\xa1e\xc7\x01\x05a",
		"an extension for an answer": "\x82\xa4type\x0a\xa4data\x81\xa6packet\xc7\x01\x05a",
	} {
		if m, err := Decode([]byte(s)); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	m := new(cluster.Message)
	if err := DecodeData(m, []byte("x")); err == nil {
		t.Error("data that is not JSON passes")
	}
	got, err := Decode([]byte(`{"type":1e9,"data":{"clientCount":-5}}`))
	if err != nil || got.Type != 255 || got.ClientCount != 0 {
		t.Errorf("numbers out of range: %+v, %v", got, err)
	}
	for _, bad := range []any{func() {}, json.RawMessage("{")} {
		m := &cluster.Message{Type: cluster.Broadcast, Packet: adapter.Packet{Event: "e", Args: []any{bad}}}
		for _, write := range []func([]byte, *cluster.Message) ([]byte, error){Append, AppendMessagePack, AppendDataJSON} {
			if b, err := write([]byte("x"), m); !errors.Is(err, cluster.ErrUnencodable) || string(b) != "x" {
				t.Errorf("%T is written as %q, %v", bad, b, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s.json))
		b, err := AppendMessagePack(nil, &s.m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x84\xa3uid\xa1a\xa3nsp\xa1/\xa4type\x03\xa4data\x81\xa6packet\x82\xa4type\x02\xa4data\x94\xa1e\xc4\x01x\xd6\xff\x00\x00\x00\x01\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte(`{"type":9,"data":{"packet":["e",` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(bytes.Clone(b))
		if err != nil {
			return
		}
		for _, write := range []func([]byte, *cluster.Message) ([]byte, error){Append, AppendMessagePack} {
			first, err := write(nil, m)
			if err != nil {
				t.Fatalf("%+v can't be written: %v", m, err)
			}
			again, err := Decode(first)
			if err != nil {
				t.Fatalf("%q can't be read: %v", first, err)
			}
			second, err := write(nil, again)
			if err != nil || !bytes.Equal(first, second) {
				t.Fatalf("%q became %q, %v", first, second, err)
			}
			if again.UID != m.UID || again.Type != m.Type || len(again.Packet.Args) != len(m.Packet.Args) {
				t.Fatalf("%+v became %+v", m, again)
			}
		}
	})
}

// BenchmarkDecode is what a node pays for another one's broadcast: reading it
// and, in "json", nothing else, as the arguments go to the clients as they are.
func BenchmarkDecode(b *testing.B) {
	for _, size := range []int{10, 1000} {
		m := &cluster.Message{Type: cluster.Broadcast, UID: "5f010d48f1871efd", Namespace: "/",
			Packet:  adapter.Packet{Event: "hello", Args: raw(fmt.Sprintf(`{"text":%q,"n":[1,2,3]}`, strings.Repeat("x", size)))},
			Options: adapter.Options{Rooms: []string{"r1"}}}
		for name, write := range map[string]func([]byte, *cluster.Message) ([]byte, error){"json": Append, "msgpack": AppendMessagePack} {
			encoded, err := write(nil, m)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(encoded)))
				for b.Loop() {
					if _, err := Decode(encoded); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
