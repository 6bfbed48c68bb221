package http1

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Heads as stock clients send them.
const (
	pollGET = "GET /socket.io/?EIO=4&transport=polling&t=P2xNzK8&sid=e8rF0fHFlMO4Yh3TAAAA HTTP/1.1\r\n" +
		"Host: localhost:3000\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n" +
		"User-Agent: node-XMLHttpRequest\r\nConnection: keep-alive\r\n\r\n"
	pollPOST = "POST /socket.io/?EIO=4&transport=polling&sid=e8rF0fHFlMO4Yh3TAAAA HTTP/1.1\r\n" +
		"Host: localhost:3000\r\nContent-type: text/plain;charset=UTF-8\r\nContent-Length: 6\r\n\r\n"
	upgradeGET = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: localhost:3000\r\n\r\n"
)

// describe is everything a caller can see of a request.
func describe(r *Request) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%q %q %q %q %q cl=%d 1.%d", r.Method, r.Target, r.Path, r.RawQuery, r.Host, r.ContentLength, r.Minor)
	fmt.Fprintf(&s, " %t %t %t %t %t\n", r.Chunked, r.KeepAlive, r.Expect100, r.Upgrade, r.WebSocket)
	for name, value := range r.Headers() {
		fmt.Fprintf(&s, "%q: %q\n", name, value)
	}
	return s.String()
}

// parseCut gives b to a Parser as pieces that end at the cuts, and then whole.
func parseCut(b []byte, limit int, cuts ...int) (string, int, error) {
	var p Parser
	var req Request
	for _, end := range append(cuts, len(b)) {
		n, err := p.Head(b[:end], limit, &req)
		if err != nil {
			return "", 0, err
		}
		if n > 0 {
			return describe(&req), n, nil
		}
	}
	return "", 0, nil
}

