package loop_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// identity is a certificate and what trusts it.
var identity = sync.OnceValues(func() (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
})

// pair returns the ends of a connection over loopback.
func pair(tb testing.TB) (server, client net.Conn) {
	tb.Helper()
	return listenAndDial(tb, "tcp", "127.0.0.1:0")
}

func listenAndDial(tb testing.TB, network, addr string) (server, client net.Conn) {
	tb.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial(network, ln.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		tb.Fatal(err)
	}
	return server, client
}

// kinds are the connections that can be adopted.
var kinds = map[string]func(tb testing.TB) (server, client net.Conn){
	"TCP": pair,
	"unix": func(tb testing.TB) (server, client net.Conn) {
		return listenAndDial(tb, "unix", filepath.Join(tb.TempDir(), "s"))
	},
	"TLS": func(tb testing.TB) (server, client net.Conn) {
		server, client = pair(tb)
		sc, cc := identity()
		return tls.Server(server, sc), tls.Client(client, cc)
	},
	"pipe": func(testing.TB) (server, client net.Conn) { return net.Pipe() },
}

// adopted is a client of a connection that was adopted.
type adopted struct {
	net.Conn
	r      *recorder
	closed chan error
}

// eachKind runs f with a connection of each kind, adopted by a new engine. r's
// callbacks must be set before; closed is set here.
func eachKind(t *testing.T, cfg loop.Config, f func(t *testing.T, e *loop.Engine, connect func(r *recorder) adopted)) {
	for name, ends := range kinds {
		t.Run(name, func(t *testing.T) {
			e := start(t, cfg, acceptEcho)
			f(t, e, func(r *recorder) adopted {
				t.Helper()
				server, client := ends(t)
				t.Cleanup(func() { client.Close() })
				client.SetDeadline(time.Now().Add(wait.Patience))
				closed := make(chan error, 2)
				r.closed = func(_ *loop.Conn, err error) { closed <- err }
				if err := e.Adopt(server, nil, r.accept); err != nil {
					t.Fatal(err)
				}
				return adopted{client, r, closed}
			})
		})
	}
}

func echoing() *recorder {
	return &recorder{data: func(c *loop.Conn, b []byte) { c.Send(frame(b)) }}
}

