package loop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

func TestAdoptedThousandMoves(t *testing.T) {
	for name, ends := range kinds {
		t.Run(name, func(t *testing.T) {
			e := start(t, loop.Config{Loops: 3}, acceptEcho)
			server, c := ends(t)
			defer c.Close()
			c.SetDeadline(time.Now().Add(wait.Patience))
			if err := e.Adopt(server, nil, func(*loop.Conn) loop.Handler { return &hopper{loops: e.Loops()} }); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1)
			for i := range 1000 {
				if _, err := c.Write([]byte{byte(i)}); err != nil {
					t.Fatal(i, err)
				}
				if _, err := io.ReadFull(c, b); err != nil || b[0] != byte(i) {
					t.Fatal(i, b, err)
				}
			}
			if s := e.Stats(); s.LostMoves != 0 || s.Connections != 1 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// wanderer echoes, and moves with some of the reads, sending before and being
// sent to meanwhile.
type wanderer struct {
	loops []*loop.Loop
	rnd   *dice.Dice
	reads int
}

func (w *wanderer) Data(c *loop.Conn, b []byte) {
	c.Send(frame(b))
	if w.reads++; w.reads%3 == 0 {
		c.MoveTo(w.loops[w.rnd.Int(len(w.loops))], nil, func(*loop.Conn) loop.Handler { return w })
	}
}
func (w *wanderer) Flushed(*loop.Conn)       {}
func (w *wanderer) Closed(*loop.Conn, error) {}

// TestAdoptedStreamSurvivesMoves streams through a connection that keeps
// moving, blocked or not.
func TestAdoptedStreamSurvivesMoves(t *testing.T) {
	for name, ends := range kinds {
		t.Run(name, func(t *testing.T) {
			rnd := dice.New(t)
			e := start(t, loop.Config{Loops: 3, MaxQueued: 64 << 20}, acceptEcho)
			server, c := ends(t)
			defer c.Close()
			c.SetDeadline(time.Now().Add(wait.Patience))
			if err := e.Adopt(server, nil, func(*loop.Conn) loop.Handler { return &wanderer{loops: e.Loops(), rnd: rnd} }); err != nil {
				t.Fatal(err)
			}
			want := make([]byte, 8<<20)
			for i := range want {
				want[i] = byte(i * 13 >> 5)
			}
			go func() {
				for rest := want; len(rest) > 0; {
					n := min(1+rnd.Int(50_000), len(rest))
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
			}()
			got := make([]byte, len(want))
			if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, %v, equal %v", n, err, bytes.Equal(got, want))
			}
		})
	}
}

// broken is a connection whose writes fail.
type broken struct{ net.Conn }

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestAdoptedWriteError(t *testing.T) {
	e := start(t, loop.Config{Loops: 1}, acceptEcho)
	a, b := net.Pipe()
	closed := make(chan error, 1)
	r := echoing()
	r.closed = func(_ *loop.Conn, err error) { closed <- err }
	if err := e.Adopt(broken{a}, []byte("x"), r.accept); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; !errors.Is(err, errBroken) {
		t.Fatalf("closed with %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the connection is not closed: %v", err)
	}
}

func TestAdoptedAreRefused(t *testing.T) {
	eachKind(t, loop.Config{Loops: 1, MaxConnections: 1}, func(t *testing.T, e *loop.Engine, connect func(*recorder) adopted) {
		first := connect(echoing())
		gone := func(want error) {
			t.Helper()
			a, b := net.Pipe()
			defer b.Close()
			if err := e.Adopt(a, nil, acceptEcho); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if _, err := b.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("a refused connection is not closed: %v", err)
			}
		}
		gone(loop.ErrRejected)
		if s := e.Stats(); s.Rejected != 1 || s.Connections != 1 {
			t.Errorf("%+v", s)
		}
		first.Close()
		<-first.closed
		e.StopAccepting()
		gone(loop.ErrRejected)
		shutdown(t, e)
		gone(loop.ErrShutdown)
	})
}

// TestAdoptedShutdown ends an engine while connections rest, read, are blocked,
// linger and move.
func TestAdoptedShutdown(t *testing.T) {
	for name, ends := range kinds {
		t.Run(name, func(t *testing.T) {
			e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2, MaxQueued: 64 << 20}, acceptEcho)
			if err != nil {
				t.Fatal(err)
			}
			var opened, closed sync.WaitGroup
			const each = 5
			for i := range 5 * each {
				server, client := ends(t)
				defer client.Close()
				r := &recorder{}
				opened.Add(1)
				closed.Add(1)
				r.closed = func(_ *loop.Conn, err error) {
					defer closed.Done()
					if i/each != 2 && !errors.Is(err, loop.ErrShutdown) {
						t.Errorf("connection %d is closed with %v", i, err)
					}
				}
				r.data = func(c *loop.Conn, _ []byte) {
					switch i / each {
					case 1:
						c.Send(frame(make([]byte, 8<<20)))
					case 2:
						c.Send(frame("bye"))
						c.CloseAfterFlush(time.Hour)
					case 3:
						to := e.Loops()[1-c.Loop().Index()]
						c.MoveTo(to, nil, func(c *loop.Conn) loop.Handler { return r })
					case 4:
						c.Send(frame("x"))
					}
					opened.Done()
				}
				go e.Adopt(server, []byte("go"), r.accept)
				if i/each == 4 {
					go io.Copy(io.Discard, client)
				} else {
					go func() { // completes a TLS handshake, then does not read
						client.Read(make([]byte, 1))
					}()
				}
			}
			opened.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Shutdown: %v", err)
			}
			wait.For(t, "the engine's end", e.Done())
			closed.Wait()
		})
	}
}

