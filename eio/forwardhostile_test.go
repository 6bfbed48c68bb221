package eio_test

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// TestForwardingOfHostileRequests has requests that lead nowhere, or in
// circles.
func TestForwardingOfHostileRequests(t *testing.T) {
	nodes, known := startNodes(t, 2, eio.Config{Forwarding: &eio.Forwarding{MaxRequests: 2, MaxTunnels: 1}, RequestTimeout: 100 * time.Millisecond})
	a, b := nodes[0], nodes[1]
	unknown := `{"code":1,"message":"Session ID unknown"}`
	url := a.polling(t)

	t.Run("the field is forged", func(t *testing.T) {
		wantResponse(t, eiotest.Get(t, via(url, a, b), "Sioserver-Forwarded", "1"), 400, unknown)
		wantResponse(t, eiotest.Get(t, via(url, a, b), "Sioserver-Forwarded", ""), 400, unknown)
		if s := b.ForwardStats(); s.Requests != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("unknown node", func(t *testing.T) {
		wantResponse(t, eiotest.Get(t, b.url+"?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"), 400, unknown)
		c := eiotest.DialTCP(t, b.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"))
		wantResponse(t, c.ReadResponse(), 400, "Session ID unknown")
		c.ExpectEOF()
		if s := b.ForwardStats(); s.Unknown != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("unknown session of a node", func(t *testing.T) {
		sid := []byte(url[strings.LastIndex(url, "=")+1:])
		for i := range 8 {
			sid[i] = 'A'
		}
		wantResponse(t, eiotest.Get(t, b.url+"?EIO=4&transport=polling&sid="+string(sid)), 400, unknown)
	})
	t.Run("in circles", func(t *testing.T) {
		known.set(1, a.addr) // a says so, and b
		known.set(1, b.addr)
		circle := "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAABAAAA" // of node 0
		known.set(0, b.addr)
		wantResponse(t, eiotest.Get(t, a.url+circle), 400, unknown)
		wantResponse(t, eiotest.Get(t, b.url+circle), 400, unknown) // by itself
		if s := a.ForwardStats(); s.Requests != 1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("fields that end connections", func(t *testing.T) {
		r := eiotest.Do(t, "POST", via(url, a, b), "4x", "Connection", "close, x-secret", "X-Secret", "1", "Expect", "100-continue")
		wantResponse(t, r, 200, "ok")
		r = eiotest.Get(t, via(url, a, b), "Connection", "sec-x")
		wantResponse(t, r, 200, "4x")
	})
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		known.set(0, l.Addr().String())
		r := eiotest.Get(t, b.url+"?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA")
		wantResponse(t, r, 502, `{"code":3,"message":"The session's node does not answer"}`)
		c := eiotest.DialTCP(t, b.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"))
		wantResponse(t, c.ReadResponse(), 400, "The session's node does not answer")
		if s := b.ForwardStats(); s.Failed != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("no answer that makes sense", func(t *testing.T) {
		before := b.ForwardStats().Failed
		for _, answer := range []string{"", "nonsense\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"} {
			known.set(0, answering(t, answer))
			if r := eiotest.Get(t, b.url+"?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"); r.Status != 502 {
				t.Errorf("%q: got %+v", answer, r)
			}
		}
		if after := b.ForwardStats().Failed; after != before+5 {
			t.Errorf("%d failures were counted", after-before)
		}
	})
}

// answering is the address of a node that answers requests with what it is
// given, and closes.
func answering(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			c.Write([]byte(answer))
			c.Close()
		}
	}()
	return l.Addr().String()
}

// TestForwardingToASlowNode has a node that takes requests and does not answer.
func TestForwardingToASlowNode(t *testing.T) {
	nodes, known := startNodes(t, 2, eio.Config{Forwarding: &eio.Forwarding{MaxRequests: 2, MaxTunnels: 1}})
	a, b := nodes[0], nodes[1]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	known.set(0, l.Addr().String())
	stuck := b.url + "?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"
	var clients []*eiotest.Conn
	var taken []net.Conn
	for range 2 {
		c := eiotest.DialTCP(t, b.addr)
		c.WriteString("GET " + strings.TrimPrefix(stuck, "http://"+b.addr) + " HTTP/1.1\r\nHost: x\r\n\r\n")
		clients = append(clients, c)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		taken = append(taken, conn)
	}
	wantResponse(t, eiotest.Get(t, stuck), 503, `{"code":3,"message":"Server overloaded"}`)
	url := a.polling(t)
	wantResponse(t, eiotest.Post(t, via(url, a, b), "4x"), 200, "ok") // other nodes are not concerned
	wantResponse(t, eiotest.Get(t, via(url, a, b)), 200, "4x")

	clients[0].Close() // which the node sees
	if _, err := readAll(taken[0]); err != nil {
		t.Errorf("the node's end: %v", err)
	}
	eiotest.Eventually(t, "the abort is counted", func() bool { return b.ForwardStats().Aborted == 1 })
	taken[1].Close() // which the client sees
	if r := clients[1].ReadResponse(); r.Status != 502 {
		t.Errorf("got %+v", r)
	}
	eiotest.Eventually(t, "no request is open", func() bool { return b.ForwardStats().OpenRequests == 0 })
	if s := b.ForwardStats(); s.Refused != 1 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}

	t.Run("tunnels", func(t *testing.T) {
		ask := eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA")
		first := eiotest.DialTCP(t, b.addr)
		first.WriteString(ask)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		second := eiotest.DialTCP(t, b.addr)
		second.WriteString(ask)
		wantResponse(t, second.ReadResponse(), 400, "Server overloaded")
		conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"))
		conn.Close()
		wantResponse(t, first.ReadResponse(), 400, "no")
		first.ExpectEOF()
		first.Close()
		eiotest.Eventually(t, "the tunnel ends", func() bool { return b.ForwardStats().OpenTunnels == 0 })
	})
}

func readAll(c net.Conn) (string, error) {
	c.SetReadDeadline(time.Now().Add(eiotest.Timeout))
	var b bytes.Buffer
	_, err := b.ReadFrom(c)
	return b.String(), err
}

func TestForwardingRefusesConfig(t *testing.T) {
	known := &cluster{}
	for want, cfg := range map[string]eio.Config{
		"eio: Forwarding.Directory is nil":                  {Forwarding: &eio.Forwarding{}},
		"eio: Forwarding.Directory is node 16777216":        {Forwarding: &eio.Forwarding{Directory: known.of(1 << 24)}},
		"eio: Forwarding.MaxRequests is -1":                 {Forwarding: &eio.Forwarding{Directory: known.of(1), MaxRequests: -1}},
		"eio: Forwarding.MaxTunnels is -1":                  {Forwarding: &eio.Forwarding{Directory: known.of(1), MaxTunnels: -1}},
		"eio: Forwarding.DialTimeout is -1s":                {Forwarding: &eio.Forwarding{Directory: known.of(1), DialTimeout: -time.Second}},
		"eio: Config.GenerateID and Forwarding are set; si": {Forwarding: &eio.Forwarding{Directory: known.of(1)}, GenerateID: func(*http.Request) (string, error) { return "x", nil }},
	} {
		if _, err := eio.NewServer(cfg, &echo{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
