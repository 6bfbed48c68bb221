package eio_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

const handshake = "?EIO=4&transport=polling"

func TestAllowRequest(t *testing.T) {
	var calls atomic.Int32
	s := start(t, eio.Config{AllowRequest: func(r *http.Request) error {
		calls.Add(1)
		switch r.URL.Query().Get("why") {
		case "none":
			return eio.ErrForbidden
		case "mine":
			return errors.New("my reason")
		}
		return nil
	}})
	t.Run("a handshake over polling is refused", func(t *testing.T) {
		wantResponse(t, eiotest.Get(t, s.url+handshake+"&why=none"), 403, `{"code":4,"message":"Forbidden"}`)
		wantResponse(t, eiotest.Get(t, s.url+handshake+"&why=mine"), 403, `{"code":4,"message":"my reason"}`)
	})
	t.Run("a handshake over WebSocket is refused", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&why=mine"))
		wantResponse(t, c.ReadResponse(), 400, "my reason")
		c.ExpectEOF()
	})
	t.Run("only handshakes are asked about", func(t *testing.T) {
		url := s.polling(t)
		before := calls.Load()
		wantResponse(t, eiotest.Post(t, url, "4a"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4a")
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		if n := calls.Load(); n != before {
			t.Errorf("called %d times for a session", n-before)
		}
	})
	t.Run("over WebSocket, with a frame behind the request", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket") + string(eiotest.AppendFrame(nil, 0x81, []byte("4early"))))
		if r := c.ReadResponse(); r.Status != 101 {
			t.Fatalf("got %+v", r)
		}
		c.Next()
		c.Expect("4early")
	})
}

func TestGenerateID(t *testing.T) {
	var fails, odd atomic.Bool
	var n atomic.Int32
	var seen atomic.Pointer[eio.ConnectionError]
	s := start(t, eio.Config{
		GenerateID: func(*http.Request) (string, error) {
			if fails.Load() {
				return "", errors.New("no ids left")
			}
			if odd.Load() {
				return "a\xff", nil
			}
			return fmt.Sprintf("my id %d", n.Add(1)), nil
		},
		OnConnectionError: func(e *eio.ConnectionError) { seen.Store(e) },
	})
	t.Run("the application makes the sid", func(t *testing.T) {
		for range 8 { // on both loops
			r := eiotest.Get(t, s.url+handshake)
			sid := sidOf(t, r)
			if !strings.HasPrefix(sid, "my id ") {
				t.Errorf("sid %q", sid)
			}
			url := s.url + handshake + "&sid=" + strings.ReplaceAll(sid, " ", "%20")
			wantResponse(t, eiotest.Post(t, url, "4a"), 200, "ok")
			wantResponse(t, eiotest.Get(t, url), 200, "4a")
			wantResponse(t, eiotest.Post(t, url, "1"), 200, "ok")
			s.wantGone(t, url)
		}
	})
	t.Run("the sid can not be made", func(t *testing.T) {
		fails.Store(true)
		wantResponse(t, eiotest.Get(t, s.url+handshake), 400, `{"code":3,"message":"Bad request"}`)
		e := seen.Load()
		if e == nil || e.Code != 3 || e.Context.Name != "ID_GENERATION_ERROR" || e.Unwrap().Error() != "no ids left" {
			t.Errorf("connection error %v", e)
		}
	})
	t.Run("not UTF-8", func(t *testing.T) {
		fails.Store(false)
		odd.Store(true)
		wantResponse(t, eiotest.Get(t, s.url+handshake), 400, `{"code":3,"message":"Bad request"}`)
		if e := seen.Load(); e == nil || !strings.Contains(e.Unwrap().Error(), "is not UTF-8") {
			t.Errorf("connection error %v", e)
		}
	})
}

