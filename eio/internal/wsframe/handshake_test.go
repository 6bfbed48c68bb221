package wsframe

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// sampleKey and its answer are those of RFC 6455 section 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func TestCheckUpgrade(t *testing.T) {
	tests := []struct {
		name, method, upgrade, key, version string
		want                                error
	}{
		{"good", "GET", "websocket", sampleKey, "13", nil},
		{"old version, other case", "GET", "WebSocket", sampleKey, "8", nil},
		{"POST", "POST", "websocket", sampleKey, "13", ErrMethod},
		{"other protocol", "GET", "h2c", sampleKey, "13", ErrUpgrade},
		{"no protocol", "GET", "", sampleKey, "13", ErrUpgrade},
		{"letters that fold to ASCII", "GET", "web\u017focket", sampleKey, "13", ErrUpgrade},
		{"no key", "GET", "websocket", "", "13", ErrKey},
		{"short key", "GET", "websocket", sampleKey[1:], "13", ErrKey},
		{"key without padding", "GET", "websocket", sampleKey[:23] + "x", "13", ErrKey},
		{"key not base64", "GET", "websocket", "-" + sampleKey[1:], "13", ErrKey},
		{"no version", "GET", "websocket", sampleKey, "", ErrVersion},
		{"version 7", "GET", "websocket", sampleKey, "7", ErrVersion},
	}
	for _, tt := range tests {
		if err := CheckUpgrade([]byte(tt.method), []byte(tt.upgrade), []byte(tt.key), []byte(tt.version)); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestHandshakeErrors pins what clients of the reference see.
func TestHandshakeErrors(t *testing.T) {
	tests := []struct {
		err    *HandshakeError
		status int
		text   string
	}{
		{ErrKey, 400, "Missing or invalid Sec-WebSocket-Key header"},
		{ErrVersion, 400, "Missing or invalid Sec-WebSocket-Version header"},
		{ErrUpgrade, 400, "Invalid Upgrade header"},
	}
	for _, tt := range tests {
		if tt.err.Status != tt.status || tt.err.Text != tt.text || tt.err.Error() != "wsframe: "+tt.text {
			t.Errorf("%+v", tt.err)
		}
	}
}

func TestFirstProtocol(t *testing.T) {
	tests := []struct {
		offered, want string
		err           error
	}{
		{"chat", "chat", nil},
		{"chat, superchat", "chat", nil},
		{"\tv1.x ,v2", "v1.x", nil},
		{"", "", ErrSubprotocol},
		{"a,,b", "", ErrSubprotocol},
		{"a,", "", ErrSubprotocol},
		{"a b", "", ErrSubprotocol},
		{"a, \"b\"", "", ErrSubprotocol},
		{"a\r\nX: y", "", ErrSubprotocol},
		{"é", "", ErrSubprotocol},
	}
	for _, tt := range tests {
		if got, err := FirstProtocol([]byte(tt.offered)); string(got) != tt.want || err != tt.err {
			t.Errorf("%q: %q, %v; want %q, %v", tt.offered, got, err, tt.want, tt.err)
		}
	}
	if got, err := FirstProtocol(nil); got != nil || err != nil {
		t.Errorf("none offered: %q, %v", got, err)
	}
}

func TestAppendUpgrade(t *testing.T) {
	out := AppendUpgrade([]byte("x"), []byte(sampleKey), []byte("chat"), []byte("A: b\r\nC: d\r\n"))
	want := "xHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + sampleAccept + "\r\nSec-WebSocket-Protocol: chat\r\nA: b\r\nC: d\r\n\r\n"
	if string(out) != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(AppendUpgrade(nil, []byte(sampleKey), nil, nil))), nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != sampleAccept || len(resp.Header) != 3 {
		t.Errorf("read back: %+v, %v", resp, err)
	}
}

func TestAppendUpgradeAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	dst, method, upgrade, key, version := make([]byte, 0, 512), []byte("GET"), []byte("websocket"), []byte(sampleKey), []byte("13")
	if allocs := testing.AllocsPerRun(100, func() {
		if err := CheckUpgrade(method, upgrade, key, version); err != nil {
			t.Fatal(err)
		}
		AppendUpgrade(dst, key, nil, nil)
	}); allocs != 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}

func BenchmarkAppendUpgrade(b *testing.B) {
	dst, key := make([]byte, 0, 512), []byte(sampleKey)
	b.ReportAllocs()
	for b.Loop() {
		AppendUpgrade(dst, key, nil, nil)
	}
}
