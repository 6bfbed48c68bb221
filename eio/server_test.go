package eio_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// echo is an upper layer that sends every message back, and pauses after
// "full".
type echo struct {
	opened chan *eio.Session
	closed chan closing
	onOpen func(*eio.Session)

	mu       sync.Mutex
	messages []string
}

type closing struct {
	reason eio.Reason
	err    error
}

func (e *echo) NewSession() *eio.Session { return new(eio.Session) }

func (e *echo) Opened(s *eio.Session) {
	if e.onOpen != nil {
		e.onOpen(s)
	}
	e.opened <- s
}

func (e *echo) Message(s *eio.Session, data []byte, binary bool) {
	e.mu.Lock()
	e.messages = append(e.messages, string(data))
	e.mu.Unlock()
	send(s, string(data), binary)
	if string(data) == "full" {
		s.Pause()
	}
}

func (e *echo) Closed(_ *eio.Session, reason eio.Reason, err error) {
	e.closed <- closing{reason, err}
}

func (e *echo) received() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.messages...)
}

// send sends one message, on the session's loop.
func send(s *eio.Session, data string, binary bool) {
	p := eio.NewEncodedPacket(binary)
	p.End(append(p.Begin(), data...))
	s.Send(p)
	p.Release()
}

// server is an engine with an echo upper layer on a loopback port.
type server struct {
	*echo
	*eio.Server
	addr string
	url  string // up to and including the path
}