func TestMiddleware(t *testing.T) {
	var seen atomic.Pointer[eio.ConnectionError]
	s := start(t, eio.Config{
		OnConnectionError: func(e *eio.ConnectionError) { seen.Store(e) },
		Middleware: []func(http.Handler) http.Handler{
			func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-First", "1")
					next.ServeHTTP(w, r)
				})
			},
			func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Query().Get("do") {
					case "panic":
						panic("the middleware's own fault")
					case "end":
						http.Error(w, "not you", http.StatusUnauthorized)
						return
					}
					next.ServeHTTP(w, r)
				})
			},
		},
	})
	t.Run("a middleware fails", func(t *testing.T) {
		wantResponse(t, eiotest.Get(t, s.url+handshake+"&do=panic"), 400, `{"code":3,"message":"Bad request"}`)
		if e := seen.Load(); e == nil || e.Context.Name != "MIDDLEWARE_FAILURE" {
			t.Errorf("connection error %v", e)
		}
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&do=panic"))
		wantResponse(t, c.ReadResponse(), 400, "Bad request")
	})
	t.Run("a middleware answers", func(t *testing.T) {
		r := eiotest.Get(t, s.url+handshake+"&do=end")
		wantResponse(t, r, 401, "not you\n")
		wantHeader(t, r, "X-First", "1")
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&do=end"))
		r = c.ReadResponse()
		wantResponse(t, r, 401, "not you\n")
		wantHeader(t, r, "X-First", "1")
		c.ExpectEOF()
	})
	t.Run("let through", func(t *testing.T) {
		r := eiotest.Get(t, s.url+handshake)
		wantHeader(t, r, "X-First", "1")
		url := s.url + handshake + "&sid=" + sidOf(t, r)
		wantResponse(t, eiotest.Post(t, url, "4"+strings.Repeat("x", 200_000)), 200, "ok")
		if r := eiotest.Get(t, url); len(r.Body) != 200_001 {
			t.Errorf("got %d bytes", len(r.Body))
		}
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
		wantHeader(t, c.ReadResponse(), "X-First", "1")
	})
}

func TestInitialPacket(t *testing.T) {
	s := start(t, eio.Config{InitialPacket: []byte("hi")})
	t.Run("the initial packet is sent", func(t *testing.T) {
		if r := eiotest.Get(t, s.url+handshake); !strings.HasSuffix(r.Body, "}\x1e4hi") {
			t.Errorf("got %q", r.Body)
		}
		s.webSocket(t).Expect("4hi")
	})
}

func TestTrailingSlash(t *testing.T) {
	s := start(t, eio.Config{Path: "/my/", NoTrailingSlash: true})
	t.Run("a path without a trailing slash", func(t *testing.T) {
		for _, path := range []string{"/my", "/my/", "/myfoo"} {
			sidOf(t, eiotest.Get(t, "http://"+s.addr+path+handshake))
		}
	})
}