func TestHeadAccepts(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"polling GET", pollGET, `"GET" "/socket.io/?EIO=4&transport=polling&t=P2xNzK8&sid=e8rF0fHFlMO4Yh3TAAAA" "/socket.io/" ` +
			`"EIO=4&transport=polling&t=P2xNzK8&sid=e8rF0fHFlMO4Yh3TAAAA" "localhost:3000" cl=-1 1.1 false true false false false
"Host": "localhost:3000"
"Accept": "*/*"
"Accept-Encoding": "gzip, deflate"
"User-Agent": "node-XMLHttpRequest"
"Connection": "keep-alive"
`},
		{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
			`"GET" "/" "/" "" "a" cl=-1 1.1 false true false true true
"Host": "a"
"Connection": "keep-alive, Upgrade"
"Upgrade": "WebSocket"
`},
		{"upgrade to two protocols", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n\r\n",
			`"GET" "/" "/" "" "a" cl=-1 1.1 false true false true false
"Host": "a"
"Connection": "upgrade"
"Upgrade": "h2c"
"Upgrade": "websocket"
`},
		{"upgrade without the token", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
			`"GET" "/" "/" "" "a" cl=-1 1.1 false true false false false
"Host": "a"
"Upgrade": "websocket"
`},
		{"HTTP/1.0", "GET /x? HTTP/1.0\r\n\r\n", `"GET" "/x?" "/x" "" "" cl=-1 1.0 false false false false false` + "\n"},
		{"HTTP/1.0 kept alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
			`"GET" "/" "/" "" "" cl=-1 1.0 false true false false false
"Connection": "Keep-Alive"
`},
		{"close, chunked, expectation", "POST /?a?b HTTP/1.1\r\nhOST:\t a \t\r\nConnection: x ,close\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n",
			`"POST" "/?a?b" "/" "a?b" "a" cl=-1 1.1 true false true false false
"hOST": "a"
"Connection": "x ,close"
"Transfer-Encoding": "Chunked"
"Expect": "100-Continue"
`},
		{"blank line before", "\r\nPOST / HTTP/1.1\r\nHost:\r\nContent-Length: 007\r\n\r\n",
			`"POST" "/" "/" "" "" cl=7 1.1 false true false false false
"Host": ""
"Content-Length": "007"
`},
		{"absolute form", "GET HTTP://b:80?q HTTP/1.1\r\nHost: a\r\n\r\n",
			`"GET" "HTTP://b:80?q" "/" "q" "b:80" cl=-1 1.1 false true false false false
"Host": "a"
`},
		{"absolute form, IPv6", "GET http://[::1]:80/p HTTP/1.1\r\nHost: a\r\n\r\n",
			`"GET" "http://[::1]:80/p" "/p" "" "[::1]:80" cl=-1 1.1 false true false false false
"Host": "a"
`},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			`"OPTIONS" "*" "*" "" "a" cl=-1 1.1 false true false false false
"Host": "a"
`},
		{"raw UTF-8 and repeated fields", "GET //é HTTP/1.1\r\nHost: a\r\nX: é\r\nx: 2\r\n\r\n",
			`"GET" "//é" "//é" "" "a" cl=-1 1.1 false true false false false
"Host": "a"
"X": "é"
"x": "2"
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in + "GET /next")
			for cut := range in {
				got, n, err := parseCut(in, 0, cut)
				if err != nil || n != len(tt.in) || got != tt.want {
					t.Fatalf("cut at %d: n %d of %d, err %v\n got %s\nwant %s", cut, n, len(tt.in), err, got, tt.want)
				}
			}
		})
	}
}

func TestHeadRefuses(t *testing.T) {
	const h = "GET / HTTP/1.1\r\nHost: a\r\n" // the start of most
	tests := []struct {
		name, in string
		want     *Error
	}{
		{"no target", "GET HTTP/1.1\r\n", ErrRequestLine},
		{"empty line after an empty line", "\r\n\r\nGET / HTTP/1.1\r\n", ErrRequestLine},
		{"space in target", "GET /a b HTTP/1.1\r\n", ErrRequestLine},
		{"two spaces", "GET  / HTTP/1.1\r\n", ErrRequestLine},
		{"tab", "GET\t/ HTTP/1.1\r\n", ErrRequestLine},
		{"method not a token", "G@T / HTTP/1.1\r\n", ErrRequestLine},
		{"leading space", " GET / HTTP/1.1\r\n", ErrRequestLine},
		{"control character in target", "GET /\x01 HTTP/1.1\r\n", ErrRequestLine},
		{"HTTP/0.9", "GET /\r\n", ErrRequestLine},
		{"small letters", "GET / http/1.1\r\n", ErrRequestLine},
		{"long version", "GET / HTTP/1.11\r\n", ErrRequestLine},
		{"TLS greeting, no line end", "\x16\x03\x01\x02", ErrRequestLine},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n", ErrVersion},
		{"HTTP/1.2", "GET / HTTP/1.2\r\n", ErrVersion},
		{"CONNECT", "CONNECT a:443 HTTP/1.1\r\n", ErrConnect},
		{"asterisk of GET", "GET * HTTP/1.1\r\n", ErrTarget},
		{"relative target", "GET a HTTP/1.1\r\n", ErrTarget},
		{"other scheme", "GET ftp://a/ HTTP/1.1\r\n", ErrTarget},
		{"no authority", "GET http:///x HTTP/1.1\r\n", ErrTarget},
		{"user information", "GET http://u@a/ HTTP/1.1\r\n", ErrTarget},
		{"port not a number", "GET http://a:b/ HTTP/1.1\r\n", ErrTarget},
		{"IPv6 zone", "GET http://[fe80::1%251]/ HTTP/1.1\r\n", ErrTarget},
		{"bad escape", "GET /%4 HTTP/1.1\r\n", ErrTarget},
		{"bad escape digits", "GET /%4g HTTP/1.1\r\n", ErrTarget},
		{"bare LF after request line", "GET / HTTP/1.1\n", ErrLineEnd},
		{"bare LF after field", h + "A: b\n", ErrLineEnd},
		{"bare LF as blank line", h + "\n", ErrLineEnd},
		{"CR in value", h + "A: b\rc\r\n", ErrLineEnd},
		{"CR before CRLF", h + "A: b\r\r\n", ErrLineEnd},
		{"NUL in value", h + "A: b\x00\r\n", ErrHeaderValue},
		{"DEL in value", h + "A: \x7f\r\n", ErrHeaderValue},
		{"folded", h + "A: b\r\n c\r\n", ErrFolded},
		{"folded at once", "GET / HTTP/1.1\r\n\tc: d\r\n", ErrFolded},
		{"space before colon", h + "A : b\r\n", ErrHeaderName},
		{"no colon", h + "A\r\n", ErrHeaderName},
		{"no name", h + ": b\r\n", ErrHeaderName},
		{"name not a token", h + "A(b): c\r\n", ErrHeaderName},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", ErrHost},
		{"no Host, absolute form", "GET http://a/ HTTP/1.1\r\n\r\n", ErrHost},
		{"two Hosts", h + "host: a\r\n", ErrHost},
		{"space in Host", "GET / HTTP/1.1\r\nHost: a b\r\n", ErrHost},
		{"slash in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n", ErrHost},
		{"plus in length", h + "Content-Length: +5\r\n", ErrContentLength},
		{"minus in length", h + "Content-Length: -5\r\n", ErrContentLength},
		{"space in length", h + "Content-Length: 5 5\r\n", ErrContentLength},
		{"hex length", h + "Content-Length: 0x5\r\n", ErrContentLength},
		{"empty length", h + "Content-Length: \r\n", ErrContentLength},
		{"list of lengths", h + "Content-Length: 5, 5\r\n", ErrContentLength},
		{"length beyond int64", h + "Content-Length: 9223372036854775808\r\n", ErrContentLength},
		{"two lengths", h + "Content-Length: 5\r\nContent-Length: 5\r\n", ErrContentLength},
		{"length and coding", h + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ErrTransferEncoding},
		{"coding and length", h + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", ErrTransferEncoding},
		{"two codings", h + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ErrTransferEncoding},
		{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", ErrTransferEncoding},
		{"gzip coding", h + "Transfer-Encoding: gzip, chunked\r\n", ErrCoding},
		{"identity coding", h + "Transfer-Encoding: identity\r\n", ErrCoding},
		{"quoted coding", h + "Transfer-Encoding: \"chunked\"\r\n", ErrCoding},
		{"vertical tab before coding", h + "Transfer-Encoding: \vchunked\r\n", ErrHeaderValue},
		{"expectation", h + "Expect: 200-ok\r\n", ErrExpectation},
		{"too many fields", h + strings.Repeat("A: b\r\n", MaxFields), ErrHeadTooLarge},
		{"too long line", "GET /" + strings.Repeat("a", DefaultHead), ErrHeadTooLarge},
		{"one byte too long", h + "A: " + strings.Repeat("b", DefaultHead-31) + "\r\n\r\n", ErrHeadTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			step := max(1, len(in)/500)
			for cut := 0; cut < len(in); cut += step {
				if got, n, err := parseCut(in, 0, cut); err != tt.want {
					t.Fatalf("cut at %d: n %d, err %v, want %v\n%.200s", cut, n, err, tt.want, got)
				}
			}
		})
	}
}

func TestHeadLimit(t *testing.T) {
	in := []byte(pollGET)
	if _, n, err := parseCut(in, len(in)); n != len(in) || err != nil {
		t.Errorf("head of exactly the limit: n %d, err %v", n, err)
	}
	if _, n, err := parseCut(in, len(in)-1); err != ErrHeadTooLarge {
		t.Errorf("head one byte beyond the limit: n %d, err %v", n, err)
	}
	long := []byte("GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("b", MaxHead-32) + "\r\n\r\n")
	if _, n, err := parseCut(long, 1<<30); n != len(long) || err != nil || n != MaxHead {
		t.Errorf("head of MaxHead %d: n %d of %d, err %v", MaxHead, n, len(long), err)
	}
}

// TestHeadByteByByte: the parser is left ready, so pipelined requests can
// dribble in one after the other.
func TestHeadByteByByte(t *testing.T) {
	var p Parser
	var req Request
	for range 2 {
		for _, in := range []string{pollGET, pollPOST, upgradeGET} {
			for end := range len(in) {
				if n, err := p.Head([]byte(in[:end]), 0, &req); n != 0 || err != nil {
					t.Fatalf("%d bytes of %q: n %d, err %v", end, in, n, err)
				}
			}
			if n, err := p.Head([]byte(in), 0, &req); n != len(in) || err != nil {
				t.Fatalf("%q: n %d, err %v", in, n, err)
			}
		}
	}
}

func TestHeader(t *testing.T) {
	var p Parser
	var req Request
	in := []byte("GET / HTTP/1.1\r\nHost: a\r\nOrigin: \r\nX: 1\r\nx: 2\r\n\r\n")
	if _, err := p.Head(in, 0, &req); err != nil {
		t.Fatal(err)
	}
	if got := req.Header("x"); string(got) != "1" {
		t.Errorf("first of two: %q", got)
	}
	if got := req.Header("origin"); got == nil || len(got) != 0 {
		t.Errorf("empty field: %#v", got)
	}
	if got := req.Header("nothing"); got != nil {
		t.Errorf("missing field: %q", got)
	}
	for name, want := range map[string]string{"host": "a", "Origin": "", "X": "", "nothing": ""} {
		got := req.Single(name)
		if string(got) != want || (got == nil) != (name == "X" || name == "nothing") {
			t.Errorf("Single(%q) is %#v", name, got)
		}
	}
	if !bytes.Equal(req.Head(), in) {
		t.Errorf("Head %q", req.Head())
	}
	if req.HasBody() {
		t.Error("has a body")
	}
	count := 0
	for range req.Headers() {
		count++
		break
	}
	if count != 1 {
		t.Errorf("break after %d", count)
	}
}

func TestHeadAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	for _, in := range []string{pollGET, pollPOST, upgradeGET} {
		b := []byte(in)
		allocs := testing.AllocsPerRun(100, func() {
			var p Parser
			var req Request
			n, err := p.Head(b, 0, &req)
			sid, _ := QueryValue(req.RawQuery, "sid")
			if n != len(b) || err != nil || req.Header("host") == nil || len(sid) > 20 {
				t.Fatal("not parsed")
			}
			for name := range req.Headers() {
				if len(name) == 0 {
					t.Fatal("empty name")
				}
			}
		})
		if allocs != 0 {
			t.Errorf("%.0f allocations for %q", allocs, in)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	for _, in := range []struct{ name, head string }{{"poll", pollGET}, {"post", pollPOST}, {"upgrade", upgradeGET}} {
		b.Run(in.name, func(b *testing.B) {
			head := []byte(in.head)
			var p Parser
			var req Request
			b.ReportAllocs()
			b.SetBytes(int64(len(head)))
			for b.Loop() {
				if n, err := p.Head(head, 0, &req); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func TestRestore(t *testing.T) {
	wire := []byte("\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX: y\r\n\r\nabc")
	var parser Parser
	var parsed, restored Request
	if n, err := parser.Head(wire, 0, &parsed); n != len(wire)-3 || err != nil {
		t.Fatal(n, err)
	}
	restored.Restore(bytes.Clone(parsed.Head()))
	if !reflect.DeepEqual(parsed, restored) {
		t.Errorf("restored %+v\nfrom     %+v", restored, parsed)
	}
	defer func() {
		if recover() == nil {
			t.Error("a head that is cut was restored")
		}
	}()
	restored.Restore(parsed.Head()[:20])
}
