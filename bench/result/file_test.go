//go:build linux

package result_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/result"
)

func records() []result.Record {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return []result.Record{
		{Type: result.Start, Time: at, Command: "go run ./bench", Cores: &result.Cores{Server: []int{1}, Load: []int{0}}},
		{Type: result.Run, Time: at, Profile: "echo", Peer: "floor", Run: 1, Attempt: 1, Figures: map[string]float64{"cpu_us": 7.25}},
		{Type: result.Run, Time: at, Profile: "idle", Peer: "floor", Run: 1, Series: []result.Sample{{Seconds: 1.5, Clients: 10, RSS: 1 << 20}}},
		{Type: result.End, Time: at, Partial: true},
	}
}

func write(t *testing.T) []byte {
	var b bytes.Buffer
	w := result.NewWriter(&b)
	for _, r := range records() {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestReadWhatWasWritten(t *testing.T) {
	b := write(t)
	if lines := bytes.Count(b, []byte("\n")); lines != len(records()) {
		t.Errorf("%d lines for %d records", lines, len(records()))
	}
	got, err := result.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, records()) {
		t.Errorf("got  %+v\nwant %+v", got, records())
	}
}

func TestReadKeepsWhatACrashLeft(t *testing.T) {
	b := write(t)
	got, err := result.Read(bytes.NewReader(b[:len(b)-5]))
	if err != nil || len(got) != len(records())-1 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestReadNamesABrokenLine(t *testing.T) {
	_, err := result.Read(strings.NewReader("{\"type\":\"start\"}\nhello\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}
