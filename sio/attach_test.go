package sio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// pair is a server and one that is attached to it.
type pair struct {
	servers      [2]*sio.Server
	paths        [2]string
	disconnected [2]chan sio.Reason
}

func newPair(t *testing.T) *pair {
	p := &pair{paths: [2]string{"/socket.io/", "/socket.io/chat/"}}
	for i, path := range p.paths {
		server, err := sio.New(sio.Config{
			Path:   path,
			Loops:  2,
			Logger: slog.New(slog.DiscardHandler),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, "the handler of %d", i)
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		ended := make(chan sio.Reason, 100)
		sio.OnAck(server, "who", func(context.Context, *sio.Socket, sio.None) (string, error) { return path, nil })
		server.OnDisconnect(func(_ *sio.Socket, reason sio.Reason) { ended <- reason })
		p.servers[i], p.disconnected[i] = server, ended
	}
	return p
}

// TestAttach has two servers on one port, attached before and after it listens,
// and in net/http: over polling, WebSocket and upgrade, on one connection in
// turn.
func TestAttach(t *testing.T) {
	listen := func(t *testing.T, p *pair) string {
		if err := p.servers[0].Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		return p.servers[0].Addr().String()
	}
	attach := func(t *testing.T, p *pair) {
		if err := p.servers[0].Attach(p.servers[1]); err != nil {
			t.Fatal(err)
		}
	}
	for name, begin := range map[string]func(t *testing.T, p *pair) string{
		"before Listen": func(t *testing.T, p *pair) string {
			attach(t, p)
			return listen(t, p)
		},
		"after Listen": func(t *testing.T, p *pair) string {
			addr := listen(t, p)
			attach(t, p)
			return addr
		},
		"Handler": func(t *testing.T, p *pair) string {
			attach(t, p)
			handler, err := p.servers[0].Handler()
			if err != nil {
				t.Fatal(err)
			}
			h := httptest.NewServer(handler)
			t.Cleanup(h.Close)
			return h.Listener.Addr().String()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			addr := begin(t, p)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			request := func(method, target, body string) string {
				t.Helper()
				fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body)
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%s %s: %d %s %v", method, target, res.StatusCode, b, err)
				}
				return string(b)
			}
			for range 4 { // on both loops
				for _, path := range p.paths {
					answer := fmt.Sprintf(`430[%q]`, path)
					target := path + "?EIO=4&transport=polling"
					target += "&sid=" + openPacket(t, request("GET", target, ""))
					request("POST", target, "40")
					request("GET", target, "")
					request("POST", target, `420["who"]`)
					if got := request("GET", target, ""); got != answer {
						t.Errorf("polling at %s: %q", path, got)
					}
					webSocket := strings.Replace(target, "polling", "websocket", 1)
					c := eiotest.Dial(t, addr, webSocket)
					c.Text("2probe")
					c.Expect("3probe")
					c.Text("5", `420["who"]`)
					c.Expect(answer)

					c = eiotest.Dial(t, addr, path+"?EIO=4&transport=websocket")
					c.Next()
					c.Text("40")
					c.Next()
					c.Text(`420["who"]`)
					c.Expect(answer)
				}
				if got := request("GET", "/elsewhere", ""); got != "the handler of 0" {
					t.Errorf("elsewhere: %q", got)
				}
			}
			for i, s := range p.servers {
				if n := s.Stats().Clients; n != 8 {
					t.Errorf("server %d has %d clients, want 8", i, n)
				}
			}
			// The end of the attached one leaves the other alone.
			if err := p.servers[1].Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			for range 8 {
				if reason := wait.For(t, "end", p.disconnected[1]); reason != sio.ServerShuttingDown {
					t.Errorf("ended with %q", reason)
				}
			}
			res, err := http.Get("http://" + addr + p.paths[1] + "?EIO=4&transport=polling")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("a handshake after Shutdown: %d", res.StatusCode)
			}
			openPacket(t, request("GET", p.paths[0]+"?EIO=4&transport=polling", ""))
			empty(t, "end", p.disconnected[0])
		})
	}
	t.Run("Shutdown of the other", func(t *testing.T) {
		p := newPair(t)
		attach(t, p)
		addr := listen(t, p)
		for i, path := range p.paths {
			c := eiotest.Dial(t, addr, path+"?EIO=4&transport=websocket")
			c.Next()
			c.Text("40")
			c.Next()
			if got := p.servers[i].Addr().String(); got != addr {
				t.Errorf("server %d is at %s", i, got)
			}
		}
		if err := p.servers[0].Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for i := range p.servers {
			if reason := wait.For(t, "end", p.disconnected[i]); reason != sio.ServerShuttingDown {
				t.Errorf("server %d ended with %q", i, reason)
			}
			if err := p.servers[i].Wait(); err != sio.ErrServerClosed {
				t.Errorf("Serve of %d: %v", i, err)
			}
		}
	})
}

