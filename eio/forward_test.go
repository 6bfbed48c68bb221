package eio_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// cluster is a directory that tests fill.
type cluster struct {
	mu    sync.Mutex
	nodes map[uint32]string
}

// of is the cluster as one node sees it.
func (c *cluster) of(node uint32) eio.Directory { return view{c, node} }

func (c *cluster) set(node uint32, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[node] = addr
}

type view struct {
	*cluster
	node uint32
}

func (v view) Node() uint32 { return v.node }

func (v view) Lookup(_ context.Context, node uint32) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	addr, ok := v.nodes[node]
	return addr, ok
}

// startNodes starts n servers that know each other.
func startNodes(t *testing.T, n int, cfg eio.Config) ([]*server, *cluster) {
	t.Helper()
	known := &cluster{nodes: make(map[uint32]string)}
	var nodes []*server
	for i := range n {
		own := cfg
		f := eio.Forwarding{}
		if cfg.Forwarding != nil {
			f = *cfg.Forwarding
		}
		f.Directory = known.of(uint32(i) + 1<<23)
		own.Forwarding = &f
		s := start(t, own)
		known.set(uint32(i)+1<<23, s.addr)
		nodes = append(nodes, s)
	}
	return nodes, known
}

// via is the URL of one server's session at another one.
func via(url string, from, to *server) string { return strings.Replace(url, from.addr, to.addr, 1) }

func TestForwardedPolling(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{HTTPCompression: 64, CORS: &eio.CORS{Origins: []string{"https://a.example"}}})
	a, b := nodes[0], nodes[1]
	url := via(a.polling(t), a, b)
	if len(url[strings.LastIndex(url, "=")+1:]) != 20 {
		t.Errorf("sid in %s", url)
	}
	poll := eiotest.GoGet(url)
	r := eiotest.Do(t, "POST", url, "4hello", "Origin", "https://a.example")
	wantResponse(t, r, 200, "ok")
	wantHeader(t, r, "Access-Control-Allow-Origin", "https://a.example")
	if n := len(r.Header["Access-Control-Allow-Origin"]); n != 1 {
		t.Errorf("%d origins are told", n)
	}
	r = eiotest.Receive(t, poll)
	wantResponse(t, r, 200, "4hello")
	wantHeader(t, r, "Content-Type", "text/plain; charset=UTF-8")
	wantHeader(t, r, "Cache-Control", "no-store")

	t.Run("binary, both ways", func(t *testing.T) {
		poll := eiotest.GoGet(url)
		wantResponse(t, eiotest.Post(t, url, "bAQIDBA=="), 200, "ok")
		wantResponse(t, eiotest.Receive(t, poll), 200, "bAQIDBA==")
	})
	t.Run("compressed", func(t *testing.T) {
		done := make(chan eiotest.Response, 1)
		go func() {
			r, _ := eiotest.TryDo("GET", url, "", "Accept-Encoding", "gzip")
			done <- r
		}()
		eiotest.Post(t, url, "4"+strings.Repeat("x", 1000))
		r := eiotest.Receive(t, done)
		wantHeader(t, r, "Content-Encoding", "gzip")
		if len(r.Body) > 100 {
			t.Errorf("%d bytes", len(r.Body))
		}
	})
	t.Run("refusals of the node", func(t *testing.T) {
		wantResponse(t, eiotest.Post(t, url, strings.Repeat("x", 1_000_001)), 413, "")
		r := eiotest.Do(t, "GET", strings.Replace(url, "EIO=4", "EIO=3", 1), "")
		wantResponse(t, r, 400, `{"code":3,"message":"Bad request"}`)
	})
	t.Run("preflight", func(t *testing.T) {
		before := a.ForwardStats().Requests + b.ForwardStats().Requests
		if r := eiotest.Do(t, "OPTIONS", url, ""); r.Status != 204 {
			t.Errorf("got %+v", r)
		}
		if after := a.ForwardStats().Requests + b.ForwardStats().Requests; after != before {
			t.Error("a preflight was forwarded")
		}
	})
	t.Run("at home", func(t *testing.T) {
		wantResponse(t, eiotest.Post(t, via(url, b, a), "4x"), 200, "ok")
		wantResponse(t, eiotest.Get(t, url), 200, "4x")
	})
	if s := b.ForwardStats(); s.Requests < 8 || s.Failed+s.Unknown+s.Refused+s.Aborted != 0 {
		t.Errorf("%+v", s)
	}
	if s := a.ForwardStats(); s != (eio.ForwardStats{}) {
		t.Errorf("the sessions' own node has forwarded: %+v", s)
	}
}

// TestForwardedInSequence has many messages go both ways, each request through
// the other node than the one before, and wants each once and in order.
func TestForwardedInSequence(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{})
	a, b := nodes[0], nodes[1]
	home := a.polling(t)
	urls := []string{home, via(home, a, b)}
	const messages = 500
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			if r, err := eiotest.TryDo("POST", urls[i%2], fmt.Sprintf("4%d", i)); err != nil || r.Status != 200 {
				sent <- fmt.Errorf("POST %d: %+v, %v", i, r, err)
				return
			}
		}
		sent <- nil
	}()
	for next, turn := 0, 0; next < messages; turn++ {
		r := eiotest.Get(t, urls[turn%2])
		if r.Status != 200 {
			t.Fatalf("got %+v", r)
		}
		for p := range strings.SplitSeq(r.Body, "\x1e") {
			if p != fmt.Sprintf("4%d", next) {
				t.Fatalf("got %q, want message %d", p, next)
			}
			next++
		}
	}
	if err := eiotest.Receive(t, sent); err != nil {
		t.Fatal(err)
	}
	if s := b.ForwardStats(); s.Requests < messages/2 {
		t.Errorf("%+v", s)
	}
}