func TestAdoptedEcho(t *testing.T) {
	eachKind(t, loop.Config{Loops: 2}, func(t *testing.T, _ *loop.Engine, connect func(*recorder) adopted) {
		c := connect(echoing())
		want := make([]byte, 3<<20)
		for i := range want {
			want[i] = byte(i * 7 >> 3)
		}
		for _, size := range []int{1, 10, 1023, 1024, 1025, 20000, 70000, len(want)} {
			sent := make(chan error, 1)
			go func() {
				_, err := c.Write(want[:size])
				sent <- err
			}()
			got := make([]byte, size)
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want[:size]) {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		if err := <-c.closed; err != io.EOF {
			t.Fatalf("closed with %v, want EOF", err)
		}
	})
}

func TestAdoptOptions(t *testing.T) {
	e := start(t, loop.Config{Loops: 3}, acceptEcho)
	named := netip.MustParseAddrPort("203.0.113.9:99")
	for name, ends := range kinds {
		server, client := ends(t)
		client.SetDeadline(time.Now().Add(wait.Patience))
		got := make(chan string, 1)
		opts := loop.AdoptOptions{Unread: []byte("early"), Remote: named, Loop: e.Loops()[2]}
		err := e.AdoptWith(server, opts, func(c *loop.Conn) loop.Handler {
			if c.RemoteAddr() != named || c.Loop() != opts.Loop {
				t.Errorf("%s: RemoteAddr %v, loop %d", name, c.RemoteAddr(), c.Loop().Index())
			}
			return &recorder{data: func(c *loop.Conn, b []byte) {
				got <- string(b)
				c.MoveTo(e.Loops()[0], nil, func(c *loop.Conn) loop.Handler {
					got <- c.RemoteAddr().String()
					return nil
				})
			}}
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if g := <-got; g != "early" {
			t.Errorf("%s: unread is %q", name, g)
		}
		if g := <-got; g != named.String() {
			t.Errorf("%s: RemoteAddr after a move is %s", name, g)
		}
		client.Close()
	}
}

func TestAdoptedRemoteAddr(t *testing.T) {
	e := start(t, loop.Config{Loops: 1}, acceptEcho)
	for name, ends := range kinds {
		server, client := ends(t)
		want := "[::]:0"
		if name == "TCP" || name == "TLS" {
			want = client.LocalAddr().String()
		}
		got := make(chan string, 1)
		if err := e.Adopt(server, nil, func(c *loop.Conn) loop.Handler { got <- c.RemoteAddr().String(); return nil }); err != nil {
			t.Fatal(name, err)
		}
		if g := <-got; g != want {
			t.Errorf("%s: %s, want %s", name, g, want)
		}
		client.Close()
	}
}

func TestAdoptedCloseAfterFlush(t *testing.T) {
	eachKind(t, loop.Config{Loops: 1}, func(t *testing.T, _ *loop.Engine, connect func(*recorder) adopted) {
		bye := strings.Repeat("bye", 100_000)
		c := connect(&recorder{data: func(c *loop.Conn, _ []byte) {
			c.Send(frame(bye))
			c.CloseAfterFlush(time.Minute)
		}})
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != bye {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if _, half := c.Conn.(interface{ CloseWrite() error }); half {
			select {
			case err := <-c.closed:
				t.Fatalf("closed with %v before the peer", err)
			default:
			}
			c.Write([]byte("ignored"))
		}
		c.Close()
		if err := <-c.closed; err != nil {
			t.Fatalf("closed with %v", err)
		}
	})
}

func TestAdoptedPeerThatDoesNotRead(t *testing.T) {
	eachKind(t, loop.Config{Loops: 2, MaxQueued: 64 << 20}, func(t *testing.T, _ *loop.Engine, connect func(*recorder) adopted) {
		const size, n = 1 << 20, 16
		flushed := make(chan struct{}, 1)
		r := &recorder{flushed: func(*loop.Conn) { flushed <- struct{}{} }}
		r.data = func(c *loop.Conn, _ []byte) {
			for i := range n {
				c.Send(frame(bytes.Repeat([]byte{byte(i)}, size)))
			}
		}
		c := connect(r)
		c.Write([]byte("go"))
		look := func() (queued int, blocked bool) {
			done := make(chan struct{})
			r.conn.Loop().PostFunc(func() { queued, blocked = r.conn.Queued(), r.conn.Blocked(); close(done) })
			<-done
			return queued, blocked
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		for last := -1; ; { // until the peer's buffers are full
			queued, blocked := look()
			if blocked && queued == last {
				break
			}
			last = queued
			runtime.Gosched()
		}
		if queued, _ := look(); queued < 4*size {
			t.Fatalf("%d bytes are queued although the peer does not read", queued)
		}
		rest, err := io.ReadAll(io.LimitReader(c, n*size-1))
		if err != nil || len(rest) != n*size-1 {
			t.Fatalf("%d bytes, %v", len(rest), err)
		}
		for i, b := range rest {
			if int(b) != (i+1)/size {
				t.Fatalf("byte %d is %d", i+1, b)
			}
		}
		<-flushed
	})
}

func TestAdoptedOverflow(t *testing.T) {
	eachKind(t, loop.Config{Loops: 1, MaxQueued: 1 << 20}, func(t *testing.T, _ *loop.Engine, connect func(*recorder) adopted) {
		var r *recorder
		more := frame(strings.Repeat("x", 100<<10))
		r = &recorder{data: func(c *loop.Conn, _ []byte) {
			var again taskFunc
			again = func() {
				if r.closes == 0 {
					c.Send(more.Retain())
					c.Loop().Post(again)
				}
			}
			c.Loop().Post(again)
		}}
		c := connect(r)
		c.Write([]byte("go"))
		if err := <-c.closed; !errors.Is(err, loop.ErrOverflow) {
			t.Fatalf("closed with %v", err)
		}
	})
}

// source is a connection that always has something to read.
type source struct {
	net.Conn
	reads atomic.Int64
}

func (s *source) Read(b []byte) (int, error) {
	s.reads.Add(1)
	return copy(b, "x"), nil
}

// TestSlowLoopIsNotReadAhead counts the reads that have begun when a chunk is
// handled: one for each chunk.
func TestSlowLoopIsNotReadAhead(t *testing.T) {
	e := start(t, loop.Config{Loops: 1}, acceptEcho)
	a, b := net.Pipe()
	defer b.Close()
	s := &source{Conn: a}
	done := make(chan struct{})
	r := &recorder{}
	r.data = func(c *loop.Conn, _ []byte) {
		for range 10 {
			runtime.Gosched()
		}
		if begun := s.reads.Load(); begun != int64(r.reads) {
			t.Errorf("%d reads have begun when chunk %d is handled", begun, r.reads)
			c.Close()
		}
		if r.reads == 1000 {
			c.Close()
		}
	}
	r.closed = func(*loop.Conn, error) { close(done) }
	if err := e.Adopt(s, nil, r.accept); err != nil {
		t.Fatal(err)
	}
	<-done // although source goes on
}
