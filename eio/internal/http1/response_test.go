package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

func TestAppendResponse(t *testing.T) {
	tests := []struct {
		name, got, want string
	}{
		{"whole", string(AppendResponse([]byte("x"), 200, "text/html", []byte("ok"), true, Field{"cache-control", "no-store"})),
			"xHTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\ncache-control: no-store\r\nConnection: keep-alive\r\n\r\nok"},
		{"empty", string(AppendResponse(nil, 413, "", nil, false)),
			"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{"not modified", string(AppendResponse(nil, 304, "", nil, true)), "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n"},
		{"unknown status", string(AppendStatusLine(nil, 299)), "HTTP/1.1 299 \r\n"},
		{"header injection", string(AppendHeader(nil, "A: b\r\nC", "d\r\nE: f\x00")), "A--b--C: d  E: f \r\n"},
		{"chunk", string(AppendChunk(nil, []byte("0123456789abcdef"))) + LastChunk, "10\r\n0123456789abcdef\r\n0\r\n\r\n"},
		{"no chunk", string(AppendChunk(nil, nil)), ""},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

// TestResponseReadByNetHTTP: the statuses used are understood by a real reader,
// pipelined.
func TestResponseReadByNetHTTP(t *testing.T) {
	var out []byte
	statuses := []int{200, 204, 304, 400, 403, 404, 413, 417, 431, 500, 501, 505}
	for _, status := range statuses {
		var body []byte
		if status >= 400 || status == 200 {
			body = []byte("text")
		}
		out = AppendResponse(append(out, Continue...), status, "text/plain", body, true, Field{"X", "y"})
	}
	br := bufio.NewReader(bytes.NewReader(out))
	for _, status := range statuses {
		for _, want := range []int{100, status} {
			resp, err := http.ReadResponse(br, nil)
			if err != nil || resp.StatusCode != want {
				t.Fatalf("want %d: %v, err %v", want, resp, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || want >= 400 && string(body) != "text" {
				t.Fatalf("%d: body %q, err %v", want, body, err)
			}
		}
	}
}

func TestAppendResponseAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	dst, body := make([]byte, 0, 512), []byte("ok")
	if allocs := testing.AllocsPerRun(100, func() {
		AppendResponse(dst, 200, "text/html", body, true, Field{"cache-control", "no-store"})
		Encoding(body, "gzip", "deflate")
	}); allocs != 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}
