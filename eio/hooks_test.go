package eio_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// callbacks are an application whose functions do something once when asked to.
type callbacks struct {
	name atomic.Pointer[string] // of the function that does it next
	do   func()
}

func (c *callbacks) called(name string) {
	if next := c.name.Load(); next != nil && *next == name && c.name.CompareAndSwap(next, nil) {
		c.do()
	}
}

func (c *callbacks) arm(name string) { c.name.Store(&name) }

func (c *callbacks) config() eio.Config {
	headers := func(name string) func(http.Header, *eio.Request) {
		return func(header http.Header, _ *eio.Request) {
			header.Set("X-Half", "done")
			c.called(name)
			header.Del("X-Half")
			header.Set("X-"+name, "1")
		}
	}
	handler := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c.called(name)
			w.Write([]byte(name))
		})
	}
	return eio.Config{
		AllowRequest: func(*http.Request) error {
			c.called("AllowRequest")
			return nil
		},
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.called("Middleware")
				next.ServeHTTP(w, r)
			})
		}},
		CORS: &eio.CORS{AllowOrigin: func(string) (bool, error) {
			c.called("AllowOrigin")
			return true, nil
		}},
		InitialHeaders:    headers("InitialHeaders"),
		Headers:           headers("Headers"),
		OnConnectionError: func(*eio.ConnectionError) { c.called("OnConnectionError") },
		OnUpgrade:         func(*eio.Session) { c.called("OnUpgrade") },
		Static:            map[string]http.Handler{"client.js": handler("Static")},
		Fallback:          handler("Fallback"),
	}
}

// endings are the ways in which a function can fail.
var endings = map[string]func(){
	"panic":  func() { panic("the application's own fault") },
	"Goexit": runtime.Goexit,
}

// TestCallbacksEnd has each function of Config end in each way. The request is
// answered, nothing is lost, and the server goes on as before.
func TestCallbacksEnd(t *testing.T) {
	bad := `{"code":3,"message":"Bad request"}`
	for _, c := range []struct {
		name  string
		fails func(t *testing.T, s *server, fail func())
	}{
		{"AllowRequest", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+handshake), 400, bad)
		}},
		{"GenerateID", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+handshake), 400, bad)
		}},
		{"Middleware", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+handshake), 400, bad)
		}},
		{"AllowOrigin", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+handshake, "Origin", "https://a.example"), 400, bad)
		}},
		{"OnConnectionError", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+handshake+"&sid=nope"), 400, `{"code":1,"message":"Session ID unknown"}`)
		}},
		{"Static", func(t *testing.T, s *server, fail func()) {
			fail()
			wantResponse(t, eiotest.Get(t, s.url+"client.js"), 500, "")
		}},
		{"Fallback", func(t *testing.T, s *server, fail func()) {
			fail()
			c := eiotest.DialTCP(t, s.addr)
			c.WriteString("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
			c.ExpectEOF() // as net/http does
		}},
		{"InitialHeaders", func(t *testing.T, s *server, fail func()) {
			fail()
			r := eiotest.Get(t, s.url+handshake)
			wantHeader(t, r, "X-Half", "")
			wantHeader(t, r, "X-Headers", "1")
			s.wantEcho(t, s.url+handshake+"&sid="+sidOf(t, r))
		}},
		{"Headers", func(t *testing.T, s *server, fail func()) {
			fail()
			r := eiotest.Get(t, s.url+handshake)
			wantHeader(t, r, "X-Half", "")
			wantHeader(t, r, "X-InitialHeaders", "1")
			s.wantEcho(t, s.url+handshake+"&sid="+sidOf(t, r))
		}},
		{"Headers", func(t *testing.T, s *server, fail func()) { // of a POST
			url := s.polling(t)
			fail()
			s.wantEcho(t, url)
		}},
		{"Headers", func(t *testing.T, s *server, fail func()) { // of a parked GET
			url := s.polling(t)
			x := s.latest(t)
			parked := eiotest.GoGet(url)
			eventuallyOn(t, x, "a GET is parked", x.Writable)
			fail()
			x.Loop().PostFunc(func() { send(x, "first", false); send(x, "second", false) })
			wantResponse(t, eiotest.Receive(t, parked), 200, "4first\x1e4second")
			s.wantEcho(t, url)
		}},
		{"Headers", func(t *testing.T, s *server, fail func()) { // of an upgrade
			fail()
			c := s.webSocket(t)
			c.Text("4hello")
			c.Expect("4hello")
			c.Text("1")
		}},
		{"OnUpgrade", func(t *testing.T, s *server, fail func()) {
			c := s.probe(t, s.polling(t))
			c.Text("2probe")
			c.Expect("3probe")
			fail()
			c.Text("5", "4hello")
			c.Expect("4hello")
			c.Text("1")
		}},
	} {
		for ending, do := range endings {
			t.Run(c.name+"/"+ending, func(t *testing.T) {
				app := &callbacks{do: do}
				cfg := app.config()
				if c.name == "GenerateID" {
					cfg.GenerateID = func(*http.Request) (string, error) {
						app.called("GenerateID")
						return time.Now().String(), nil
					}
				}
				s := start(t, cfg)
				before := s.CallbackFailures()
				c.fails(t, s, func() { app.arm(c.name) })
				if n := s.CallbackFailures() - before; n != 1 {
					t.Errorf("%d failures counted, want 1", n)
				}
				if cfg.GenerateID == nil {
					for range 4 { // on both loops
						s.wantEcho(t, s.polling(t))
					}
				}
				eiotest.Eventually(t, "each client has closed its session", func() bool { return s.ClientsCount() == 0 })
			})
		}
	}
}

