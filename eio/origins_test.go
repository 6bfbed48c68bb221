package eio_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// listed are the origins of the tests.
var listed = []string{"https://a.example", "https://*.b.example", "http://*.c.example:8080", "capacitor://localhost"}

// originCases are what the field Origin may say, and whether listed allows it.
var originCases = map[string]bool{
	"https://a.example":            true,
	"https://x.b.example":          true,
	"https://x.y-1.b.example":      true,
	"http://x.c.example:8080":      true,
	"capacitor://localhost":        true,
	"":                             false,
	"null":                         false,
	"*":                            false,
	"http://a.example":             false,
	"https://a.example:443":        false,
	"https://a.example:8443":       false,
	"https://x.a.example":          false,
	"https://a.example.evil":       false,
	"https://A.example":            false,
	"https://b.example":            false,
	"https://.b.example":           false,
	"https://*.b.example":          false,
	"https://evilb.example":        false,
	"http://x.b.example":           false,
	"https://x.b.example:8443":     false,
	"https://x.b.example.evil":     false,
	"https://evil/.b.example":      false,
	"https://evil#.b.example":      false,
	"https://u@x.b.example":        false,
	"https://evil:1.b.example":     false,
	"https://evil.example":         false,
	"http://x.c.example":           false,
	"https://a.example, null":      false,
	"https://a.example\x80":        false,
	"https://evil https://a.examp": false,
}

// eachKind sends one request of each kind to addr, with the fields, and returns
// the answers by name. home opens the sessions that the requests name.
func eachKind(t *testing.T, home *server, addr string, fields ...string) map[string]eiotest.Response {
	t.Helper()
	answers := make(map[string]eiotest.Response)
	send := func(name, request string) {
		c := eiotest.DialTCP(t, addr)
		c.WriteString(request)
		answers[name] = c.ReadResponse()
		c.Close()
	}
	for _, protocol := range []string{"3", "4"} {
		open := home.target("?EIO=" + protocol + "&transport=polling")
		r := eiotest.Get(t, "http://"+home.addr+open)
		_, sid, _ := strings.Cut(r.Body, `"sid":"`)
		sid, _, _ = strings.Cut(sid, `"`)
		session := open + "&sid=" + sid
		send("handshake "+protocol, plainRequest("GET", open, "", fields))
		message := map[string]string{"3": "2:4a", "4": "4a"}[protocol]
		eiotest.Post(t, "http://"+home.addr+session, message) // the echo answers the poll if it is served
		send("poll "+protocol, plainRequest("GET", session, "", fields))
		send("POST "+protocol, plainRequest("POST", session, message, fields))
		over := func(target string) string { return strings.Replace(target, "polling", "websocket", 1) }
		send("upgrade "+protocol, eiotest.UpgradeRequest(over(session), fields...))
		send("WebSocket "+protocol, eiotest.UpgradeRequest(over(open), fields...))
	}
	return answers
}

func plainRequest(method, target, body string, fields []string) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", method, target, len(body))
	for i := 0; i+1 < len(fields); i += 2 {
		head += fields[i] + ": " + fields[i+1] + "\r\n"
	}
	return head + "\r\n" + body
}