// TestAdoptedShutdownFlushes has all of what was sent arrive, although the
// loops are done with it when the writing goroutines are not.
func TestAdoptedShutdownFlushes(t *testing.T) {
	for name, ends := range kinds {
		t.Run(name, func(t *testing.T) {
			const size = 100 << 10
			e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 2}, acceptEcho)
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan int)
			const n = 10
			for range n {
				server, client := ends(t)
				defer client.Close()
				if err := e.Adopt(server, nil, func(c *loop.Conn) loop.Handler {
					c.Send(frame(make([]byte, size)))
					return echo{}
				}); err != nil {
					t.Fatal(err)
				}
				go func() {
					b, _ := io.ReadAll(client)
					got <- len(b)
				}()
			}
			done := make(chan struct{})
			go func() { defer close(done); shutdown(t, e) }()
			for range n {
				if g := <-got; g != size {
					t.Errorf("a peer got %d bytes, want %d", g, size)
				}
			}
			<-done
		})
	}
}

// TestAdoptedEndsInAnyOrder lets both sides end many connections at random
// moments. TestMain sees what is left.
func TestAdoptedEndsInAnyOrder(t *testing.T) {
	eachKind(t, loop.Config{Loops: 3, Logger: slog.New(slog.DiscardHandler)}, func(t *testing.T, e *loop.Engine, connect func(*recorder) adopted) {
		rnd := dice.New(t)
		var wg sync.WaitGroup
		for i := range 200 {
			r := &recorder{}
			r.data = func(c *loop.Conn, b []byte) {
				switch rnd.Int(8) {
				case 0:
					c.Close()
				case 1:
					c.CloseAfterFlush(time.Duration(rnd.Int(20)) * time.Millisecond)
				case 2:
					c.MoveTo(e.Loops()[rnd.Int(3)], b[:len(b)/2], func(*loop.Conn) loop.Handler { return r })
				case 3:
					if i%10 == 0 {
						panic("on purpose")
					}
				default:
					c.Send(frame(b))
				}
			}
			c := connect(r)
			wg.Go(func() {
				defer c.Close()
				go io.Copy(io.Discard, c)
				for range rnd.Int(30) {
					if _, err := c.Write(make([]byte, 1+rnd.Int(3000))); err != nil {
						break
					}
				}
				if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && i%2 == 0 && half.CloseWrite() == nil {
					<-c.closed // the server has seen the end
				}
			})
			wg.Go(func() {
				if i%2 == 1 {
					<-c.closed
				}
			})
		}
		wg.Wait()
	})
}