func TestHTTPExtras(t *testing.T) {
	t.Run("old browsers get X-XSS-Protection", func(t *testing.T) {
		s := start(t, eio.Config{})
		url := s.polling(t)
		agent := []string{"User-Agent", "Mozilla/5.0 (Trident/7.0)"}
		r := eiotest.Do(t, "POST", url, "4a", agent...)
		wantHeader(t, r, "X-XSS-Protection", "0")
		wantHeader(t, eiotest.Get(t, url, agent...), "X-XSS-Protection", "0")
		wantHeader(t, eiotest.Get(t, s.url+handshake), "X-XSS-Protection", "")
	})
	t.Run("all origins are allowed by default", func(t *testing.T) {
		s := start(t, eio.Config{CORS: &eio.CORS{}})
		r := eiotest.Do(t, "OPTIONS", s.url+handshake, "", "Origin", "http://a", "Access-Control-Request-Headers", "x-a")
		wantResponse(t, r, 204, "")
		wantHeader(t, r, "Access-Control-Allow-Origin", "*")
		wantHeader(t, r, "Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
		wantHeader(t, r, "Vary", "Access-Control-Request-Headers")
		wantHeader(t, r, "Access-Control-Allow-Headers", "x-a")
		wantHeader(t, r, "Content-Length", "0")
		wantHeader(t, eiotest.Get(t, s.url+"?EIO=4&transport=abc"), "Access-Control-Allow-Origin", "*")
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
		wantHeader(t, c.ReadResponse(), "Access-Control-Allow-Origin", "*")
	})
	t.Run("a list of origins", func(t *testing.T) {
		s := start(t, eio.Config{CORS: &eio.CORS{Origins: []string{"http://a", "http://b"}, Credentials: true}})
		r := eiotest.Get(t, s.url+handshake, "Origin", "http://b")
		wantHeader(t, r, "Access-Control-Allow-Origin", "http://b")
		wantHeader(t, r, "Access-Control-Allow-Credentials", "true")
		wantHeader(t, r, "Vary", "Origin")
		r = eiotest.Get(t, s.url+handshake, "Origin", "http://c")
		sidOf(t, r)
		wantHeader(t, r, "Access-Control-Allow-Origin", "")
	})
	t.Run("one origin", func(t *testing.T) {
		s := start(t, eio.Config{CORS: &eio.CORS{Origins: []string{"https://a.example"}}})
		for origin, want := range map[string]string{
			"https://a.example":      "https://a.example",
			"https://b.example":      "",
			"https://a.example.evil": "",
			"":                       "",
		} {
			var fields []string
			if origin != "" {
				fields = []string{"Origin", origin}
			}
			for _, method := range []string{"GET", "OPTIONS"} {
				r := eiotest.Do(t, method, s.url+handshake, "", fields...)
				wantHeader(t, r, "Access-Control-Allow-Origin", want)
				if v := r.Header.Values("Vary"); len(v) == 0 || v[0] != "Origin" {
					t.Errorf("%s from %q: Vary %q", method, origin, v)
				}
			}
		}
	})
	t.Run("origins that no browser sends", func(t *testing.T) {
		for _, origins := range [][]string{{}, {""}, {"example.com"}, {"https://example.com/"}, {"https://Example.com"}, {"https://*.example.com"}, {"https://a, https://b"}} {
			_, err := eio.NewServer(eio.Config{CORS: &eio.CORS{Origins: origins}}, &echo{})
			if err == nil || !strings.Contains(err.Error(), "CORS.Origins") {
				t.Errorf("%q: %v", origins, err)
			}
		}
		for _, origins := range [][]string{nil, {"*"}, {"null"}, {"http://localhost:3000", "capacitor://localhost"}} {
			if _, err := eio.NewServer(eio.Config{CORS: &eio.CORS{Origins: origins}}, &echo{}); err != nil {
				t.Errorf("%q: %v", origins, err)
			}
		}
	})
	t.Run("AllowOrigin fails", func(t *testing.T) {
		s := start(t, eio.Config{CORS: &eio.CORS{AllowOrigin: func(string) (bool, error) { return false, errors.New("broken") }}})
		wantResponse(t, eiotest.Get(t, s.url+handshake), 400, `{"code":3,"message":"Bad request"}`)
	})
	t.Run("the cookie by default", func(t *testing.T) {
		s := start(t, eio.Config{Cookie: &eio.Cookie{}})
		r := eiotest.Get(t, s.url+handshake)
		wantHeader(t, r, "Set-Cookie", "io="+sidOf(t, r)+"; Path=/; HttpOnly; SameSite=Lax")
		wantHeader(t, eiotest.Post(t, s.url+handshake+"&sid="+sidOf(t, r), "4a"), "Set-Cookie", "")
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
		wantHeader(t, c.ReadResponse(), "Set-Cookie", "")
	})
	t.Run("the cookie with all attributes", func(t *testing.T) {
		s := start(t, eio.Config{Cookie: &eio.Cookie{
			Name: "y", NoPath: true, Domain: "d", MaxAge: time.Minute, Secure: true, Script: true, SameSite: http.SameSiteStrictMode,
		}})
		r := eiotest.Get(t, s.url+handshake)
		wantHeader(t, r, "Set-Cookie", "y="+sidOf(t, r)+"; Max-Age=60; Domain=d; Secure; SameSite=Strict")
	})
	t.Run("the cookie of a sid with other characters", func(t *testing.T) {
		s := start(t, eio.Config{Cookie: &eio.Cookie{}, GenerateID: func(*http.Request) (string, error) {
			return "a b;\r\nSet-Cookie: x=+%é", nil
		}})
		r := eiotest.Get(t, s.url+handshake)
		if got := r.Header.Values("Set-Cookie"); len(got) != 1 || got[0] != "io=a%20b%3B%0D%0ASet-Cookie%3A%20x%3D%2B%25%C3%A9; Path=/; HttpOnly; SameSite=Lax" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("credentials for all origins", func(t *testing.T) {
		s := start(t, eio.Config{CORS: &eio.CORS{Credentials: true}})
		for _, method := range []string{"GET", "OPTIONS"} {
			// Browsers send cookies to no origin that is not named.
			wantHeader(t, eiotest.Do(t, method, s.url+handshake, "", "Origin", "https://evil.example"), "Access-Control-Allow-Origin", "*")
		}
	})
	t.Run("headers of hooks stay one line", func(t *testing.T) {
		s := start(t, eio.Config{Headers: func(h http.Header, r *eio.Request) { h.Set("X-Query", r.Query()["q"]); h.Set("A: b\r\nX-Other", "c") }})
		r := eiotest.Get(t, s.url+handshake+"&q=a%0d%0aX-Other:%20b%0d%0a%0d%0abody")
		wantHeader(t, r, "X-Query", "a  X-Other: b    body")
		wantHeader(t, r, "X-Other", "")
		sidOf(t, r)
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&q=a%0d%0aX-Other:%20b"))
		r = c.ReadResponse()
		wantHeader(t, r, "X-Query", "a  X-Other: b")
		wantHeader(t, r, "X-Other", "")
	})
	t.Run("header hooks are called", func(t *testing.T) {
		var initial, all atomic.Int32
		s := start(t, eio.Config{
			InitialHeaders: func(h http.Header, _ *eio.Request) { initial.Add(1); h.Set("X-Initial", "yes") },
			Headers: func(h http.Header, r *eio.Request) {
				all.Add(1)
				h.Set("X-Target", r.Target())
			},
		})
		want := func(wantInitial, wantAll int32) {
			t.Helper()
			if i, a := initial.Load(), all.Load(); i != wantInitial || a != wantAll {
				t.Errorf("called %d and %d times, want %d and %d", i, a, wantInitial, wantAll)
			}
		}
		r := eiotest.Get(t, s.url+handshake)
		wantHeader(t, r, "X-Initial", "yes")
		want(1, 1)
		url := s.url + handshake + "&sid=" + sidOf(t, r)
		r = eiotest.Post(t, url, "4a")
		wantHeader(t, r, "X-Initial", "")
		wantHeader(t, r, "X-Target", strings.TrimPrefix(url, "http://"+s.addr))
		eiotest.Get(t, url)
		want(1, 3)
		s.probe(t, url)
		want(1, 4)
		s.webSocket(t)
		want(2, 5)
		eiotest.Get(t, s.url+"?EIO=4&transport=abc")
		eiotest.Do(t, "PUT", url, "")
		want(2, 5)
	})
}

func TestProtocol3(t *testing.T) {
	cfg := fast
	cfg.AllowEIO3 = true
	cfg.PingInterval = 25 * time.Second
	s := start(t, cfg)
	open := func(t *testing.T, s *server, query string) string {
		t.Helper()
		r := eiotest.Get(t, s.url+"?EIO=3&transport=polling"+query)
		m := regexp.MustCompile(`^(\d+):0\{"sid":"([^"]+)","upgrades":\["websocket"\],"pingInterval":\d+,"pingTimeout":\d+,"maxPayload":1000000\}$`).FindStringSubmatch(r.Body)
		if m == nil || m[1] != fmt.Sprint(len(r.Body)-len(m[1])-1) {
			t.Fatalf("handshake: %+v", r)
		}
		return s.url + "?EIO=3&transport=polling&sid=" + m[2]
	}
	for _, c := range []struct{ name, query, post, poll string }{
		{"one packet", "", "6:4hello", "6:4hello"},
		{"three packets", "", "6:4test16:4test26:4test3", "6:4test16:4test26:4test3"},
		{"base64", "&b64=1", "6:4hello10:b4AQIDBA==", "6:4hello10:b4AQIDBA=="},
		{"a binary answer", "", "6:4hello10:b4AQIDBA==", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"},
		{"lengths in UTF-16 units", "", "4:4é😀", "4:4é😀"},
		{"a ping", "", "1:2", "1:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := open(t, s, c.query)
			wantResponse(t, eiotest.Post(t, url, c.post), 200, "ok")
			r := eiotest.Get(t, url)
			wantResponse(t, r, 200, c.poll)
			wantHeader(t, r, "Content-Length", fmt.Sprint(len(c.poll)))
			want := "text/plain; charset=UTF-8"
			if c.poll[0] == 0 {
				want = "application/octet-stream"
			}
			wantHeader(t, r, "Content-Type", want)
		})
	}
	t.Run("a binary POST", func(t *testing.T) {
		url := open(t, s, "")
		body := "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"
		wantResponse(t, eiotest.Do(t, "POST", url, body, "Content-Type", "application/octet-stream"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, body)
	})
	for _, body := range []string{"abc", "1:", "2:4", ":4", "1:2x", "-1:4", ""} {
		t.Run("malformed text "+body, func(t *testing.T) {
			s := start(t, cfg)
			url := open(t, s, "")
			wantResponse(t, eiotest.Post(t, url, body), 200, "ok")
			s.wantClosed(t, eio.ParseError)
		})
	}
	for _, body := range []string{"\x00", "\x00\xff", "\x00\x01\xff", "\x00\x02\xff4\xff"} {
		t.Run(fmt.Sprintf("malformed binary %x", body), func(t *testing.T) {
			s := start(t, cfg)
			url := open(t, s, "")
			wantResponse(t, eiotest.Do(t, "POST", url, body, "Content-Type", "application/octet-stream"), 200, "ok")
			s.wantClosed(t, eio.ParseError)
		})
	}
	t.Run("a silent peer is dropped", func(t *testing.T) {
		cfg := fast
		cfg.AllowEIO3 = true
		s := start(t, cfg)
		url := open(t, s, "")
		s.wantClosed(t, eio.PingTimeout)
		wantResponse(t, eiotest.Post(t, url, "1:2"), 400, `{"code":1,"message":"Session ID unknown"}`)
	})
	t.Run("a pong is an error", func(t *testing.T) {
		s := start(t, cfg)
		url := open(t, s, "")
		wantResponse(t, eiotest.Post(t, url, "1:3"), 200, "ok")
		s.wantClosed(t, eio.TransportError)
	})
	t.Run("WebSocket", func(t *testing.T) {
		c := eiotest.Dial(t, s.addr, "/engine.io/?EIO=3&transport=websocket")
		c.Next()
		c.Text("2", "4hello")
		c.Expect("3", "4hello")
		c.Binary([]byte{4, 1, 2})
		if f := c.Next(); f.First != 0x82 || string(f.Payload) != "\x04\x01\x02" {
			t.Errorf("got %v", f)
		}
	})
	t.Run("a close packet answers the parked GET", func(t *testing.T) {
		s := start(t, cfg)
		url := open(t, s, "")
		parked := park(t, eiotest.Receive(t, s.opened), url)
		wantResponse(t, eiotest.Post(t, url, "1:1"), 200, "ok")
		wantResponse(t, eiotest.Receive(t, parked), 200, "1:6")
	})
	t.Run("JSONP", func(t *testing.T) {
		r := eiotest.Get(t, s.url+"?EIO=3&transport=polling&j=0&b64=1")
		m := regexp.MustCompile(`^___eio\[0\]\("\d+:0\{\\"sid\\":\\"([^"\\]+)\\"`).FindStringSubmatch(r.Body)
		if m == nil || !strings.HasSuffix(r.Body, `}");`) {
			t.Fatalf("handshake: %+v", r)
		}
		url := s.url + "?EIO=3&transport=polling&j=1&b64=1&sid=" + m[1]
		wireFormat := []string{"Content-Type", "application/x-www-form-urlencoded"}
		wantResponse(t, eiotest.Do(t, "POST", url, "x=1", wireFormat...), 200, "ok")
		wantResponse(t, eiotest.Do(t, "POST", url, "d=1&d=2", wireFormat...), 200, "ok")
		wantResponse(t, eiotest.Do(t, "POST", url, `d=6:4a%5Cnb%5C%5Cn`, wireFormat...), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, `___eio[0]("6:4a\nb\\n");`)
	})
	t.Run("JSONP in protocol 4", func(t *testing.T) {
		r := eiotest.Get(t, s.url+handshake+"&j=3")
		if !strings.HasPrefix(r.Body, `___eio[3]("0{\"sid\":`) {
			t.Errorf("got %q", r.Body)
		}
	})
	t.Run("another protocol than the session has", func(t *testing.T) {
		url := s.polling(t)
		wantResponse(t, eiotest.Get(t, strings.Replace(url, "EIO=4", "EIO=3", 1)), 400, `{"code":3,"message":"Bad request"}`)
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
	})
	t.Run("base64 over WebSocket", func(t *testing.T) {
		for protocol, want := range map[string]string{"4": "bAQID", "3": "b4AQID"} {
			c := eiotest.Dial(t, s.addr, "/engine.io/?transport=websocket&b64=1&EIO="+protocol)
			c.Next()
			payload := []byte{1, 2, 3}
			if protocol == "3" {
				payload = append([]byte{4}, payload...)
			}
			c.Binary(payload)
			c.Expect(want)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		for range 8 {
			s := start(t, cfg)
			url := open(t, s, "")
			parked := park(t, eiotest.Receive(t, s.opened), url)
			c := s.probe(t, url)
			c.Text("2probe")
			c.Expect("3probe")
			wantResponse(t, eiotest.Receive(t, parked), 200, "1:6")
			c.Text("5", "4hello")
			c.Expect("4hello")
		}
	})
}

func TestSlowRequests(t *testing.T) {
	s := start(t, eio.Config{RequestTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond})
	t.Run("nothing", func(t *testing.T) {
		eiotest.DialTCP(t, s.addr).ExpectEOF()
	})
	t.Run("half a head", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET / HTTP/1.1\r\nHost:")
		wantResponse(t, c.ReadResponse(), 408, "")
		c.ExpectEOF()
	})
	t.Run("half a body", func(t *testing.T) {
		s := start(t, eio.Config{RequestTimeout: 50 * time.Millisecond})
		url := s.polling(t)
		c := beginPost(t, s, url)
		wantResponse(t, c.ReadResponse(), 408, "")
		c.ExpectEOF()
		s.wantClosed(t, eio.TransportError)
	})
	t.Run("idle", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantResponse(t, c.ReadResponse(), 404, "404 page not found\n")
		c.ExpectEOF()
	})
}

func TestRefusedHTTP(t *testing.T) {
	s := start(t, eio.Config{})
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"both lengths":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		"two lengths":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
		"bad chunk":      {"POST /engine.io/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"folded":         {"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
		"no host":        {"GET / HTTP/1.1\r\n\r\n", 400},
		"large head":     {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n", 431},
		"other coding":   {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"version":        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		"not HTTP":       {"\x16\x03\x01\x02\x00", 400},
		"large announce": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413},
	} {
		t.Run(name, func(t *testing.T) {
			conn := eiotest.DialTCP(t, s.addr)
			conn.WriteString(c.request)
			if r := conn.ReadResponse(); r.Status != c.status {
				t.Errorf("got %+v, want %d", r, c.status)
			}
		})
	}
	t.Run("HTTP/1.0", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET /engine.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n")
		sidOf(t, c.ReadResponse())
		c.ExpectEOF()
	})
}

// TestUnreadBody: a body that is not read must not be taken for the next
// request.
func TestUnreadBody(t *testing.T) {
	inner := "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, head := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(inner), inner),
		"chunked": fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(inner), inner),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, eio.Config{Fallback: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				t.Errorf("the body was served as a request for %s", r.URL)
			})})
			url := s.polling(t)
			on(t, eiotest.Receive(t, s.opened), func() {})
			for _, target := range []string{"/engine.io/" + handshake, strings.TrimPrefix(url, "http://"+s.addr)} {
				c := eiotest.DialTCP(t, s.addr)
				c.WriteString("GET " + target + " HTTP/1.1\r\nHost: a\r\n" + head)
				if strings.Contains(target, "sid") {
					wantResponse(t, eiotest.Post(t, url, "4a"), 200, "ok")
				}
				if r := c.ReadResponse(); r.Status != 200 {
					t.Errorf("got %+v", r)
				}
				c.ExpectEOF()
			}
		})
	}
}

