//go:build unix

package interop

import (
	"context"
	"log/slog"
	"maps"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// serveTLS is serve behind a net/http server with TLS.
func serveTLS(t *testing.T, cfg sio.Config, prepare func(srv *sio.Server)) (*sio.Server, string) {
	t.Helper()
	srv := newServer(t, cfg, prepare)
	h, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(h)
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	front.StartTLS()
	t.Cleanup(func() {
		shutdown(t, srv)
		front.CloseClientConnections()
		front.Close()
	})
	return srv, front.URL
}

// eachWay runs a test over each transport, over TCP, and over TLS on the loops
// and through net/http, with a server
// whose sockets are given, and a client that reports the lengths of what it
// gets. A ping waits behind what was emitted before it, so on a busy machine
// the client's own time limit would pass.
func eachWay(t *testing.T, cfg sio.Config, run func(t *testing.T, srv *sio.Server, s *sio.Socket, c *client)) {
	cfg.PingInterval = 10 * time.Minute
	for front, start := range map[string]func(*testing.T, sio.Config, func(*sio.Server)) (*sio.Server, string){
		"tcp": func(t *testing.T, cfg sio.Config, prepare func(*sio.Server)) (*sio.Server, string) {
			return serve(t, cfg, prepare)
		},
		"tls of net/http": serveTLS,
		"tls": func(t *testing.T, cfg sio.Config, prepare func(*sio.Server)) (*sio.Server, string) {
			cfg.TLS = certificate()
			return serve(t, cfg, prepare)
		},
	} {
		for _, tr := range transports {
			t.Run(front+" "+tr.name, func(t *testing.T) {
				sockets := make(chan *sio.Socket, 1)
				srv, url := start(t, cfg, func(srv *sio.Server) {
					srv.OnConnection(func(s *sio.Socket) { sockets <- s })
				})
				d := newDriver(t)
				options := map[string]any{"brief": true, "reconnection": false, "rejectUnauthorized": false}
				maps.Copy(options, tr.options)
				c := d.join("client", url, options)
				run(t, srv, wait.For(t, "the socket", sockets), c)
			})
		}
	}
}

// TestLargeEvents emits much at once to a client that reads as fast as it can,
// at default settings: all arrives.
func TestLargeEvents(t *testing.T) {
	for name, sizes := range map[string]struct{ events, bytes int }{
		"10 of 2 MB": {10, 2 << 20},
		"3 of 8 MB":  {3, 8 << 20},
		"12 of 2 MB": {12, 2 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, sio.Config{}, func(t *testing.T, srv *sio.Server, s *sio.Socket, c *client) {
				text := strings.Repeat("x", sizes.bytes)
				for n := range sizes.events {
					if err := s.Emit("large", n, text[n:]); err != nil {
						t.Fatal(err)
					}
				}
				for n := range sizes.events {
					c.expectEvent("large", n, sizes.bytes-n)
				}
				if st := srv.Stats(); st.SlowDisconnects != 0 {
					t.Errorf("%d were disconnected", st.SlowDisconnects)
				}
			})
		})
	}
}

// TestFlush sends a file much larger than may wait, piece by piece: the sender
// keeps to the client's pace.
func TestFlush(t *testing.T) {
	const pieces, size, most = 100, 1 << 20, 3 << 20
	eachWay(t, sio.Config{MaxQueued: most}, func(t *testing.T, srv *sio.Server, s *sio.Socket, c *client) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*wait.Patience)
		defer cancel()
		piece := make([]byte, size)
		highest := 0
		for n := range pieces {
			if err := s.Emit("piece", n, piece); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			highest = max(highest, s.Queued())
		}
		for n := range pieces {
			c.expectEvent("piece", n, size)
		}
		if highest > most {
			t.Errorf("%d bytes waited", highest)
		}
	})
}

// TestStalledClient stops a client's process while it is sent much: it is found
// to be slow, and its sender is told.
func TestStalledClient(t *testing.T) {
	told := make(chan sio.SlowEvent, 10)
	cfg := sio.Config{
		SlowTimeout:    time.Second,
		OnSlowConsumer: func(e sio.SlowEvent) { told <- e },
	}
	eachWay(t, cfg, func(t *testing.T, srv *sio.Server, s *sio.Socket, c *client) {
		gone := make(chan sio.Reason, 1)
		s.OnDisconnect(func(r sio.Reason) { gone <- r })
		if err := c.process.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer c.process.Process.Signal(syscall.SIGCONT)
		text := strings.Repeat("x", 2<<20)
		for range 20 {
			if err := s.Emit("large", text); err == sio.ErrDisconnected {
				break // found before all was emitted
			} else if err != nil {
				t.Fatal(err)
			}
		}
		flushed := make(chan error, 1)
		go func() { flushed <- s.Flush(context.Background()) }()
		if r := wait.For(t, "the disconnection", gone); r != sio.SlowConsumer {
			t.Errorf("the reason is %q", r)
		}
		if err := wait.For(t, "the end of the flush", flushed); err != sio.ErrDisconnected {
			t.Errorf("Flush: %v", err)
		}
		wait.For(t, "the disconnect handler", told)
		if st := srv.Stats(); st.SlowDisconnects != 1 || len(told) != 0 {
			t.Errorf("%d were disconnected, told %d times more", st.SlowDisconnects, len(told))
		}
	})
}
