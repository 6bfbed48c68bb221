package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
)

const patience = eiotest.Timeout

func config() Config {
	return Config{MaxRequests: 100, MaxTunnels: 20_000, MaxAnswer: 1000, MaxAnswers: 4000, Stall: patience, DialTimeout: patience, KeepIdle: time.Hour, TunnelIdle: time.Hour}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// peer answers each request with the address that it came from.
func peer(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) }))
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, c *Client, s *httptest.Server) string {
	t.Helper()
	a, err := c.Do(t.Context(), s.Listener.Addr().String(), "GET", []byte(get), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Release()
	return string(a.Body)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	s := peer(t)
	c := New(config())
	defer c.Close()
	first := do(t, c, s)
	if second := do(t, c, s); second != first {
		t.Errorf("the second request came from %s, the first from %s", second, first)
	}
	s.CloseClientConnections() // what is kept has ended
	if third := do(t, c, s); third == first {
		t.Error("the same connection a third time")
	}
}

func TestConnectionsDoNotRestForEver(t *testing.T) {
	s := peer(t)
	cfg := config()
	cfg.KeepIdle = time.Millisecond
	c := New(cfg)
	defer c.Close()
	first := do(t, c, s)
	eiotest.Eventually(t, "no node is kept and the sweeper has ended", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.nodes) == 0 && c.sweeper == nil
	})
	if do(t, c, s) == first {
		t.Error("the connection is still there")
	}
}

func TestNothingAfterClose(t *testing.T) {
	s := peer(t)
	c := New(config())
	do(t, c, s)
	c.Close()
	if len(c.nodes) != 0 {
		t.Error("a connection rests")
	}
	if _, err := c.Do(t.Context(), s.Listener.Addr().String(), "GET", []byte(get), patience); err != ErrClosed {
		t.Errorf("got %v", err)
	}
	if _, err := c.Open(t.Context(), s.Listener.Addr().String(), []byte(get)); err != ErrClosed {
		t.Errorf("got %v", err)
	}
}

// pipe is two ends of a TCP connection.
func pipe(t testing.TB, l net.Listener) (near, far *net.TCPConn) {
	t.Helper()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a.(*net.TCPConn), accept(t, l)
}

func accept(t testing.TB, l net.Listener) *net.TCPConn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(5 * patience))
	return c.(*net.TCPConn)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// tunnel opens a tunnel and gives the client's end, the node's, and its own
// end.
func tunnel(t testing.TB, c *Client, l net.Listener) (client, node *net.TCPConn, ended chan struct{}) {
	t.Helper()
	tun, err := c.Open(context.Background(), l.Addr().String(), []byte("head "))
	if err != nil {
		t.Fatal(err)
	}
	node = accept(t, l)
	client, mine := pipe(t, l)
	ended = make(chan struct{})
	go func() {
		tun.Run(mine, []byte("unread "), []byte("unsent "))
		close(ended)
	}()
	return client, node, ended
}

func TestTunnelCarriesBothHalves(t *testing.T) {
	c := New(config())
	defer c.Close()
	client, node, ended := tunnel(t, c, listen(t))
	long := strings.Repeat("x", 3<<20)
	go func() {
		io.WriteString(client, long)
		client.CloseWrite()
	}()
	if got, err := io.ReadAll(node); err != nil || string(got) != "head unread "+long {
		t.Fatalf("the node got %d bytes, %v", len(got), err)
	}
	go func() {
		io.WriteString(node, long)
		node.Close()
	}()
	if got, err := io.ReadAll(client); err != nil || string(got) != "unsent "+long {
		t.Fatalf("the client got %d bytes, %v", len(got), err)
	}
	<-ended
	if _, tunnels := c.InFlight(); tunnels != 0 || len(c.nodes) != 0 {
		t.Errorf("%d tunnels are left", tunnels)
	}
}

// TestTunnelHoldsBack has a client that does not read stop its node from
// sending.
func TestTunnelHoldsBack(t *testing.T) {
	c := New(config())
	_, node, ended := tunnel(t, c, listen(t))
	node.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	const much = 64 << 20
	n, err := node.Write(make([]byte, much))
	if err == nil || n == much {
		t.Errorf("all of %d bytes went somewhere", n)
	}
	c.Close()
	<-ended
}

func TestTunnelEndsInSilence(t *testing.T) {
	cfg := config()
	cfg.TunnelIdle = 10 * time.Millisecond
	c := New(cfg)
	defer c.Close()
	client, node, ended := tunnel(t, c, listen(t))
	<-ended
	io.Copy(io.Discard, client)
	if got, err := io.ReadAll(node); errors.Is(err, io.ErrUnexpectedEOF) || string(got) != "head unread " {
		t.Errorf("the node got %q, %v", got, err)
	}
}

// TestTunnelDoesNotLinger has the node end the stream to a client that then
// neither says anything nor goes.
func TestTunnelDoesNotLinger(t *testing.T) {
	t.Parallel()
	c := New(config())
	defer c.Close()
	_, node, ended := tunnel(t, c, listen(t))
	if _, err := io.ReadFull(node, make([]byte, len("head unread "))); err != nil {
		t.Fatal(err)
	}
	node.CloseWrite()
	select {
	case <-ended:
	case <-time.After(tunnelLinger + patience):
		t.Fatal("the tunnel outlives its node")
	}
}

// size is the memory in use.
func size() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkIdleTunnel reports what a tunnel costs that carries nothing.
func BenchmarkIdleTunnel(b *testing.B) {
	const n = 1000
	for b.Loop() {
		c, l := New(config()), listen(b)
		var ends []chan struct{}
		var all []*net.TCPConn
		before := size()
		for range n {
			near, far := pipe(b, l)
			all = append(all, near, far)
		}
		mine := size() // what this test's own ends cost
		for range n {
			client, node, ended := tunnel(b, c, l)
			all, ends = append(all, client, node), append(ends, ended)
		}
		b.ReportMetric((size()-mine-(mine-before))/n, "B/tunnel")
		c.Close()
		for _, e := range ends {
			<-e
		}
		for _, conn := range all {
			conn.Close()
		}
	}
}

// BenchmarkWaitingRequest reports what a request costs whose answer is not
// there yet.
func BenchmarkWaitingRequest(b *testing.B) {
	const n = 1000
	for b.Loop() {
		cfg := config()
		cfg.MaxRequests = n
		c, l := New(cfg), listen(b)
		var all []*net.TCPConn
		before := size()
		for range n {
			near, far := pipe(b, l)
			all = append(all, near, far)
		}
		mine := size() // a pair of connections
		var asking sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for range n {
			asking.Go(func() { c.Do(ctx, l.Addr().String(), "GET", []byte(get), time.Hour) })
			node := accept(b, l)
			if _, err := io.ReadFull(node, make([]byte, len(get))); err != nil {
				b.Fatal(err)
			}
			all = append(all, node)
		}
		b.ReportMetric((size()-mine-(mine-before)/2)/n, "B/request")
		cancel()
		asking.Wait()
		for _, conn := range all {
			conn.Close()
		}
	}
}