// wantServed expects that all answers are of a server that serves the origin.
func wantServed(t *testing.T, answers map[string]eiotest.Response) {
	t.Helper()
	for name, r := range answers {
		if want := map[bool]int{true: 101, false: 200}[overWebSocket(name)]; r.Status != want {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func wantRefused(t *testing.T, answers map[string]eiotest.Response) {
	t.Helper()
	for name, r := range answers {
		if overWebSocket(name) {
			if r.Status != 400 || r.Body != "Forbidden" {
				t.Errorf("%s: got %+v", name, r)
			}
		} else if r.Status != 403 || r.Body != `{"code":4,"message":"Forbidden"}` {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

func overWebSocket(name string) bool {
	return strings.HasPrefix(name, "upgrade") || strings.HasPrefix(name, "WebSocket")
}

// TestOrigins: Config.Origins holds for each kind of request, however it comes
// to the engine.
func TestOrigins(t *testing.T) {
	cfg := eio.Config{Origins: listed, AllowEIO3: true}
	nodes, known := startNodes(t, 2, cfg)
	mountedCfg := cfg
	mountedCfg.Forwarding = &eio.Forwarding{Directory: known.of(1)}
	m := mountWith(t, (*httptest.Server).Start, mountedCfg)
	for name, addr := range map[string]string{
		"Listen":    nodes[0].addr,
		"forwarded": nodes[1].addr,
		"Handler":   m.http.Listener.Addr().String(), // which forwards too
	} {
		t.Run(name, func(t *testing.T) {
			wantServed(t, eachKind(t, nodes[0], addr))
			wantServed(t, eachKind(t, nodes[0], addr, "Origin", "https://a.example"))
			before := forwarded(nodes[1].Server, m.srv)
			wantRefused(t, eachKind(t, nodes[0], addr, "Origin", "https://evil.example"))
			if after := forwarded(nodes[1].Server, m.srv); after != before {
				t.Errorf("%d refused requests are forwarded", after-before)
			}
		})
	}
	t.Run("by default", func(t *testing.T) {
		s := start(t, eio.Config{AllowEIO3: true})
		wantServed(t, eachKind(t, s, s.addr, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"))
		wantServed(t, eachKind(t, s, s.addr, "Origin", "null"))
	})
}

// forwarded is how many requests and WebSockets the servers have passed on.
func forwarded(servers ...*eio.Server) (n uint64) {
	for _, srv := range servers {
		stats := srv.ForwardStats()
		n += stats.Requests + stats.Tunnels
	}
	return n
}

// TestOriginForwardedOnly: a node refuses an origin that the node which has
// forwarded the request allows.
func TestOriginForwardedOnly(t *testing.T) {
	known := &cluster{nodes: make(map[uint32]string)}
	home := start(t, eio.Config{Origins: listed, AllowEIO3: true, Forwarding: &eio.Forwarding{Directory: known.of(1)}})
	known.set(1, home.addr)
	open := start(t, eio.Config{AllowEIO3: true, Forwarding: &eio.Forwarding{Directory: known.of(2)}})
	answers := eachKind(t, home, open.addr, "Origin", "https://evil.example")
	for name := range answers {
		if strings.HasPrefix(name, "handshake") || strings.HasPrefix(name, "WebSocket") {
			delete(answers, name) // these open sessions of the other node
		}
	}
	wantRefused(t, answers)
}

// TestOriginCases: what counts as an origin of the list.
func TestOriginCases(t *testing.T) {
	s := start(t, eio.Config{Origins: listed})
	for origin, want := range originCases {
		for name, request := range map[string]string{
			"polling":   plainRequest("GET", s.target(handshake), "", []string{"Origin", origin}),
			"WebSocket": eiotest.UpgradeRequest(s.target("?EIO=4&transport=websocket"), "Origin", origin),
		} {
			c := eiotest.DialTCP(t, s.addr)
			c.WriteString(request)
			if r := c.ReadResponse(); (r.Status < 300) != want {
				t.Errorf("%s from %q: got %+v", name, origin, r)
			}
			c.Close()
		}
	}
}

// TestOriginsOfOtherRequests: pages of other origins can't use the engine by
// requests that have no origin, the server's own and programs can.
func TestOriginsOfOtherRequests(t *testing.T) {
	s := start(t, eio.Config{Origins: append([]string{"null"}, listed...), AllowEIO3: true})
	for _, fields := range [][]string{
		nil,
		{"Sec-Fetch-Site", "none"},
		{"Sec-Fetch-Site", "same-origin"},
		{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
		{"Origin", "https://a.example", "Sec-Fetch-Site", "cross-site"},
	} {
		wantServed(t, eachKind(t, s, s.addr, fields...))
	}
	for _, fields := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://a.example", "Origin", "https://evil.example"},
		{"Origin", "https://a.example", "Origin", "https://a.example"},
	} {
		wantRefused(t, eachKind(t, s, s.addr, fields...))
	}
	t.Run("JSONP", func(t *testing.T) {
		for _, protocol := range []string{"3", "4"} {
			url := s.url + "?EIO=" + protocol + "&transport=polling&j=0"
			for _, fields := range [][]string{nil, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
				wantResponse(t, eiotest.Get(t, url, fields...), 403, `{"code":4,"message":"Forbidden"}`)
			}
			if r := eiotest.Get(t, url, "Origin", "https://a.example"); r.Status != 200 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

// TestOriginsAndOtherOptions: what else concerns a request of another origin.
func TestOriginsAndOtherOptions(t *testing.T) {
	refused := make(chan *eio.ConnectionError, 10)
	s := start(t, eio.Config{
		Origins:           listed,
		CORS:              &eio.CORS{Credentials: true},
		Static:            map[string]http.Handler{"client.js": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "code") })},
		OnConnectionError: func(e *eio.ConnectionError) { refused <- e },
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Origin") == "https://evil.example" {
					t.Error("the middleware is asked")
				}
				next.ServeHTTP(w, r)
			})
		}},
	})
	const allow = "Access-Control-Allow-Origin"
	for origin, want := range map[string]string{"https://x.b.example": "https://x.b.example", "https://evil.example": ""} {
		r := eiotest.Do(t, "OPTIONS", s.url+handshake, "", "Origin", origin)
		wantResponse(t, r, 204, "")
		wantHeader(t, r, allow, want)
		wantHeader(t, eiotest.Get(t, s.url+handshake, "Origin", origin), allow, want)
		wantResponse(t, eiotest.Get(t, s.url+"client.js", "Origin", origin), 200, "code")
	}
	e := eiotest.Receive(t, refused)
	if e.Code != 4 || e.Context.Name != "ORIGIN_NOT_ALLOWED" || e.Request.Header("Origin") != "https://evil.example" {
		t.Errorf("got %v", e)
	}
}

// TestOriginsThatNoBrowserSends: New refuses what would never match.
func TestOriginsThatNoBrowserSends(t *testing.T) {
	for _, origins := range [][]string{
		{}, {""}, {"*"}, {"example.com"}, {"https://example.com/"}, {"https://Example.com"}, {"https://a, https://b"},
		{"https://example.com:443"}, {"http://example.com:80"}, {"https://*.example.com:443"}, {"https://*"}, {"https://*."},
		{"https://a.*.example.com"}, {"https://*.*.example.com"}, {"*://example.com"}, {"https://b\u00fccher.example"}, {"https://a b"},
	} {
		_, err := eio.NewServer(eio.Config{Origins: origins}, &echo{})
		if err == nil || !strings.Contains(err.Error(), "Config.Origins") {
			t.Errorf("%q: %v", origins, err)
		}
	}
	for _, origins := range [][]string{nil, {"null"}, {"http://localhost:3000", "capacitor://localhost"}, {"https://*.example.com:8443"}, {"http://[::1]:3000"}} {
		if _, err := eio.NewServer(eio.Config{Origins: origins}, &echo{}); err != nil {
			t.Errorf("%q: %v", origins, err)
		}
	}
}
