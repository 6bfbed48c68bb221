package msgpack

import (
	"encoding/hex"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
)

func must(t *testing.T) func(b []byte, err error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// TestX6AppendPackets pins bytes that the Decoder of socket.io-msgpack-parser
// 3.0.2 was seen to read as the packet in the comment (X6).
func TestX6AppendPackets(t *testing.T) {
	ok := must(t)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		// {type:0, nsp:"/", data:{sid:"abc"}}
		{"connect", AppendConnect(nil, "/", "abc", ""), "83a47479706500a36e7370a12fa46461746181a3736964a3616263"},
		// {type:0, nsp:"/a", data:{sid:"abc", pid:"def"}}
		{"connect with pid", AppendConnect(nil, "/a", "abc", "def"), "83a47479706500a36e7370a22f61a46461746182a3736964a3616263a3706964a3646566"},
		// {type:1, nsp:"/a"}
		{"disconnect", AppendDisconnect(nil, "/a"), "82a47479706501a36e7370a22f61"},
		// {type:4, nsp:"/", data:{message:"bad"}}
		{"connect error", ok(AppendConnectError(nil, "/", "bad", nil)), "83a47479706504a36e7370a12fa46461746181a76d657373616765a3626164"},
		// {type:4, nsp:"/", data:{message:"bad", data:{code:[1, Date(5)]}}}
		{"connect error with data", ok(AppendConnectError(nil, "/", "bad", map[string]any{"code": []any{1, time.UnixMilli(5)}})), "83a47479706504a36e7370a12fa46461746182a76d657373616765a3626164a46461746181a4636f64659201d7000000000000000005"},
		// {type:2, nsp:"/", data:["hello", 1, "x", null, Buffer(ff),
		// Date(1764000000123), 1.5]}
		{"event", ok(AppendEvent(nil, "/", 0, false, "hello", []any{1, "x", nil, []byte{255}, time.UnixMilli(1764000000123), 1.5})), "83a47479706502a36e7370a12fa46461746197a568656c6c6f01a178c0c401ffd7000000019ab697e87bcb3ff8000000000000"},
		// {type:2, nsp:"/a", id:300, data:["e", {at:Date(0)}]}
		{"event with id", ok(AppendEvent(nil, "/a", 300, true, "e", []any{struct {
			At *time.Time `json:"at"`
		}{new(time.UnixMilli(0))}})), "84a47479706502a36e7370a22f61a26964cd012ca46461746192a16581a26174d7000000000000000000"},
		// {type:3, nsp:"/", id:0, data:[]}
		{"ack", ok(AppendAck(nil, "/", 0, nil)), "84a47479706503a36e7370a12fa2696400a46461746190"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		h, err := ParsePacket(c.got)
		if err != nil || string(AppendPacket(nil, h)) != string(c.got) {
			t.Errorf("%s: parsed %s, %v", c.name, describe(h), err)
		}
	}
}

func TestAppendKeepsDst(t *testing.T) {
	ok := must(t)
	bad := []any{1, make(chan int)}
	for name, got := range map[string]func(dst []byte) ([]byte, error){
		"event": func(dst []byte) ([]byte, error) { return AppendEvent(dst, "/", 0, false, "e", bad) },
		"ack":   func(dst []byte) ([]byte, error) { return AppendAck(dst, "/", 0, bad) },
		"error": func(dst []byte) ([]byte, error) { return AppendConnectError(dst, "/", "m", bad) },
		"value": func(dst []byte) ([]byte, error) { return AppendValue(dst, bad) },
		"JSON":  func(dst []byte) ([]byte, error) { return AppendJSON(dst, []byte("\x92\x01\xd4\x05\x00")) },
	} {
		if b, err := got([]byte("head")); string(b) != "head" || !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if b := ok(AppendValue([]byte("head"), []any{1})); string(b) != "head\x91\x01" {
		t.Errorf("appended %q", b)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	dst := make([]byte, 0, 1024)
	args := []any{"text that is longer than thirty-two bytes", 12345678, -1, 1.5, []byte{1, 2, 3}, true, nil, time.UnixMilli(5), uint64(math.MaxUint64)}
	h := socketio.Header{Type: socketio.Event, Namespace: []byte("/a namespace of more than thirty-two bytes"), Data: []byte("\x91\xa1e")}
	for name, f := range map[string]func(){
		"event":      func() { _, _ = AppendEvent(dst, "/", 1, true, "hello", args) },
		"ack":        func() { _, _ = AppendAck(dst, "/", 1, args) },
		"value":      func() { _, _ = AppendValue(dst, args[0]) },
		"connect":    func() { AppendConnect(dst, "/", "abc", "def") },
		"disconnect": func() { AppendDisconnect(dst, "/") },
		"error":      func() { _, _ = AppendConnectError(dst, "/", "bad", nil) },
		"packet":     func() { AppendPacket(dst, h) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
