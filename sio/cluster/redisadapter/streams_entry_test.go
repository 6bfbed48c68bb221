package redisadapter

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

func TestStreamKey(t *testing.T) {
	for _, tc := range []struct {
		namespace string
		count     int
		want      string
	}{
		{"/", 1, "s"}, {"/", 4, "s-3"}, {"/chat", 4, "s-3"}, {"/orders-123", 4, "s--3"}, // 47, 46457863, -2079626055
	} {
		if got := streamKey("s", tc.count, tc.namespace); got != tc.want {
			t.Errorf("%s of %d: got %q, want %q", tc.namespace, tc.count, got, tc.want)
		}
	}
}

func TestEntryMessage(t *testing.T) {
	e := entry{uid: "u", namespace: "/chat", kind: cluster.Broadcast}
	m := &cluster.Message{Type: e.kind, UID: e.uid, Namespace: e.namespace,
		Packet:  adapter.Packet{Event: "hello", Args: []any{json.RawMessage("1"), json.RawMessage(`{"z":1,"a":2.50}`)}},
		Options: adapter.Options{Rooms: []string{"r1"}, NoCompress: true}}
	check := func(want string) {
		t.Helper()
		var err error
		if e.data, err = data(m, false); err != nil || e.data != want {
			t.Fatalf("got %s, %v, want %s", e.data, err, want)
		}
		if got, err := e.message(); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
	check(`{"packet":{"type":2,"data":["hello",1,{"z":1,"a":2.50}],"nsp":"/chat"},"opts":{"rooms":["r1"],"except":[],"flags":{"compress":false}}}`)
	m.Packet = adapter.Packet{Event: "b", Args: []any{[]byte{1, 2}}}
	check("gqZwYWNrZXSDpHR5cGUCpGRhdGGSoWLEAgECo25zcKUvY2hhdKRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kKVmbGFnc4GoY29tcHJlc3PC")
	// 82 a6"packet" 83 a4"type" 02 a4"data" 92 a1"b" c4 02 01 02 a3"nsp"
	// a5"/chat" a4"opts" …
	if text, err := data(m, true); err != nil || !strings.Contains(text, `["b","AQI="]`) {
		t.Errorf("got %q, %v, want JSON", text, err)
	}
	for _, bad := range []string{"", "x", "{", "!!!!", `{"opts":{}}`, "gaRvcHRzg6Vyb29tc5A="} {
		e.data = bad
		if got, err := e.message(); err == nil {
			t.Errorf("took %q as %+v", bad, got)
		}
	}
	for _, e.kind = range []cluster.MessageType{cluster.AnswerPart, cluster.NextPart} {
		e.data = `{"stream":"s","part":1}`
		if got, err := e.message(); err == nil {
			t.Errorf("took a part: %+v", got)
		}
	}
}

func TestParseSession(t *testing.T) {
	// {"sid":"s","pid":"p","rooms":["s","r"],"data":{"a":1}} as notepack writes
	// it.
	b := []byte("\x84\xa3sid\xa1s\xa3pid\xa1p\xa5rooms\x92\xa1s\xa1r\xa4data\x81\xa1a\x01")
	want := adapter.Session{ID: "s", PID: "p", Rooms: []string{"s", "r"}, Data: json.RawMessage(`{"a":1}`)}
	if got, ok := parseSession(b); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := parseSession([]byte("\xc1")); ok {
		t.Error("took nonsense")
	}
	b = []byte("\x84\xa3sid\xa1s\xa3pid\xa1p\xa5rooms\x92\xa1s\xa3\xed\xa0\x80\xa4data\x81\xa1a\x01")
	if s, ok := parseSession(b); ok {
		t.Errorf("took %q for the names of rooms", s.Rooms)
	}
}

func FuzzEntryMessage(f *testing.F) {
	f.Add(uint8(3), `{"packet":{"type":2,"data":["e",1],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	f.Add(uint8(3), "gqZwYWNrZXSDpHR5cGUCpGRhdGGSoWLEAgECo25zcKEvpG9wdHODpXJvb21zkaJyMaZleGNlcHSQpWZsYWdzgA==")
	f.Add(uint8(9), `{"packet":["e",1]}`)
	f.Add(uint8(2), "")
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		e := entry{uid: "u", namespace: "/", kind: cluster.MessageType(kind), data: text}
		m, err := e.message()
		if err != nil {
			return
		}
		for _, plain := range []bool{false, true} {
			if e.data, err = data(m, plain); err != nil {
				t.Fatalf("%q became %+v, which can't be written: %v", text, m, err)
			}
			again, err := e.message()
			if err != nil || again.Packet.Event != m.Packet.Event || len(again.Packet.Args) != len(m.Packet.Args) {
				t.Errorf("%q became %q: %+v, %v", text, e.data, again, err)
			}
		}
	})
}