// TestAttachedEndsBeforeListen ends servers before the port is there: an
// attached one serves no clients later, and one with attached servers ends them
// too.
func TestAttachedEndsBeforeListen(t *testing.T) {
	p := newPair(t)
	if err := p.servers[0].Attach(p.servers[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.servers[1].Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.servers[0].Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	addr := p.servers[0].Addr().String()
	for i, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		res, err := http.Get("http://" + addr + p.paths[i] + "?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("a handshake with server %d: %d, want %d", i, res.StatusCode, want)
		}
	}

	p = newPair(t)
	if err := p.servers[0].Attach(p.servers[1]); err != nil {
		t.Fatal(err)
	}
	if err := p.servers[0].Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.servers[1].Handler(); err != sio.ErrServerClosed {
		t.Errorf("Handler of the attached server: %v, want %v", err, sio.ErrServerClosed)
	}
}

func TestAttachErrors(t *testing.T) {
	server := func(path string, loops int) *sio.Server {
		s, err := sio.New(sio.Config{Path: path, Loops: loops, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	a, b := server("/a/", 2), server("/b/", 2)
	refused := func(on, other *sio.Server, say string) {
		t.Helper()
		if err := on.Attach(other); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("got %v, want %q", err, say)
		}
	}
	refused(a, a, "itself")
	refused(a, nil, "nil")
	refused(a, server("/a/", 2), `Config.Path is "/a/" for two servers`)
	refused(a, server("/c/", 3), "Config.Loops is 3; it must be 2")
	if err := a.Attach(b); err != nil {
		t.Fatal(err)
	}
	refused(a, b, sio.ErrListening.Error())
	refused(b, server("/c/", 2), "is attached itself")
	refused(server("/c/", 2), a, "has others")
	if err := b.Listen("127.0.0.1:0"); err != sio.ErrListening {
		t.Errorf("Listen: %v", err)
	}
	if _, err := b.Handler(); err != sio.ErrListening {
		t.Errorf("Handler: %v", err)
	}
	closed := server("/c/", 2)
	closed.Close()
	refused(a, closed, sio.ErrServerClosed.Error())
}

// TestAttachAgain: the Path of a server that was attached and has ended can be
// another's.
func TestAttachAgain(t *testing.T) {
	p := newPair(t)
	if err := p.servers[0].Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	addr := p.servers[0].Addr().String()
	for i := range 3 {
		next, err := sio.New(sio.Config{Path: p.paths[1], Loops: 2, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		want := http.StatusServiceUnavailable // of the one before
		if i == 0 {
			want = http.StatusOK // of the handler
		}
		target := "http://" + addr + p.paths[1] + "?EIO=4&transport=polling"
		if r := eiotest.Get(t, target); r.Status != want {
			t.Errorf("before: %+v", r)
		}
		if err := p.servers[0].Attach(next); err != nil {
			t.Fatal(err)
		}
		if err := p.servers[0].Attach(p.servers[1]); err == nil || !strings.Contains(err.Error(), "each must have its own") {
			t.Errorf("a second server has the path: %v", err)
		}
		if r := eiotest.Get(t, target); r.Status != 200 || next.Stats().Clients != 1 {
			t.Errorf("%+v", r)
		}
		if err := next.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.servers[0].Attach(p.servers[1]); err != nil {
		t.Error(err)
	}
}

// TestAttachedShutdownCounts: what is left of an attached server counts
// although another Shutdown is ending it.
func TestAttachedShutdownCounts(t *testing.T) {
	begun, release := make(chan bool, 1), make(chan bool)
	host := serve(t, sio.Config{}, nil)
	other, err := sio.New(sio.Config{Path: "/other/"})
	if err != nil {
		t.Fatal(err)
	}
	sio.On(other, "x", func(context.Context, *sio.Socket, int) error {
		begun <- true
		<-release
		return nil
	})
	if err := host.Attach(other); err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", host.addr, wait.Patience)
	if err != nil {
		t.Fatal(err)
	}
	w := host.upgradeAt(t, conn, "/other/", "EIO=4")
	w.recv()
	w.connect("/")
	w.send(`42["x",0]`)
	wait.For(t, "handler", begun)
	ended := make(chan error, 1)
	go func() { ended <- other.Shutdown(context.Background()) }()
	wait.Until(t, "the other ends", func() bool { return other.Stats().Clients == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = host.Shutdown(ctx)
	var e *sio.ShutdownError
	if !errors.As(err, &e) || e.HandlersRunning != 1 {
		t.Errorf("%v", err)
	}
	if err := other.Shutdown(ctx); !errors.As(err, &e) || e.HandlersRunning != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another call: %v", err)
	}
	close(release)
	if err := wait.For(t, "end", ended); err != nil {
		t.Error(err)
	}
}
