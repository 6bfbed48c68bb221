package redis

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
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

func TestBroadcastData(t *testing.T) {
	p := adapter.Packet{Event: "hello", Args: []any{1, map[string]any{"a": "b"}}}
	o := adapter.Options{Rooms: []string{"r1"}, NoCompress: true}
	data, err := broadcastData("/chat", p, o, false)
	const want = `{"packet":{"type":2,"data":["hello",1,{"a":"b"}],"nsp":"/chat"},"opts":{"rooms":["r1"],"except":[],"flags":{"compress":false}}}`
	if err != nil || data != want {
		t.Fatalf("got %s, %v, want %s", data, err, want)
	}
	w, got, err := parseData(data)
	wantArgs := []any{json.RawMessage("1"), json.RawMessage(`{"a":"b"}`)}
	if err != nil || got.Event != "hello" || !reflect.DeepEqual(got.Args, wantArgs) ||
		!reflect.DeepEqual(w.Options.options(), adapter.Options{Rooms: []string{"r1"}, Except: []string{}, NoCompress: true}) {
		t.Errorf("got %+v with %+v, %v", got, w, err)
	}
	p.Args = []any{[]byte{1, 2}, "x"}
	data, err = broadcastData("/", p, adapter.Options{Except: []string{"e"}}, false)
	if err != nil || strings.HasPrefix(data, "{") {
		t.Fatalf("got %q, %v, want base64", data, err)
	}
	w, got, err = parseData(data)
	if err != nil || !reflect.DeepEqual(got, p) || !reflect.DeepEqual(w.Options.Except, []string{"e"}) {
		t.Errorf("got %+v with %+v, %v", got, w, err)
	}
	if data, err = broadcastData("/", p, o, true); err != nil || !strings.HasPrefix(data, "{") {
		t.Errorf("got %q, %v, want JSON", data, err)
	}
}

func TestParseSession(t *testing.T) {
	// {"sid":"s","pid":"p","rooms":["s","r"],"data":{"a":1}} as notepack writes it.
	b := []byte("\x84\xa3sid\xa1s\xa3pid\xa1p\xa5rooms\x92\xa1s\xa1r\xa4data\x81\xa1a\x01")
	want := adapter.Session{ID: "s", PID: "p", Rooms: []string{"s", "r"}, Data: json.RawMessage(`{"a":1}`)}
	if got, ok := parseSession(b); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := parseSession([]byte("\xc1")); ok {
		t.Error("took nonsense")
	}
}

func FuzzParseData(f *testing.F) {
	f.Add(`{"packet":{"type":2,"data":["e",1],"nsp":"/"},"opts":{"rooms":[],"except":[],"flags":{}}}`)
	f.Add(`gaRvcHRzg6Vyb29tc5A=`)
	f.Fuzz(func(t *testing.T, data string) {
		w, p, err := parseData(data)
		if err != nil || w.Packet == nil {
			return
		}
		out, err := broadcastData("/", p, w.Options.options(), false)
		if err != nil {
			return // e.g. values that JSON has not
		}
		if _, again, err := parseData(out); err != nil || again.Event != p.Event || len(again.Args) != len(p.Args) {
			t.Errorf("%q became %q: %+v, %v", data, out, again, err)
		}
	})
}
