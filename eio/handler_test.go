package eio_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// mounted is an engine inside a net/http server.
type mounted struct {
	*echo
	srv    *eio.Server
	engine *loop.Engine
	http   *httptest.Server
	url    string
}

func mount(t *testing.T, startHTTP func(*httptest.Server), forwarding ...*eio.Forwarding) *mounted {
	t.Helper()
	cfg := eio.Config{MaxHTTPBufferSize: 1000}
	if len(forwarding) > 0 {
		cfg.Forwarding = forwarding[0]
	}
	return mountWith(t, startHTTP, cfg)
}

func mountWith(t *testing.T, startHTTP func(*httptest.Server), cfg eio.Config) *mounted {
	t.Helper()
	up := &echo{opened: make(chan *eio.Session, 100), closed: make(chan closing, 100)}
	cfg.Logger = slog.New(slog.DiscardHandler)
	srv, err := eio.NewServer(cfg, up)
	if err != nil {
		t.Fatal(err)
	}
	engine := listen.Loopback(t, srv, loop.Config{Loops: 2})
	mux := http.NewServeMux()
	handler := srv.Handler(engine)
	mux.HandleFunc("/engine.io/", func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 { // as if the server's WriteTimeout were over, which polls outlive
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Error(err)
			}
		}
		handler.ServeHTTP(w, r)
	})
	if cfg.Fallback != nil {
		mux.Handle("/", handler)
	} else {
		mux.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "other") })
	}
	h := httptest.NewUnstartedServer(mux)
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	startHTTP(h)
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return &mounted{up, srv, engine, h, h.URL + "/engine.io/"}
}

func (m *mounted) do(t *testing.T, method, url, body string) eiotest.Response {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.http.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return eiotest.Response{Status: r.StatusCode, Header: r.Header, Body: string(b)}
}

func TestHandler(t *testing.T) {
	for name, startHTTP := range map[string]func(*httptest.Server){
		"HTTP":   (*httptest.Server).Start,
		"HTTPS":  (*httptest.Server).StartTLS,
		"HTTP/2": func(h *httptest.Server) { h.EnableHTTP2 = true; h.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			m := mount(t, startHTTP)
			wantResponse(t, m.do(t, "GET", m.http.URL+"/other", ""), 200, "other")
			for range 4 { // on both loops
				r := m.do(t, "GET", m.url+handshake, "")
				wantHeader(t, r, "Content-Type", "text/plain; charset=UTF-8")
				url := m.url + handshake + "&sid=" + sidOf(t, r)
				x := eiotest.Receive(t, m.opened)
				if secure := x.Request().Secure(); secure != (name != "HTTP") {
					t.Errorf("secure is %v", secure)
				}
				parked := make(chan eiotest.Response, 1)
				go func() { parked <- m.do(t, "GET", url, "") }()
				eventuallyOn(t, x, "a GET is parked", x.Writable)
				wantResponse(t, m.do(t, "POST", url, "4hello"), 200, "ok")
				wantResponse(t, eiotest.Receive(t, parked), 200, "4hello")
				wantResponse(t, m.do(t, "POST", url, "4"+strings.Repeat("x", 1000)), 413, "")
				wantResponse(t, m.do(t, "POST", url, "1"), 200, "ok")
				wantResponse(t, m.do(t, "GET", url, ""), 400, `{"code":1,"message":"Session ID unknown"}`)
			}
			wantResponse(t, m.do(t, "GET", m.url+"?EIO=4&transport=abc", ""), 400, `{"code":0,"message":"Transport unknown"}`)
		})
	}
}

func TestHandlerWebSocket(t *testing.T) {
	t.Run("TCP", func(t *testing.T) {
		m := mount(t, (*httptest.Server).Start)
		addr := m.http.Listener.Addr().String()
		c := eiotest.Dial(t, addr, "/engine.io/?EIO=4&transport=websocket")
		c.Next()
		c.Text("4hello")
		c.Expect("4hello")
		for range 4 { // an upgrade, on both loops
			sid := sidOf(t, m.do(t, "GET", m.url+handshake, ""))
			c := eiotest.Dial(t, addr, "/engine.io/?EIO=4&transport=websocket&sid="+sid)
			c.Text("2probe")
			c.Expect("3probe")
			c.Text("5", "4hello")
			c.Expect("4hello")
		}
	})
	t.Run("TLS", func(t *testing.T) {
		m := mount(t, (*httptest.Server).StartTLS)
		conn, err := tls.Dial("tcp", m.http.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		c := eiotest.NewConn(t, conn)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
		if r := c.ReadResponse(); r.Status != 101 {
			t.Fatalf("got %+v", r)
		}
		c.Next()
		big := "4" + strings.Repeat("x", 900)
		c.Text("4hello", big)
		c.Expect("4hello", big)
		if x := eiotest.Receive(t, m.opened); x.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Errorf("remote address %v, want %v", x.RemoteAddr(), conn.LocalAddr())
		}
		conn.Close()
		if got := eiotest.Receive(t, m.closed); got.reason != eio.TransportClose {
			t.Errorf("closed with %v", got)
		}
	})
}

func TestHandlerAborted(t *testing.T) {
	m := mount(t, (*httptest.Server).Start)
	addr := m.http.Listener.Addr().String()
	t.Run("a GET is aborted", func(t *testing.T) {
		sid := sidOf(t, m.do(t, "GET", m.url+handshake, ""))
		x := eiotest.Receive(t, m.opened)
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET /engine.io/"+handshake+"&sid="+sid+" HTTP/1.1\r\nHost: a\r\n\r\n")
		eventuallyOn(t, x, "a GET is parked", x.Writable)
		conn.Close()
		if got := eiotest.Receive(t, m.closed); got.reason != eio.TransportError {
			t.Errorf("closed with %v", got)
		}
	})
	t.Run("a POST is aborted", func(t *testing.T) {
		sid := sidOf(t, m.do(t, "GET", m.url+handshake, ""))
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST /engine.io/"+handshake+"&sid="+sid+" HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4ab")
		conn.(*net.TCPConn).CloseWrite()
		if got := eiotest.Receive(t, m.closed); got.reason != eio.TransportError {
			t.Errorf("closed with %v", got)
		}
		_, _ = bufio.NewReader(conn).ReadByte()
		conn.Close()
	})
}

// TestHandlerKeepsConnections: only a WebSocket handshake takes a connection
// out of net/http, and a body that does not come delays nothing.
func TestHandlerKeepsConnections(t *testing.T) {
	m := mount(t, (*httptest.Server).Start)
	addr := m.http.Listener.Addr().String()
	c := eiotest.DialTCP(t, addr)
	c.WriteString("GET /engine.io/" + handshake + " HTTP/1.1\r\nHost: a\r\nUpgrade: foo\r\n\r\n")
	sidOf(t, c.ReadResponse())
	c.WriteString("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
	wantResponse(t, c.ReadResponse(), 200, "other")

	c = eiotest.DialTCP(t, addr)
	c.WriteString("POST /engine.io/" + handshake + "&sid=nope HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
	wantResponse(t, c.ReadResponse(), 400, `{"code":1,"message":"Session ID unknown"}`)
}
