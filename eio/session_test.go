package eio_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// on runs f on the session's loop and waits for it.
func on(t *testing.T, s *eio.Session, f func()) {
	t.Helper()
	done := make(chan struct{})
	s.Loop().PostFunc(func() { f(); close(done) })
	eiotest.Receive(t, done)
}

// park sends a GET and returns once the server has parked it.
func park(t *testing.T, s *eio.Session, url string) <-chan eiotest.Response {
	t.Helper()
	response := eiotest.GoGet(url)
	eventuallyOn(t, s, "a GET is parked", s.Writable)
	return response
}

func TestPolling(t *testing.T) {
	s := start(t, eio.Config{MaxHTTPBufferSize: 1000})
	for _, c := range []struct{ name, body string }{
		{"a message", "4hello"},
		{"three messages", "4test1\x1e4test2\x1e4test3"},
		{"text and binary", "4hello\x1ebAQIDBA=="},
		{"a chunked body within the limit", strings.Repeat("4", 1000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := s.polling(t)
			r := eiotest.Post(t, url, c.body)
			wantResponse(t, r, 200, "ok")
			wantHeader(t, r, "Content-Type", "text/html")
			wantHeader(t, r, "Content-Length", "2")
			wantHeader(t, r, "Cache-Control", "no-store")
			wantResponse(t, eiotest.Get(t, url), 200, c.body)
		})
	}
	for _, c := range []struct {
		name, body string
		reason     eio.Reason
		delivered  []string
	}{
		{"not a packet", "abc", eio.ParseError, nil},
		{"empty body", "", eio.ParseError, nil},
		{"a separator at the end", "4a\x1e", eio.ParseError, []string{"a"}},
		{"a separator at the start", "\x1e4a", eio.ParseError, nil},
		{"unknown type", "7", eio.ParseError, nil},
		{"ping", "2", eio.TransportError, nil},
		{"ping with a probe", "2probe", eio.TransportError, nil},
		{"a message after a close packet", "1\x1e4x", eio.TransportClose, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, eio.Config{})
			url := s.polling(t)
			wantResponse(t, eiotest.Post(t, url, c.body), 200, "ok")
			s.wantClosed(t, c.reason)
			s.wantGone(t, url)
			if got := s.received(); !slices.Equal(got, c.delivered) {
				t.Errorf("delivered %q, want %q", got, c.delivered)
			}
		})
	}
	t.Run("packets that mean nothing from a client", func(t *testing.T) {
		url := s.polling(t)
		for _, body := range []string{"3", "0", "5", "6", "3x\x1e3\x1e3"} {
			wantResponse(t, eiotest.Post(t, url, body), 200, "ok")
		}
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4alive")
	})
	t.Run("another transport than the session has", func(t *testing.T) {
		url := s.polling(t)
		r := eiotest.Get(t, strings.Replace(url, "transport=polling", "transport=websocket", 1))
		wantResponse(t, r, 400, `{"code":3,"message":"Bad request"}`)
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
	})
	t.Run("another method", func(t *testing.T) {
		url := s.polling(t)
		wantResponse(t, eiotest.Do(t, "PUT", url, ""), 500, "")
		wantResponse(t, eiotest.Do(t, "DELETE", url, ""), 500, "")
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
	})
	t.Run("a binary content type", func(t *testing.T) {
		s := start(t, eio.Config{})
		url := s.polling(t)
		for _, kind := range []string{"application/octet-stream; charset=x", "APPLICATION/OCTET-STREAM"} {
			wantResponse(t, eiotest.Do(t, "POST", url, "4a", "Content-Type", kind), 200, "ok")
		}
		wantResponse(t, eiotest.Do(t, "POST", url, "4a", "Content-Type", "application/octet-stream"), 400, "")
		s.wantClosed(t, eio.TransportError)
		s.wantGone(t, url)
	})
	t.Run("the largest body", func(t *testing.T) {
		url := s.polling(t)
		wantResponse(t, eiotest.Post(t, url, "4"+strings.Repeat("x", 1000)), 413, "")
		wantResponse(t, eiotest.Post(t, url, "4"+strings.Repeat("y", 999)), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4"+strings.Repeat("y", 999))
	})
	t.Run("a chunked body beyond the limit", func(t *testing.T) {
		url := s.polling(t)
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("POST " + strings.TrimPrefix(url, "http://"+s.addr) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"258\r\n4" + strings.Repeat("x", 599) + "\r\n258\r\n")
		wantResponse(t, c.ReadResponse(), 413, "")
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4alive")
	})
	t.Run("a body that is not UTF-8", func(t *testing.T) {
		url := s.polling(t)
		wantResponse(t, eiotest.Post(t, url, "4a\xffb"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4a\ufffdb")
	})
	t.Run("base64 that is none", func(t *testing.T) {
		url := s.polling(t)
		wantResponse(t, eiotest.Post(t, url, "b!!!"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "b")
	})
	t.Run("packets share an answer", func(t *testing.T) {
		s := start(t, eio.Config{}, func(x *eio.Session) {
			for _, m := range []string{"1", "2", "3"} {
				send(x, m, false)
			}
		})
		wantResponse(t, eiotest.Get(t, s.polling(t)), 200, "41\x1e42\x1e43")
	})
	t.Run("send with a parked GET", func(t *testing.T) {
		s := start(t, eio.Config{})
		url := s.polling(t)
		x := eiotest.Receive(t, s.opened)
		response := park(t, x, url)
		on(t, x, func() { send(x, "a", false); send(x, "b", true) })
		wantResponse(t, eiotest.Receive(t, response), 200, "4a\x1ebYg==")
	})
}

func TestPollingBroken(t *testing.T) {
	open := func(t *testing.T) (*server, *eio.Session, string) {
		s := start(t, eio.Config{})
		url := s.polling(t)
		return s, eiotest.Receive(t, s.opened), url
	}
	t.Run("a second GET", func(t *testing.T) {
		s, x, url := open(t)
		first := park(t, x, url)
		wantResponse(t, eiotest.Get(t, url), 400, "")
		wantResponse(t, eiotest.Receive(t, first), 200, "1")
		s.wantClosed(t, eio.TransportError)
		s.wantGone(t, url)
	})
	t.Run("a second POST", func(t *testing.T) {
		s, _, url := open(t)
		c := beginPost(t, s, url)
		wantResponse(t, eiotest.Post(t, url, "4b"), 400, "")
		c.ExpectEOF()
		s.wantClosed(t, eio.TransportError)
		s.wantGone(t, url)
	})
	t.Run("an aborted GET", func(t *testing.T) {
		s, x, url := open(t)
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET " + strings.TrimPrefix(url, "http://"+s.addr) + " HTTP/1.1\r\nHost: a\r\n\r\n")
		eventuallyOn(t, x, "a GET is parked", x.Writable)
		c.Close()
		s.wantClosed(t, eio.TransportError)
		s.wantGone(t, url)
	})
	t.Run("an aborted POST", func(t *testing.T) {
		s, _, url := open(t)
		beginPost(t, s, url).Close()
		s.wantClosed(t, eio.TransportError)
		s.wantGone(t, url)
	})
	t.Run("a close packet", func(t *testing.T) {
		s, x, url := open(t)
		parked := park(t, x, url)
		wantResponse(t, eiotest.Post(t, url, "1"), 200, "ok")
		wantResponse(t, eiotest.Receive(t, parked), 200, "6")
		s.wantClosed(t, eio.TransportClose)
		s.wantGone(t, url)
	})
}

// eventuallyOn waits until cond holds on the session's loop.
func eventuallyOn(t *testing.T, s *eio.Session, what string, cond func() bool) {
	t.Helper()
	eiotest.Eventually(t, what, func() (ok bool) {
		on(t, s, func() { ok = cond() })
		return ok
	})
}

// beginPost sends a POST up to the middle of its body and returns once the
// server reads it, which the answer to Expect shows.
func beginPost(t *testing.T, s *server, url string) *eiotest.Conn {
	t.Helper()
	c := eiotest.DialTCP(t, s.addr)
	c.WriteString("POST " + strings.TrimPrefix(url, "http://"+s.addr) +
		" HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if r := c.ReadResponse(); r.Status != 100 {
		t.Fatalf("got %+v, want 100", r)
	}
	c.WriteString("4ab")
	return c
}

func TestWebSocket(t *testing.T) {
	s := start(t, eio.Config{MaxHTTPBufferSize: 1000})
	t.Run("messages", func(t *testing.T) {
		c := s.webSocket(t)
		c.Text("4hello", "0", "3", "5", "6")
		c.Expect("4hello")
		c.Binary([]byte{1, 2, 3, 4})
		if f := c.Next(); f.First != 0x82 || string(f.Payload) != "\x01\x02\x03\x04" {
			t.Errorf("got %v", f)
		}
		c.WriteFrame(eiotest.OpText, []byte("4"))
		c.WriteFrame(0x80|eiotest.OpPing, []byte("are you there"))
		c.WriteFrame(0x80|eiotest.OpContinuation, []byte("0"))
		if f := c.Next(); f.First != 0x8a || string(f.Payload) != "are you there" {
			t.Errorf("got %v", f)
		}
		c.Expect("40")
	})
	for _, c := range []struct {
		name   string
		frame  []byte
		status uint16
		reason eio.Reason
	}{
		{"not a packet", eiotest.AppendFrame(nil, 0x81, []byte("abc")), 0, eio.ParseError},
		{"empty frame", eiotest.AppendFrame(nil, 0x81, nil), 0, eio.ParseError},
		{"ping", eiotest.AppendFrame(nil, 0x81, []byte("2")), 0, eio.TransportError},
		{"close packet", eiotest.AppendFrame(nil, 0x81, []byte("1")), 0, eio.TransportClose},
		{"a message beyond the limit", eiotest.AppendFrame(nil, 0x82, make([]byte, 1001)), 1009, eio.TransportError},
		{"unmasked", []byte{0x81, 1, '4'}, 1002, eio.TransportError},
		{"RSV1", eiotest.AppendFrame(nil, 0xc1, []byte("4")), 1002, eio.TransportError},
		{"reserved opcode", eiotest.AppendFrame(nil, 0x83, []byte("4")), 1002, eio.TransportError},
		{"a continuation of nothing", eiotest.AppendFrame(nil, 0x80, []byte("4")), 1002, eio.TransportError},
		{"text that is not UTF-8", eiotest.AppendFrame(nil, 0x81, []byte("4\xff")), 1007, eio.TransportError},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, eio.Config{MaxHTTPBufferSize: 1000})
			conn := s.webSocket(t)
			conn.WriteString(string(c.frame))
			conn.ExpectClose(c.status)
			s.wantClosed(t, c.reason)
		})
	}
	t.Run("a message as large as the limit", func(t *testing.T) {
		c := s.webSocket(t)
		c.Binary(make([]byte, 1000))
		if f := c.Next(); len(f.Payload) != 1000 {
			t.Errorf("got %v", f)
		}
	})
	t.Run("the peer ends the connection", func(t *testing.T) {
		s := start(t, eio.Config{})
		c := s.webSocket(t)
		c.WriteFrame(0x88, []byte{3, 0xe8})
		if f := c.Next(); f.String() != `close 1000 ""` {
			t.Errorf("got %v", f)
		}
		c.ExpectEOF()
		s.wantClosed(t, eio.TransportClose)
		s.webSocket(t).Close()
		s.wantClosed(t, eio.TransportClose)
		c = s.webSocket(t)
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
		s.wantClosed(t, eio.TransportClose)
		if n := s.ClientsCount(); n != 0 {
			t.Errorf("%d clients", n)
		}
	})
}