// TestPipelinesTooMuch: a handler whose connection is given up finds its
// context done.
func TestPipelinesTooMuch(t *testing.T) {
	ended := make(chan struct{}, 1)
	s := start(t, eio.Config{Static: map[string]http.Handler{"file": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended <- struct{}{}
	})}})
	flood := strings.Repeat("x", 200_000)
	c := eiotest.DialTCP(t, s.addr)
	c.Write([]byte("GET /engine.io/file HTTP/1.1\r\nHost: a\r\n\r\n" + flood)) // may fail in the middle
	eiotest.Receive(t, ended)

	url := s.polling(t)
	c = eiotest.DialTCP(t, s.addr)
	c.Write([]byte("GET " + strings.TrimPrefix(url, "http://"+s.addr) + " HTTP/1.1\r\nHost: a\r\n\r\n" + flood))
	s.wantClosed(t, eio.TransportError)
}

// TestShortInterval: pings come in time also when a pong may take longer than
// the interval.
func TestShortInterval(t *testing.T) {
	s := start(t, eio.Config{PingInterval: 20 * time.Millisecond, PingTimeout: 20 * time.Second})
	c := s.webSocket(t)
	for range 5 { // the second would come after 20 s
		c.Expect("2")
		c.Text("3")
	}
}

// TestMaxSessions bounds what one connection can open.
func TestMaxSessions(t *testing.T) {
	s := start(t, eio.Config{MaxSessions: 2})
	s.polling(t)
	url := s.polling(t)
	if r := eiotest.Get(t, s.url+handshake); r.Status != 503 {
		t.Errorf("got %+v", r)
	}
	wantResponse(t, eiotest.Post(t, url, "1"), 200, "ok")
	s.polling(t)
}

// TestPingFlood: a peer that does not read gets no more pongs than those of the
// read in which it was found to be blocked, and its session survives.
func TestPingFlood(t *testing.T) {
	u := &counter{}
	srv, err := eio.NewServer(eio.Config{}, u)
	if err != nil {
		t.Fatal(err)
	}
	loops := looptest.New(t)
	c := loops.Connect(srv.Accept)
	c.Feed([]byte(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")))
	loops.Run()
	c.Sent()
	c.Block()
	const n = 10_000
	pings := []byte(strings.Repeat("\x89\x80\x00\x00\x00\x00", n))
	for range 20 {
		c.Feed(pings)
		loops.Run()
		if got := c.Conn().Queued(); got != 2*n {
			t.Fatalf("%d bytes of pongs are queued, want %d", got, 2*n)
		}
	}
	c.Unblock()
	loops.Run()
	if got := string(c.Sent()); got != strings.Repeat("\x8a\x00", n) {
		t.Errorf("the peer gets %d bytes, want %d pongs", len(got), n)
	}
	c.Feed(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("4done")))
	if u.messages != 1 || c.Closed() {
		t.Errorf("%d messages have come, closed %t", u.messages, c.Closed())
	}
}