// wantEcho has the session at url echo a message, and closes it.
func (s *server) wantEcho(t *testing.T, url string) {
	t.Helper()
	wantResponse(t, eiotest.Post(t, url, "4hello"), 200, "ok")
	wantResponse(t, eiotest.Get(t, url), 200, "4hello")
	wantResponse(t, eiotest.Post(t, url, "1"), 200, "ok")
}

// latest is the session that was opened last.
func (s *server) latest(t *testing.T) *eio.Session {
	t.Helper()
	x := eiotest.Receive(t, s.opened)
	for len(s.opened) > 0 {
		x = <-s.opened
	}
	return x
}

// TestCallbacksBlock has each function that may block do so: only its own
// request waits, and is answered afterwards. When its peer leaves, nothing
// stays.
func TestCallbacksBlock(t *testing.T) {
	for name, target := range map[string]string{
		"AllowRequest": "/engine.io/" + handshake,
		"Middleware":   "/engine.io/" + handshake,
		"Static":       "/engine.io/client.js",
		"Fallback":     "/other",
	} {
		t.Run(name, func(t *testing.T) {
			entered, leave := make(chan struct{}), make(chan struct{})
			app := &callbacks{do: func() {
				entered <- struct{}{}
				<-leave
			}}
			s := start(t, app.config())
			app.arm(name)
			waits := eiotest.GoGet("http://" + s.addr + target)
			eiotest.Receive(t, entered)
			for range 4 {
				s.wantEcho(t, s.polling(t))
			}
			leave <- struct{}{}
			if r := eiotest.Receive(t, waits); r.Status != 200 {
				t.Errorf("got %+v", r)
			}
			app.arm(name)
			c := eiotest.DialTCP(t, s.addr)
			c.WriteString("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
			eiotest.Receive(t, entered)
			c.Close()
			leave <- struct{}{}
			s.wantEcho(t, s.polling(t))
		})
	}
}

// TestMaxCallbacks: functions that do not return hold their places and no more.
// What waits ends with its connection, or has its turn in order.
func TestMaxCallbacks(t *testing.T) {
	entered, leave := make(chan string, 200), make(chan struct{})
	s := start(t, eio.Config{MaxCallbacks: 2, Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- r.URL.Path
		<-leave
	})})
	ask := func(path string) *eiotest.Conn {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		return c
	}
	var blocked []*eiotest.Conn
	for range 2 {
		blocked = append(blocked, ask("/blocked"))
		eiotest.Receive(t, entered)
	}
	goroutines := runtime.NumGoroutine()
	for range 100 { // which come and go
		ask("/gone").Close()
	}
	var waiting []*eiotest.Conn
	for _, path := range []string{"/1", "/2", "/3"} {
		waiting = append(waiting, ask(path))
	}
	if n := runtime.NumGoroutine(); n > goroutines+50 {
		t.Errorf("%d goroutines were %d", n, goroutines)
	}
	blocked[0].Close() // its function does not care, and keeps its place
	seen := make(map[string]int)
	for len(seen) < 3 {
		leave <- struct{}{}
		if path := eiotest.Receive(t, entered); path != "/gone" { // one of which the end is not known yet
			seen[path]++
		}
	}
	close(leave)
	for _, c := range waiting {
		if r := c.ReadResponse(); r.Status != 200 {
			t.Errorf("got %+v", r)
		}
	}
	if seen["/1"] != 1 || seen["/2"] != 1 || seen["/3"] != 1 {
		t.Errorf("called for %v", seen)
	}
}