func TestUpgrade(t *testing.T) {
	open := func(t *testing.T) (*server, *eio.Session, string) {
		s := start(t, eio.Config{UpgradeTimeout: 300 * time.Millisecond})
		url := s.polling(t)
		return s, eiotest.Receive(t, s.opened), url
	}
	t.Run("success", func(t *testing.T) {
		for range 8 { // on the session's loop and on the other one
			s, x, url := open(t)
			parked := park(t, x, url)
			c := s.probe(t, url)
			c.Text("2probe")
			c.Expect("3probe")
			wantResponse(t, eiotest.Receive(t, parked), 200, "6")
			c.Text("5", "4hello")
			c.Expect("4hello")
			wantResponse(t, eiotest.Get(t, url), 400, `{"code":3,"message":"Bad request"}`)
			s.probe(t, url).ExpectClose(0)
			c.Text("4still here")
			c.Expect("4still here")
		}
	})
	t.Run("a second WebSocket while one is probing", func(t *testing.T) {
		s, _, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		s.probe(t, url).ExpectClose(0)
		c.Text("5", "4hello")
		c.Expect("4hello")
	})
	t.Run("messages during the upgrade", func(t *testing.T) {
		s, x, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		parked := park(t, x, url)
		on(t, x, func() { send(x, "by polling", false) })
		wantResponse(t, eiotest.Receive(t, parked), 200, "4by polling")
		on(t, x, func() { send(x, "a", false); send(x, "b", true) })
		c.Text("5", "4c")
		c.Expect("4a")
		if f := c.Next(); f.First != 0x82 || string(f.Payload) != "b" {
			t.Errorf("got %v", f)
		}
		c.Expect("4c")
	})
	t.Run("requests in progress", func(t *testing.T) {
		s, x, url := open(t)
		parked := park(t, x, url)
		post := beginPost(t, s, url)
		c := s.probe(t, url)
		c.Text("5", "4hello")
		c.Expect("4hello")
		wantResponse(t, eiotest.Receive(t, parked), 200, "1")
		post.ExpectEOF()
	})
	t.Run("the upgrade takes too long", func(t *testing.T) {
		s, _, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		c.ExpectClose(0)
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
		c = s.probe(t, url)
		c.Text("2probe", "2probe")
		c.Expect("3probe", "3probe") // E90
	})
	for name, messages := range map[string][]string{
		"message": {"4x"}, "ping": {"2"}, "not a packet": {"abc"}, "message after the probe": {"2probe", "4x"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, url := open(t)
			c := s.probe(t, url)
			c.Text(messages...)
			if len(messages) > 1 {
				c.Expect("3probe")
			}
			c.ExpectClose(0)
			wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
			wantResponse(t, eiotest.Get(t, url), 200, "4alive")
		})
	}
	t.Run("the session closes while probing", func(t *testing.T) {
		s, _, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		eiotest.Post(t, url, "1")
		c.ExpectClose(0)
	})
	t.Run("the session closes gracefully while probing", func(t *testing.T) {
		s, x, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		on(t, x, func() { send(x, "last", false); x.Close(false) })
		c.Text("5")
		c.Expect("4last")
		c.ExpectClose(0)
	})
	t.Run("the probe is lost", func(t *testing.T) {
		s, x, url := open(t)
		c := s.probe(t, url)
		c.Text("2probe")
		c.Expect("3probe")
		c.Close()
		parked := park(t, x, url)
		wantResponse(t, eiotest.Post(t, url, "4alive"), 200, "ok")
		if r := eiotest.Receive(t, parked); r.Body != "4alive" && r.Body != "6" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	t.Run("pings over polling", func(t *testing.T) {
		s := start(t, fast)
		url := s.polling(t)
		for range 3 {
			wantResponse(t, eiotest.Get(t, url), 200, "2")
			wantResponse(t, eiotest.Post(t, url, "3"), 200, "ok")
		}
	})
	t.Run("pings over WebSocket", func(t *testing.T) {
		c := start(t, fast).webSocket(t)
		for range 3 {
			c.Expect("2")
			c.Text("3")
		}
	})
	t.Run("a silent peer over polling", func(t *testing.T) {
		s := start(t, fast)
		url := s.polling(t)
		s.wantClosed(t, eio.PingTimeout)
		s.wantGone(t, url)
	})
	t.Run("a silent peer over WebSocket", func(t *testing.T) {
		s := start(t, fast)
		c := s.webSocket(t)
		c.Expect("2")
		c.ExpectClose(0)
		s.wantClosed(t, eio.PingTimeout)
	})
	t.Run("a parked GET is answered at the end", func(t *testing.T) {
		s := start(t, fast)
		url := s.polling(t)
		wantResponse(t, eiotest.Get(t, url), 200, "2")
		wantResponse(t, eiotest.Get(t, url), 200, "1")
		s.wantClosed(t, eio.PingTimeout)
	})
}

func TestClose(t *testing.T) {
	open := func(t *testing.T) (*server, *eio.Session, string) {
		s := start(t, eio.Config{})
		url := s.polling(t)
		return s, eiotest.Receive(t, s.opened), url
	}
	t.Run("close with a parked GET", func(t *testing.T) {
		s, x, url := open(t)
		parked := park(t, x, url)
		on(t, x, func() { x.Close(false) })
		wantResponse(t, eiotest.Receive(t, parked), 200, "1")
		s.wantClosed(t, eio.ForcedClose)
		s.wantGone(t, url)
	})
	t.Run("close without a GET", func(t *testing.T) {
		s, x, url := open(t)
		on(t, x, func() { x.Close(false) })
		wantResponse(t, eiotest.Post(t, url, "4ignored"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "6\x1e1")
		s.wantClosed(t, eio.ForcedClose)
		if got := s.received(); len(got) != 0 {
			t.Errorf("delivered %q", got)
		}
	})
	t.Run("close delivers what is queued", func(t *testing.T) {
		s, x, url := open(t)
		on(t, x, func() { send(x, "last", false); x.Close(false) })
		wantResponse(t, eiotest.Get(t, url), 200, "4last")
		wantResponse(t, eiotest.Get(t, url), 200, "6\x1e1")
		s.wantClosed(t, eio.ForcedClose)
	})
	t.Run("the server closes", func(t *testing.T) {
		s, x, url := open(t)
		parked := park(t, x, url)
		idle := s.polling(t)
		c := s.webSocket(t)
		if n := s.ClientsCount(); n != 3 {
			t.Errorf("%d clients, want 3", n)
		}
		s.Close()
		wantResponse(t, eiotest.Receive(t, parked), 200, "1")
		c.ExpectClose(0)
		for range 3 {
			s.wantClosed(t, eio.ForcedClose)
		}
		s.wantGone(t, idle)
		if n := s.ClientsCount(); n != 0 {
			t.Errorf("%d clients, want 0", n)
		}
		wantResponse(t, eiotest.Get(t, s.url+"?EIO=4&transport=polling"), 503, `{"code":3,"message":"Server shutting down"}`)
	})
}
