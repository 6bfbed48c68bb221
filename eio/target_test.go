package eio_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestAbsoluteForm has every kind of request with a target in absolute form
// (RFC 9112 section 3.2.2), with Listen and in net/http.
func TestAbsoluteForm(t *testing.T) {
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "other "+r.URL.Path+" "+r.Host) })
	serve := func(t *testing.T, addr string) {
		request := func(method, target, body string) eiotest.Response {
			t.Helper()
			c := eiotest.DialTCP(t, addr)
			c.WriteString(method + " http://example.com:80" + target + " HTTP/1.1\r\nHost: ignored\r\nConnection: close\r\n")
			if method == "POST" {
				c.WriteString("Content-Length: " + string('0'+rune(len(body))) + "\r\n")
			}
			c.WriteString("\r\n" + body)
			return c.ReadResponse()
		}
		for range 4 { // on both loops
			target := "/engine.io/" + handshake + "&sid=" + sidOf(t, request("GET", "/engine.io/"+handshake, ""))
			wantResponse(t, request("POST", target, "4hello"), 200, "ok")
			wantResponse(t, request("GET", target, ""), 200, "4hello")
			c := eiotest.Dial(t, addr, "http://example.com"+strings.Replace(target, "polling", "websocket", 1))
			c.Text("2probe")
			c.Expect("3probe")
			c.Text("5", "4hello")
			c.Expect("4hello")
		}
		wantResponse(t, request("GET", "/engine.io/client.js?v=1", ""), 200, "js")
		wantResponse(t, request("GET", "/other", ""), 200, "other /other example.com:80")
	}
	cfg := eio.Config{Fallback: other, Static: map[string]http.Handler{
		"client.js": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "js") }),
	}}
	t.Run("Listen", func(t *testing.T) { serve(t, start(t, cfg).addr) })
	t.Run("Handler", func(t *testing.T) {
		m := mountWith(t, (*httptest.Server).Start, cfg)
		serve(t, m.http.Listener.Addr().String())
	})
}

// TestPath: a path that clients can't ask for is refused, with the one that
// they can.
func TestPath(t *testing.T) {
	for path, say := range map[string]string{
		"engine.io": "must begin with a slash",
		"/my path/": `"/my%20path/"`,
		"/café/":    `"/caf%C3%A9/"`,
		"/a?b/":     `"/a%3Fb/"`,
		"/a#b/":     `"/a%23b/"`,
		"/100%/":    `"/100%25/"`,
		"/a\x00/":   `"/a%00/"`,
		"/a/../b/":  `segment ".."`,
		"/./":       `segment "."`,
	} {
		_, err := eio.NewServer(eio.Config{Path: path}, &echo{})
		if err == nil || !strings.Contains(err.Error(), "Config.Path is ") || !strings.Contains(err.Error(), say) {
			t.Errorf("Path %q: %v, want %s", path, err, say)
		}
	}
	for _, path := range []string{"/my%20path/", "/caf%C3%A9", "/a@b:c;d=e,f'(g)*+$!~._-&/", "/"} {
		s := start(t, eio.Config{Path: path})
		if !strings.HasSuffix(path, "/") {
			s.url += "/"
		}
		s.wantEcho(t, s.polling(t))
	}
}

// TestSingletonFields: a handshake that says twice what may be said once is
// refused.
func TestSingletonFields(t *testing.T) {
	s := start(t, eio.Config{})
	m := mount(t, (*httptest.Server).Start)
	const (
		upgrade = "Upgrade: websocket\r\n"
		key     = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		version = "Sec-WebSocket-Version: 13\r\n"
		host    = "Host: a\r\n"
		all     = upgrade + key + version + host
	)
	for name, c := range map[string]struct {
		fields string
		status int
		body   string
	}{
		"none twice":            {all, 101, ""},
		"Upgrade":               {all + upgrade, 400, "Invalid Upgrade header"},
		"Upgrade, to two":       {all + "Upgrade: h2c\r\n", 400, "Invalid Upgrade header"},
		"Upgrade, one empty":    {all + "Upgrade:\r\n", 400, "Invalid Upgrade header"},
		"Upgrade, a list":       {strings.Replace(all, upgrade, "Upgrade: websocket, h2c\r\n", 1), 400, "Invalid Upgrade header"},
		"Sec-WebSocket-Key":     {all + key, 400, "Missing or invalid Sec-WebSocket-Key header"},
		"Sec-WebSocket-Version": {all + version, 400, "Missing or invalid Sec-WebSocket-Version header"},
		"Host":                  {all + host, 400, ""},
		"Content-Length":        {all + "Content-Length: 0\r\nContent-Length: 0\r\n", 400, ""},
	} {
		for server, addr := range map[string]string{"Listen": s.addr, "Handler": m.http.Listener.Addr().String()} {
			conn := eiotest.DialTCP(t, addr)
			conn.WriteString("GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\n" + c.fields + "\r\n")
			r := conn.ReadResponse()
			if server == "Handler" && (c.body == "" || strings.Contains(name, "list")) {
				// net/http has its own words, accepts lengths that agree, and
				// keeps what asks for something else than WebSocket.
				if r.Status != c.status && name != "Content-Length" {
					t.Errorf("%s by %s: got %+v, want %d", name, server, r, c.status)
				}
				continue
			}
			if r.Status != c.status || r.Body != c.body {
				t.Errorf("%s by %s: got %+v, want %d %q", name, server, r, c.status, c.body)
			}
		}
	}
}

// TestHeadLength: the answer to a HEAD has the length that a GET's has, or none
// if the handler does not say it.
func TestHeadLength(t *testing.T) {
	s := start(t, eio.Config{Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Repeat([]byte("x"), 1234)
		switch r.URL.Path {
		case "/writes":
			w.Write(body)
		case "/says":
			w.Header().Set("Content-Length", "1234")
			if r.Method == http.MethodGet {
				w.Write(body)
			}
		case "/silent":
			if r.Method == http.MethodGet {
				w.Write(body)
			}
		}
	})})
	for path, want := range map[string]string{"/writes": "1234", "/says": "1234", "/silent": ""} {
		r := eiotest.Do(t, "HEAD", "http://"+s.addr+path, "")
		wantResponse(t, r, 200, "")
		wantHeader(t, r, "Content-Length", want)
		if r := eiotest.Get(t, "http://"+s.addr+path); len(r.Body) != 1234 {
			t.Errorf("%s: %d bytes", path, len(r.Body))
		}
	}
}