// TestMiddlewareTimesOut: http.TimeoutHandler answers while the rest of the
// chain still runs, and the request is let through too late.
func TestMiddlewareTimesOut(t *testing.T) {
	late := make(chan struct{})
	over := make(chan struct{}, 1)
	s := start(t, eio.Config{Middleware: []func(http.Handler) http.Handler{
		func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Millisecond, "too late") },
		func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-late
				next.ServeHTTP(w, r)
				over <- struct{}{}
			})
		},
	}})
	wantResponse(t, eiotest.Get(t, s.url+handshake), 503, "too late")
	close(late)
	eiotest.Receive(t, over)
	if n := s.ClientsCount(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestMiddlewareTimesOutAtTheSameMoment: the request is let through when it is
// given up. Each gets one answer, and there are as many sessions as it
// promises.
func TestMiddlewareTimesOutAtTheSameMoment(t *testing.T) {
	const patience = 20 * time.Millisecond
	s := start(t, eio.Config{Middleware: []func(http.Handler) http.Handler{
		func(next http.Handler) http.Handler { return http.TimeoutHandler(next, patience, "too late") },
		func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(patience)
				w.Header().Set("X-Late", "1")
				next.ServeHTTP(w, r)
			})
		},
	}})
	var opened, refused atomic.Int64
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() {
			switch r := eiotest.Get(t, s.url+handshake); r.Status {
			case 200:
				opened.Add(1)
			case 503:
				refused.Add(1)
			default:
				t.Errorf("%+v", r)
			}
		})
	}
	asking.Wait()
	if n := int64(s.ClientsCount()); n != opened.Load() || n+refused.Load() != 50 {
		t.Errorf("%d sessions, %d answers that say so, %d refusals", n, opened.Load(), refused.Load())
	}
}

// failingDirectory is a directory whose Lookup fails.
type failingDirectory struct{ fail func() }

func (failingDirectory) Node() uint32 { return 1 }

func (d failingDirectory) Lookup(context.Context, uint32) (string, bool) {
	d.fail()
	return "", false
}

func TestLookupEnds(t *testing.T) {
	for ending, do := range endings {
		t.Run(ending, func(t *testing.T) {
			s := start(t, eio.Config{Forwarding: &eio.Forwarding{Directory: failingDirectory{do}}})
			// The sid of node 0: sids are base64url, all zeroes here.
			sid := strings.Repeat("A", 20)
			wantResponse(t, eiotest.Get(t, s.url+handshake+"&sid="+sid), 502, `{"code":3,"message":"The session's node does not answer"}`)
			c := eiotest.DialTCP(t, s.addr)
			c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=" + sid))
			wantResponse(t, c.ReadResponse(), 400, "The session's node does not answer")
			if n, failed := s.CallbackFailures(), s.ForwardStats().Failed; n != 2 || failed != 2 {
				t.Errorf("%d failures of callbacks, %d of forwarding, want 2", n, failed)
			}
		})
	}
}
