package clientbundle

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

const licenceComment = "/*!\n * Socket.IO v4.8.4\n * (c) 2014-2026 Guillermo Rauch\n */\n"

// bundle gives a file system with all eight files, each with its own content.
func bundle() fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, n := range names {
		fsys[n] = &fstest.MapFile{Data: []byte(content(n))}
		fsys[n+".map"] = &fstest.MapFile{Data: []byte(content(n + ".map"))}
	}
	return fsys
}

func content(name string) string {
	if strings.HasSuffix(name, ".map") {
		return `{"version":3,"file":"` + name + `"}`
	}
	return licenceComment + strings.Repeat("function "+name+"(){}\n", 200)
}

// get asks a real net/http server for target and gives the answer with its
// body as it was sent.
func get(t *testing.T, h *Handler, method, target string, header ...string) (*http.Response, []byte) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	request, err := http.NewRequest(method, server.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// TestFiles has the eight files, their types, the tag and the cache header.
func TestFiles(t *testing.T) {
	h := New(bundle())
	for name := range bundle() {
		t.Run(name, func(t *testing.T) {
			response, body := get(t, h, "GET", "/socket.io/"+name)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("status %d, want 200", response.StatusCode)
			}
			if string(body) != content(name) {
				t.Errorf("body of %d bytes is not the file's content", len(body))
			}
			want := map[string]string{
				"Cache-Control":    "public, max-age=0",
				"Content-Type":     "application/javascript; charset=utf-8",
				"ETag":             `"4.8.4"`,
				"Content-Encoding": "",
				"Content-Length":   strconv.Itoa(len(content(name))),
				"Vary":             "Accept-Encoding",
			}
			if strings.HasSuffix(name, ".map") {
				want["Content-Type"] = "application/json; charset=utf-8"
			}
			for key, value := range want {
				if got := response.Header.Get(key); got != value {
					t.Errorf("%s: %q, want %q", key, got, value)
				}
			}
		})
	}
}

// TestNotModified has the tags that match, weak or strong, answered with 304.
func TestNotModified(t *testing.T) {
	h := New(bundle())
	for _, c := range []struct {
		match  string
		status int
	}{
		{`"4.8.4"`, 304},
		{`W/"4.8.4"`, 304},
		{`"4.8.3"`, 200},
		{`4.8.4`, 200},
		{`*`, 200},
		{`"4.8.3", "4.8.4"`, 200},
	} {
		t.Run(c.match, func(t *testing.T) {
			response, body := get(t, h, "GET", "/socket.io/socket.io.js", "If-None-Match", c.match)
			if response.StatusCode != c.status {
				t.Fatalf("status %d, want %d", response.StatusCode, c.status)
			}
			if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary %q", got)
			}
			if c.status != http.StatusNotModified {
				return
			}
			if len(body) != 0 {
				t.Errorf("a body of %d bytes with 304", len(body))
			}
			for _, key := range []string{"ETag", "Cache-Control", "Content-Type", "Content-Encoding"} {
				if got := response.Header.Get(key); got != "" {
					t.Errorf("%s: %q with 304, want none", key, got)
				}
			}
		})
	}
}

// TestEncoding has the client's preferences decide, then their order; * takes
// the server's favourite.
func TestEncoding(t *testing.T) {
	h := New(bundle())
	for _, c := range []struct{ accept, want string }{
		{"gzip", gz},
		{"br", br},
		{"deflate", deflate},
		{"gzip, deflate, br", gz},
		{"gzip;q=0.5, br;q=0.9", br},
		{"*", br},
		{"identity", identity},
		{"gzip;q=0", identity},
		{"zstd", identity},
	} {
		t.Run(c.accept, func(t *testing.T) {
			// Twice: made, then kept.
			for range 2 {
				response, body := get(t, h, "GET", "/socket.io/socket.io.min.js", "Accept-Encoding", c.accept)
				if got := response.Header.Get("Content-Encoding"); got != c.want {
					t.Fatalf("Content-Encoding %q, want %q", got, c.want)
				}
				if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
					t.Errorf("Vary %q", got)
				}
				head, _ := get(t, h, "HEAD", "/socket.io/socket.io.min.js", "Accept-Encoding", c.accept)
				if got := head.ContentLength; got != int64(len(body)) {
					t.Errorf("HEAD has Content-Length %d, GET %d bytes", got, len(body))
				}
				if got := decode(t, c.want, body); got != content("socket.io.min.js") {
					t.Fatalf("decodes to %d bytes that are not the file", len(got))
				}
			}
		})
	}
}

func decode(t *testing.T, coding string, body []byte) string {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case br:
		r = brotli.NewReader(r)
	case gz:
		r, err = gzip.NewReader(r)
	case deflate:
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestMethods(t *testing.T) {
	h := New(bundle())
	response, body := get(t, h, "HEAD", "/socket.io/socket.io.js")
	if response.StatusCode != 200 || len(body) != 0 || response.Header.Get("ETag") != `"4.8.4"` {
		t.Errorf("HEAD: status %d, %d bytes, ETag %q", response.StatusCode, len(body), response.Header.Get("ETag"))
	}
	response, body = get(t, h, "POST", "/socket.io/socket.io.js")
	if response.StatusCode != 200 || string(body) != content("socket.io.js") {
		t.Errorf("POST: status %d, %d bytes", response.StatusCode, len(body))
	}
}

func TestAbsentBundle(t *testing.T) {
	for name, h := range map[string]*Handler{"nil": New(nil), "empty": New(fstest.MapFS{})} {
		t.Run(name, func(t *testing.T) {
			if h.Present() {
				t.Error("Present reports a bundle")
			}
			response, body := get(t, h, "GET", "/socket.io/socket.io.js")
			if response.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "make client") {
				t.Errorf("status %d, body %q", response.StatusCode, body)
			}
		})
	}
}

// TestConcurrentFirstRequests lets many requests make the same form.
func TestConcurrentFirstRequests(t *testing.T) {
	h := New(bundle())
	done := make(chan int)
	for range 8 {
		go func() {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/socket.io/socket.io.js", nil)
			r.Header.Set("Accept-Encoding", "br")
			h.ServeHTTP(w, r)
			done <- w.Body.Len()
		}()
	}
	first := <-done
	for range 7 {
		if n := <-done; n != first {
			t.Errorf("forms of %d and %d bytes", first, n)
		}
	}
}
