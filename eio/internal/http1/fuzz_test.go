package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"testing"
)

// outcome is what came of one request and its body.
type outcome struct {
	head, body, rest string
	done             bool
	err              error
}

const fuzzHead, fuzzBody = 2 << 10, 64

// serve runs both decoders over b, cut at the given ends.
func serve(b []byte, cuts ...int) (o outcome) {
	var n int
	o.head, n, o.err = parseCut(b, fuzzHead, cuts...)
	if o.err != nil || n == 0 {
		return o
	}
	var p Parser
	var req Request
	if _, o.err = p.Head(b[:n], fuzzHead, &req); o.err != nil {
		panic("a whole head parsed, and its copy did not")
	}
	var later []int
	for _, c := range cuts {
		if c > n {
			later = append(later, c-n)
		}
	}
	o.body, o.rest, o.done, o.err = readCut(b[n:], &req, fuzzBody, later...)
	return o
}

// wires are whole requests, with bodies and what follows them.
var wires = []string{
	pollGET, pollPOST + "4hello", upgradeGET + "\x81\x80\x00\x00\x00\x00", "\r\n" + pollGET,
	"POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n",
	"GET http://a:80/b HTTP/1.0\r\nConnection: keep-alive, close\r\nContent-Length: 1\r\n\r\nx",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
	"GET http://[::1]/ HTTP/1.1\r\nHost:\r\nPragma: no-cache\r\nA:\r\na: 2\r\n\r\n",
}

// FuzzRequest checks that the cuts do not matter, and that net/http reads what
// is accepted in the same way.
//
// Left out of the comparison: a blank line before the request, which net/http
// does not skip; a Trailer field, whose names net/http judges and this package,
// which discards trailers, does not look at.
func FuzzRequest(f *testing.F) {
	for _, seed := range wires {
		f.Add([]byte(seed), uint16(10), uint16(90))
	}
	f.Fuzz(func(t *testing.T, b []byte, i, j uint16) {
		whole := serve(b)
		cuts := []int{int(i) % (len(b) + 1), int(j) % (len(b) + 1)}
		slices.Sort(cuts)
		if cut := serve(b, cuts...); cut != whole {
			t.Fatalf("cut at %v\n got %+v\nwant %+v", cuts, cut, whole)
		}
		every := make([]int, len(b))
		for k := range every {
			every[k] = k
		}
		if cut := serve(b, every...); cut != whole {
			t.Fatalf("byte by byte\n got %+v\nwant %+v", cut, whole)
		}
		if whole.err == nil && whole.done {
			compare(t, b, whole)
		}
	})
}

// TestEveryByte replaces every byte of the wires by each of the bytes that
// matter to framing, puts these in front of it, and leaves it out; what is
// accepted then is compared with net/http.
func TestEveryByte(t *testing.T) {
	const odd = "\x00\t\n\v\r \"#%*+,-./0159:;=?AFGaghx[\\]{\x7f\x80\xff"
	accepted := 0
	try := func(b []byte) {
		if o := serve(b); o.err == nil && o.done {
			compare(t, b, o)
			accepted++
		}
	}
	for _, wire := range wires {
		for i := range wire {
			try([]byte(wire[:i] + wire[i+1:]))
			for j := range odd {
				try([]byte(wire[:i] + odd[j:j+1] + wire[i+1:]))
				try([]byte(wire[:i] + odd[j:j+1] + wire[i:]))
			}
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d accepted", accepted)
	}
}

// compare reads b with net/http and expects what this package made of it.
func compare(t *testing.T, b []byte, ours outcome) {
	b = bytes.TrimPrefix(b, []byte("\r\n"))
	var p Parser
	var req Request
	if _, err := p.Head(b, fuzzHead, &req); err != nil {
		t.Fatalf("without the blank line: %v", err)
	}
	if req.Header("Trailer") != nil {
		return
	}
	br := bufio.NewReader(bytes.NewReader(b))
	std, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("net/http refuses: %v\n%s", err, ours.head)
	}
	body, err := io.ReadAll(std.Body)
	if err != nil || string(body) != ours.body {
		t.Fatalf("net/http's body %q, err %v; ours %q", body, err, ours.body)
	}
	rest, err := io.ReadAll(br)
	if err != nil || string(rest) != ours.rest {
		t.Fatalf("net/http's rest %q, err %v; ours %q", rest, err, ours.rest)
	}
	same(t, "method", std.Method, string(req.Method))
	same(t, "target", std.RequestURI, string(req.Target))
	same(t, "host", std.Host, string(req.Host))
	same(t, "query", std.URL.RawQuery, string(req.RawQuery))
	path, err := url.PathUnescape(string(req.Path))
	if err != nil {
		t.Fatalf("path: %v", err)
	}
	if std.URL.Path != "" || path != "/" { // net/url leaves the path of a bare authority empty
		same(t, "path", std.URL.Path, path)
	}
	if std.Close == req.KeepAlive {
		t.Fatalf("net/http closes: %t, ours is kept alive: %t", std.Close, req.KeepAlive)
	}
	fields := http.Header{}
	for name, value := range req.Headers() {
		key := textproto.CanonicalMIMEHeaderKey(string(name))
		if key != "Host" && key != "Transfer-Encoding" {
			fields[key] = append(fields[key], string(value))
		}
	}
	for key, values := range std.Header {
		if key == "Cache-Control" && fields[key] == nil {
			continue // net/http derives it from Pragma
		}
		if !slices.Equal(fields[key], values) {
			t.Fatalf("%s: net/http %q, ours %q", key, values, fields[key])
		}
		delete(fields, key)
	}
	if len(fields) > 0 {
		t.Fatalf("net/http lacks %q", fields)
	}
}

func same(t *testing.T, what, std, ours string) {
	t.Helper()
	if std != ours {
		t.Fatalf("%s: net/http %q, ours %q", what, std, ours)
	}
}