func start(t *testing.T, cfg eio.Config, onOpen ...func(*eio.Session)) *server {
	t.Helper()
	up := &echo{opened: make(chan *eio.Session, 100), closed: make(chan closing, 100)}
	if len(onOpen) > 0 {
		up.onOpen = onOpen[0]
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	srv, err := eio.NewServer(cfg, up)
	if err != nil {
		t.Fatal(err)
	}
	engine := listen.Loopback(t, srv, loop.Config{Loops: 2})
	addr := engine.Addr().String()
	path := cfg.Path
	if path == "" {
		path = "/engine.io/"
	}
	return &server{up, srv, addr, "http://" + addr + path}
}

// polling opens a session over polling and returns its URL.
func (s *server) polling(t *testing.T) string {
	t.Helper()
	r := eiotest.Get(t, s.url+"?EIO=4&transport=polling")
	return s.url + "?EIO=4&transport=polling&sid=" + sidOf(t, r)
}

func sidOf(t *testing.T, r eiotest.Response) string {
	t.Helper()
	var open struct{ SID string }
	if r.Status != 200 || r.Body[0] != '0' || json.Unmarshal([]byte(r.Body[1:]), &open) != nil {
		t.Fatalf("handshake: %+v", r)
	}
	return open.SID
}

// webSocket opens a session over WebSocket and reads its open packet.
func (s *server) webSocket(t *testing.T) *eiotest.Conn {
	t.Helper()
	c := eiotest.Dial(t, s.addr, s.target("?EIO=4&transport=websocket"))
	if f := c.Next(); len(f.Payload) == 0 || f.Payload[0] != '0' {
		t.Fatalf("got %v, want an open packet", f)
	}
	return c
}

func (s *server) target(query string) string {
	return strings.TrimPrefix(s.url, "http://"+s.addr) + query
}

// probe opens a WebSocket for the session at url.
func (s *server) probe(t *testing.T, url string) *eiotest.Conn {
	t.Helper()
	target := strings.Replace(strings.TrimPrefix(url, "http://"+s.addr), "transport=polling", "transport=websocket", 1)
	return eiotest.Dial(t, s.addr, target)
}

func (s *server) wantClosed(t *testing.T, reason eio.Reason) {
	t.Helper()
	if got := eiotest.Receive(t, s.closed); got.reason != reason {
		t.Errorf("closed with %q (%v), want %q", got.reason, got.err, reason)
	}
}

func wantResponse(t *testing.T, got eiotest.Response, status int, body string) {
	t.Helper()
	if got.Status != status || got.Body != body {
		t.Errorf("got %d %q, want %d %q", got.Status, got.Body, status, body)
	}
}

// wantGone expects that the session is not known any more.
func (s *server) wantGone(t *testing.T, url string) {
	t.Helper()
	wantResponse(t, eiotest.Get(t, url), 400, `{"code":1,"message":"Session ID unknown"}`)
}

// fast are the timers of the official suites.
var fast = eio.Config{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond}

func TestHandshake(t *testing.T) {
	s := start(t, eio.Config{})
	t.Run("polling", func(t *testing.T) {
		var sids []string
		for range 2 {
			r := eiotest.Get(t, s.url+"?EIO=4&transport=polling")
			sid := sidOf(t, r)
			want := `0{"sid":"` + sid + `","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
			wantResponse(t, r, 200, want)
			wantHeader(t, r, "Content-Type", "text/plain; charset=UTF-8")
			wantHeader(t, r, "Cache-Control", "no-store")
			wantHeader(t, r, "Content-Length", fmt.Sprint(len(want)))
			if len(sid) != 20 || strings.Trim(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				t.Errorf("sid %q", sid)
			}
			sids = append(sids, sid)
		}
		if sids[0] == sids[1] {
			t.Error("the same sid twice")
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		c := eiotest.Dial(t, s.addr, s.target("?EIO=4&transport=websocket"))
		f := c.Next()
		if f.First != 0x81 || !strings.Contains(string(f.Payload), `,"upgrades":[],`) {
			t.Errorf("got %v", f)
		}
	})
	for _, c := range []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"no protocol", "GET", "?transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol abc", "GET", "?transport=polling&EIO=abc", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol 3, not enabled", "GET", "?transport=polling&EIO=3", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"protocol 5", "GET", "?transport=polling&EIO=5", 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no transport", "GET", "?EIO=4", 400, `{"code":0,"message":"Transport unknown"}`},
		{"transport abc", "GET", "?EIO=4&transport=abc", 400, `{"code":0,"message":"Transport unknown"}`},
		{"transport constructor", "GET", "?EIO=4&transport=constructor", 400, `{"code":0,"message":"Transport unknown"}`},
		{"transport __proto__", "GET", "?EIO=4&transport=__proto__", 400, `{"code":0,"message":"Transport unknown"}`},
		{"transport webtransport", "GET", "?EIO=4&transport=webtransport", 400, `{"code":0,"message":"Transport unknown"}`},
		{"POST without a sid", "POST", "?EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"PUT without a sid", "PUT", "?EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"OPTIONS without a sid", "OPTIONS", "?EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"HEAD without a sid", "HEAD", "?EIO=4&transport=polling", 400, ``},
		{"WebSocket without an upgrade", "GET", "?EIO=4&transport=websocket", 400, `{"code":3,"message":"Bad request"}`},
		{"unknown sid", "GET", "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"unknown sid of another loop", "GET", "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAABAAAA", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"sid of a loop that is not there", "GET", "?EIO=4&transport=polling&sid=____________________", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"sid __proto__", "GET", "?EIO=4&transport=polling&sid=__proto__", 400, `{"code":1,"message":"Session ID unknown"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := eiotest.Do(t, c.method, s.url+c.query, "")
			wantResponse(t, r, c.status, c.body)
			wantHeader(t, r, "Content-Type", "application/json")
		})
	}
	for name, query := range map[string]string{
		"empty sid":                 "?EIO=4&transport=polling&sid=",
		"the last transport counts": "?EIO=4&transport=abc&transport=polling",
		"a path below":              "a/b?EIO=4&transport=polling",
	} {
		t.Run(name, func(t *testing.T) {
			if r := eiotest.Get(t, s.url+query); r.Status != 200 || !strings.HasPrefix(r.Body, `0{"sid":`) {
				t.Errorf("got %+v", r)
			}
		})
	}
	t.Run("a path without its slash", func(t *testing.T) {
		r := eiotest.Get(t, strings.TrimSuffix(s.url, "/")+"?EIO=4&transport=polling")
		wantResponse(t, r, 404, "404 page not found\n")
	})
}

func wantHeader(t *testing.T, r eiotest.Response, name, want string) {
	t.Helper()
	if got := r.Header.Get(name); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

func TestUpgradeRefusals(t *testing.T) {
	s := start(t, eio.Config{})
	for _, c := range []struct{ name, head, body string }{
		{"protocol 3, not enabled", eiotest.UpgradeRequest("/engine.io/?transport=websocket&EIO=3"), "Unsupported protocol version"},
		{"transport abc", eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=abc"), "Transport unknown"},
		{"no transport", eiotest.UpgradeRequest("/engine.io/?EIO=4"), "Transport unknown"},
		{"unknown sid", eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"), "Session ID unknown"},
		{"unknown version", strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"), "Version: 13", "Version: 7", 1), "Missing or invalid Sec-WebSocket-Version header"},
		{"no key", strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"), "Sec-WebSocket-Key", "X-Key", 1), "Missing or invalid Sec-WebSocket-Key header"},
		{"another protocol", strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"), "Upgrade: websocket", "Upgrade: h2c", 1), "Invalid Upgrade header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := eiotest.DialTCP(t, s.addr)
			conn.WriteString(c.head)
			r := conn.ReadResponse()
			wantResponse(t, r, 400, c.body)
			wantHeader(t, r, "Content-Type", "text/html")
			conn.ExpectEOF()
		})
	}
	t.Run("an upgrade outside of the path", func(t *testing.T) {
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(eiotest.UpgradeRequest("/elsewhere") + "whatever follows")
		wantResponse(t, conn.ReadResponse(), 404, "404 page not found\n")
		conn.ExpectEOF()
	})
	t.Run("its connection is closed in time", func(t *testing.T) { // no longer than that by a peer that stays
		const kept = 50 * time.Millisecond
		s := start(t, eio.Config{DestroyUpgradeTimeout: kept})
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(eiotest.UpgradeRequest("/elsewhere"))
		wantResponse(t, conn.ReadResponse(), 404, "404 page not found\n")
		conn.ExpectEOF() // of the server's half
		eiotest.Eventually(t, "the connection is closed", func() bool {
			_, err := conn.Write([]byte("x"))
			return err != nil
		})
	})
	t.Run("it goes to Fallback when DestroyUpgradeTimeout is negative", func(t *testing.T) {
		s := start(t, eio.Config{DestroyUpgradeTimeout: -1, Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "not here", http.StatusUpgradeRequired)
		})})
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(eiotest.UpgradeRequest("/elsewhere"))
		wantResponse(t, conn.ReadResponse(), http.StatusUpgradeRequired, "not here\n")
	})
	t.Run("an upgrade with transport=polling", func(t *testing.T) {
		eiotest.Dial(t, s.addr, "/engine.io/?EIO=4&transport=polling").ExpectClose(0)
	})
	t.Run("WebSocket is not enabled", func(t *testing.T) {
		s := start(t, eio.Config{Transports: []string{"polling"}})
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
		wantResponse(t, conn.ReadResponse(), 400, `{"code":0,"message":"Transport unknown"}`)
		if r := eiotest.Get(t, s.url+"?EIO=4&transport=polling"); !strings.Contains(r.Body, `"upgrades":[]`) {
			t.Errorf("got %q", r.Body)
		}
	})
	t.Run("an upgrade that was not offered", func(t *testing.T) {
		s := start(t, eio.Config{NoUpgrades: true})
		url := s.polling(t)
		conn := s.probe(t, url)
		conn.Text("2probe")
		conn.Expect("3probe")
	})
	t.Run("the first subprotocol is accepted", func(t *testing.T) {
		conn := eiotest.DialTCP(t, s.addr)
		conn.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket", "Sec-WebSocket-Protocol", "foo, bar"))
		wantHeader(t, conn.ReadResponse(), "Sec-WebSocket-Protocol", "foo")
	})
}

func TestForeign(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Test", "yes")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s from %s", r.Method, r.URL.Query().Get("q"), r.Host)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("the handler's own fault") })
	s := start(t, eio.Config{
		Fallback: mux,
		Static: map[string]http.Handler{
			"client.js": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("js")) }),
		},
	})
	base := "http://" + s.addr
	r := eiotest.Get(t, base+"/hello?q=a+b")
	wantResponse(t, r, http.StatusTeapot, "GET a b from "+s.addr)
	wantHeader(t, r, "X-Test", "yes")
	wantResponse(t, eiotest.Get(t, base+"/none"), 404, "404 page not found\n")
	c := eiotest.DialTCP(t, s.addr)
	c.WriteString("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	c.ExpectEOF()
	wantResponse(t, eiotest.Get(t, s.url+"client.js"), 200, "js")
	wantResponse(t, eiotest.Get(t, s.url+"client.js?v=1"), 200, "js")
	for _, other := range []string{"Client.js", "client%2Ejs", "a/client.js", "client.jsx"} {
		wantResponse(t, eiotest.Get(t, s.url+other), 400, `{"code":0,"message":"Transport unknown"}`)
	}
	r = eiotest.Do(t, "HEAD", base+"/hello", "")
	if r.Body != "" || r.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %+v", r)
	}
}