func TestForwardedUpgrade(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{})
	a, b := nodes[0], nodes[1]
	url := a.polling(t)
	c := b.probe(t, via(url, a, b))
	c.Text("2probe")
	c.Expect("3probe")
	c.Text("5")
	c.Text("4hello")
	c.Expect("4hello")
	big := strings.Repeat("y", 900_000)
	for range 5 {
		c.Text("4" + big)
		if f := c.Next(); string(f.Payload) != "4"+big {
			t.Fatalf("%d bytes came", len(f.Payload))
		}
	}
	if s := b.ForwardStats(); s.Tunnels != 1 || s.OpenTunnels != 1 {
		t.Errorf("%+v", s)
	}
	c.Text("1")
	a.wantClosed(t, eio.TransportClose)
	c.Close()
	eiotest.Eventually(t, "the tunnel ends", func() bool { return b.ForwardStats().OpenTunnels == 0 })

	t.Run("the client goes", func(t *testing.T) {
		url := a.polling(t)
		c := b.probe(t, via(url, a, b))
		c.Text("2probe")
		c.Expect("3probe")
		c.Text("5")
		c.Text("4x")
		c.Expect("4x")
		c.Close()
		a.wantClosed(t, eio.TransportClose)
		eiotest.Eventually(t, "the tunnel ends", func() bool { return b.ForwardStats().OpenTunnels == 0 })
	})
	t.Run("the server closes", func(t *testing.T) {
		url := a.polling(t)
		c := b.probe(t, via(url, a, b))
		c.Text("2probe")
		c.Expect("3probe")
		b.Close()
		c.ExpectEOF()
	})
}

func TestForwardedThroughNetHTTP(t *testing.T) {
	for name, startHTTP := range map[string]func(*httptest.Server){
		"HTTP":  (*httptest.Server).Start,
		"HTTPS": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			nodes, known := startNodes(t, 1, eio.Config{})
			a, m := nodes[0], mount(t, startHTTP, &eio.Forwarding{Directory: known.of(7)})
			sid := sidOf(t, eiotest.Get(t, a.url+handshake))
			url := m.url + handshake + "&sid=" + sid
			wantResponse(t, m.do(t, "POST", url, "4x"), 200, "ok")
			wantResponse(t, m.do(t, "GET", url, ""), 200, "4x")
			dial := func() *eiotest.Conn {
				conn, err := net.Dial("tcp", m.http.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				if name == "HTTPS" {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				return eiotest.NewConn(t, conn)
			}
			c := dial()
			c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=" + sid))
			if r := c.ReadResponse(); r.Status != 101 {
				t.Fatalf("got %+v", r)
			}
			c.Text("2probe")
			c.Expect("3probe")
			c.Text("5")
			big := "4" + strings.Repeat("z", 100_000)
			for range 20 {
				c.Text(big)
			}
			for range 20 {
				c.Expect(big)
			}
			if s := m.srv.ForwardStats(); s.Tunnels != 1 || s.Requests != 2 {
				t.Errorf("%+v", s)
			}
			c.Close()
			a.wantClosed(t, eio.TransportClose)
			eiotest.Eventually(t, "the tunnel ends", func() bool { return m.srv.ForwardStats().OpenTunnels == 0 })

			lost := dial()
			lost.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"))
			wantResponse(t, lost.ReadResponse(), 400, "Session ID unknown")
		})
	}
}

// TestForwardedAbort ends the sessions of clients that go away during a poll.
func TestForwardedAbort(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{})
	a, b := nodes[0], nodes[1]
	url := via(a.polling(t), a, b)
	c := eiotest.DialTCP(t, b.addr)
	c.WriteString("GET " + strings.TrimPrefix(url, "http://"+b.addr) + " HTTP/1.1\r\nHost: x\r\n\r\n")
	x := eiotest.Receive(t, a.opened)
	eventuallyOn(t, x, "a GET is parked", x.Writable) // the poll is parked there
	c.Close()
	a.wantClosed(t, eio.TransportError)
	eiotest.Eventually(t, "the abort is counted", func() bool { return b.ForwardStats().Aborted == 1 })
}

// TestForwardedSessionEnds has a node close a session while a poll is
// forwarded.
func TestForwardedSessionEnds(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{})
	a, b := nodes[0], nodes[1]
	url := via(a.polling(t), a, b)
	poll := eiotest.GoGet(url)
	x := eiotest.Receive(t, a.opened)
	eventuallyOn(t, x, "a GET is parked", x.Writable)
	a.Close()
	wantResponse(t, eiotest.Receive(t, poll), 200, "1")
	b.wantGone(t, url)
	if n := a.ClientsCount(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestForwardedEarlyFrames has clients that don't wait for the answer to their
// upgrade, while others use the buffers of the loops: each frame arrives as it
// was.
func TestForwardedEarlyFrames(t *testing.T) {
	nodes, _ := startNodes(t, 2, eio.Config{})
	a, b := nodes[0], nodes[1]
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				if _, err := eiotest.TryDo("POST", b.url+"?EIO=4&transport=polling", strings.Repeat("x", 100)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 90 {
		sid := sidOf(t, eiotest.Get(t, a.url+handshake))
		c := eiotest.DialTCP(t, b.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid="+sid) +
			string(eiotest.AppendFrame(nil, 0x81, []byte("2probe"))))
		if r := c.ReadResponse(); r.Status != 101 {
			t.Fatalf("%+v", r)
		}
		c.Expect("3probe")
		c.Close()
	}
}
