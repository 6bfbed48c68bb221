package loop_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
)

func TestEchoAtEveryFragmentation(t *testing.T) {
	e := start(t, loop.Config{Loops: 2}, acceptEcho)
	want := make([]byte, 300<<10)
	for i := range want {
		want[i] = byte(i * 7)
	}
	for _, size := range []int{1, 3, 1000, 65535, 65536, 65537, len(want)} {
		msg := want
		if size < 100 {
			msg = want[:500]
		}
		c := dial(t, e)
		go func() {
			for rest := msg; len(rest) > 0; {
				n, err := c.Write(rest[:min(size, len(rest))])
				if err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
		}()
		got := make([]byte, len(msg))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, msg) {
			t.Fatalf("size %d: %v, equal %v", size, err, bytes.Equal(got, msg))
		}
		c.Close()
	}
}

func TestConcurrentPostsKeepEachPostersOrder(t *testing.T) {
	conns := make(chan *loop.Conn, 1)
	e := start(t, loop.Config{Loops: 1}, func(c *loop.Conn) loop.Handler { conns <- c; return echo{} })
	c := dial(t, e)
	conn := <-conns
	const posters, each = 8, 2000
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := range each {
				f := loop.NewFrame()
				f.B = binary.BigEndian.AppendUint32(f.B, uint32(p<<24|i))
				if !conn.Loop().PostFunc(func() { conn.Send(f) }) {
					t.Error("Post failed")
				}
			}
		})
	}
	var next [posters]uint32
	b := make([]byte, 4)
	for range posters * each {
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		v := binary.BigEndian.Uint32(b)
		if p := v >> 24; v&0xffffff != next[p] {
			t.Fatalf("poster %d: got %d, want %d", p, v&0xffffff, next[p])
		}
		next[v>>24]++
	}
	wg.Wait()
}

func TestSlowReaderIsClosedWhileOthersRun(t *testing.T) {
	type opened struct {
		c      *loop.Conn
		closed chan error
	}
	conns := make(chan opened, 2)
	e := start(t, loop.Config{Loops: 1, MaxQueued: 1 << 20, SocketSendBuffer: 64 << 10}, func(c *loop.Conn) loop.Handler {
		o := opened{c, make(chan error, 1)}
		conns <- o
		return &recorder{data: func(c *loop.Conn, b []byte) { c.Send(frame(b)) }, closed: func(_ *loop.Conn, err error) { o.closed <- err }}
	})
	dial(t, e) // never reads
	slow := <-conns
	fast := dial(t, e)
	<-conns
	big := frame(strings.Repeat("x", 100<<10))
	for done := false; !done; {
		slow.c.Loop().PostFunc(func() { slow.c.Send(big.Retain()) })
		if _, err := fast.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(fast, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-slow.closed:
			if !errors.Is(err, loop.ErrOverflow) {
				t.Fatalf("closed with %v", err)
			}
			done = true
		default:
		}
	}
	if s := e.Stats(); s.Overflows != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestBlockedConnectionGoesOn(t *testing.T) {
	const size = 20 << 20
	e := start(t, loop.Config{Loops: 2, MaxQueued: 64 << 20, SocketSendBuffer: 128 << 10}, func(c *loop.Conn) loop.Handler {
		for i := range 20 {
			c.Send(frame(bytes.Repeat([]byte{byte(i)}, size/20)))
		}
		c.CloseAfterFlush(20 * time.Second)
		return echo{}
	})
	c := dial(t, e)
	got, err := io.ReadAll(c)
	if err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i, b := range got {
		if int(b) != i/(size/20) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
}

func TestPeerThatHasGone(t *testing.T) {
	closed := make(chan error, 1)
	e := start(t, loop.Config{Loops: 1}, func(c *loop.Conn) loop.Handler {
		return &recorder{closed: func(_ *loop.Conn, err error) { closed <- err }}
	})
	c := dial(t, e)
	c.SetLinger(0)
	c.Close()
	if err := <-closed; !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("closed with %v, want a reset", err)
	}
	dial(t, e).Close()
	if err := <-closed; err != io.EOF {
		t.Fatalf("closed with %v, want EOF", err)
	}
}

func TestRealTimers(t *testing.T) {
	e := start(t, loop.Config{Loops: 2}, acceptEcho)
	for _, d := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 200 * time.Millisecond} {
		took := make(chan time.Duration)
		l := e.Loops()[1]
		l.PostFunc(func() {
			began := time.Now()
			l.AfterFunc(d, func() { took <- time.Since(began) })
		})
		// Late by how much depends on the machine; early would be our fault.
		// The loop's clock is read when the burst first asks for it, after
		// began.
		if got := <-took; got < d {
			t.Errorf("timer of %v fired after %v", d, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		addr string
		dial []string
	}{
		{"127.0.0.1:0", []string{"127.0.0.1"}},
		{"[::1]:0", []string{"::1"}},
		{"localhost:0", []string{"localhost"}},
		{":0", []string{"127.0.0.1", "::1", "localhost"}},
		{"[::]:0", []string{"127.0.0.1", "::1"}},
		{"0.0.0.0:0", []string{"127.0.0.1"}},
	} {
		t.Run(tc.addr, func(t *testing.T) {
			remote := make(chan string, 1)
			e := start(t, loop.Config{Addr: tc.addr, Loops: 2}, func(c *loop.Conn) loop.Handler {
				remote <- c.RemoteAddr().String()
				return echo{}
			})
			_, port, _ := net.SplitHostPort(e.Addr().String())
			for _, host := range tc.dial {
				c, err := net.Dial("tcp", net.JoinHostPort(host, port))
				if err != nil {
					t.Fatal(err)
				}
				if got := <-remote; got != c.LocalAddr().String() {
					t.Errorf("RemoteAddr is %s, want %s", got, c.LocalAddr())
				}
				c.Close()
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	first := start(t, loop.Config{Loops: 2}, acceptEcho)
	for name, addr := range map[string]string{"another program's": plain.Addr().String(), "an engine's": first.Addr().String()} {
		if e, err := loop.Listen(loop.Config{Addr: addr}, acceptEcho); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s port: %v, %v", name, e, err)
		}
	}
	if l, err := net.Listen("tcp", first.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another program takes the engine's port: %v, %v", l, err)
	}
}

func TestRestartOnTheSamePort(t *testing.T) {
	addr := "127.0.0.1:0"
	for range 3 {
		e, err := loop.Listen(loop.Config{Addr: addr, Loops: 2}, func(*loop.Conn) loop.Handler { return nil })
		if err != nil {
			t.Fatal(err)
		}
		addr = e.Addr().String()
		c := dial(t, e)
		// The server closes first, so its side is in TIME_WAIT.
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		c.Close()
		shutdown(t, e)
	}
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []loop.Config{{Loops: -1}, {MaxQueued: -1}, {Addr: "nonsense"}, {Addr: "256.0.0.1:1"}} {
		if _, err := loop.Listen(cfg, acceptEcho); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func TestMaxConnections(t *testing.T) {
	e := start(t, loop.Config{Loops: 2, MaxConnections: 3}, acceptEcho)
	ping := func(c net.Conn) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	var in []net.Conn
	for range 3 {
		c := dial(t, e)
		if err := ping(c); err != nil {
			t.Fatal(err)
		}
		in = append(in, c)
	}
	if err := ping(dial(t, e)); err == nil {
		t.Fatal("a fourth connection is served")
	}
	in[0].Close()
	for ping(dial(t, e)) != nil { // until the server has noticed
	}
	if s := e.Stats(); s.Rejected == 0 || s.Connections != 3 {
		t.Fatalf("%+v", s)
	}
}