// TestFragmented sends a whole conversation one byte at a time.
func TestFragmented(t *testing.T) {
	s := start(t, eio.Config{})
	url := s.polling(t)
	target := strings.TrimPrefix(url, "http://"+s.addr)
	c := eiotest.DialTCP(t, s.addr)
	c.Conn.(*net.TCPConn).SetNoDelay(true)
	dribble := func(b string) {
		t.Helper()
		for i := range len(b) {
			c.WriteString(b[i : i+1])
		}
	}
	dribble("POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n4a\x1e4bcd")
	wantResponse(t, c.ReadResponse(), 200, "ok")
	dribble("POST " + target + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n4ef\r\n1\r\ng\r\n0\r\n\r\n")
	wantResponse(t, c.ReadResponse(), 200, "ok")
	dribble("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
	wantResponse(t, c.ReadResponse(), 200, "4a\x1e4bcd\x1e4efg")

	c = s.webSocket(t)
	dribble(string(eiotest.AppendFrame(nil, 0x81, []byte("4hello"))))
	c.Expect("4hello")
}

// TestPipelined sends requests without waiting for answers.
func TestPipelined(t *testing.T) {
	s := start(t, eio.Config{})
	url := s.polling(t)
	target := strings.TrimPrefix(url, "http://"+s.addr)
	c := eiotest.DialTCP(t, s.addr)
	post := "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4"
	get := "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"
	c.WriteString(post + "a" + get + get + post + "b" + get)
	wantResponse(t, c.ReadResponse(), 200, "ok")
	wantResponse(t, c.ReadResponse(), 200, "4a")
	wantResponse(t, c.ReadResponse(), 200, "4b") // the second GET is parked until the POST behind it is handled
	wantResponse(t, c.ReadResponse(), 200, "ok")
	eiotest.Post(t, url, "4x")
	wantResponse(t, c.ReadResponse(), 200, "4x")
}
