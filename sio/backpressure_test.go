package sio_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// flood is events "n" with the numbers from 0 to n-1, each with padding.
func flood(n, padding int) (events []string) {
	for i := range n {
		events = append(events, fmt.Sprintf(`42["n",%d,"%s"]`, i, strings.Repeat("x", padding)))
	}
	return events
}

// counter handles "n": it blocks until it is released, and checks the order.
type counter struct {
	t       *testing.T
	release chan struct{}
	free    func()
	begun   atomic.Int64
	handled atomic.Int64
}

func newCounter(t *testing.T) *counter {
	c := &counter{t: t, release: make(chan struct{})}
	c.free = sync.OnceFunc(func() { close(c.release) })
	t.Cleanup(c.free)
	return c
}

func (c *counter) register(r sio.Registrar) {
	sio.On(r, "n", func(_ context.Context, s *sio.Socket, a sio.Args2[int64, string]) error {
		c.begun.Add(1)
		<-c.release
		next, _ := s.Data().(int64)
		if a.A != next {
			c.t.Errorf("event %d is handled, want %d", a.A, next)
		}
		s.SetData(next + 1)
		c.handled.Add(1)
		return nil
	})
}

// TestBackPressure: a client that sends more than may wait is not read until
// its handlers have caught up. It loses nothing, is not closed, and is sent to.
func TestBackPressure(t *testing.T) {
	const events, padding = 3000, 500
	for name, cfg := range map[string]sio.Config{
		"events":        {MaxPending: 10},
		"bytes":         {MaxPendingBytes: 10_000},
		"events in all": {MaxPendingTotal: 10, Loops: 1},
		"bytes in all":  {MaxPendingTotalBytes: 10_000, Loops: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			f := serve(t, cfg, func(f *fixture) { c.register(f); echo(f) })
			w := f.join(t)
			socket := wait.For(t, "connection", f.connected)
			sent := w.sendAside(flood(events, padding)...)
			wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
			if st := f.Stats(); st.Pending > 21 || st.PendingBytes > 11_000 {
				t.Errorf("%d events with %d bytes wait", st.Pending, st.PendingBytes)
			}
			if err := socket.Emit("still", "there"); err != nil {
				t.Fatal(err)
			}
			w.want(`42["still","there"]`)
			c.free()
			wait.Until(t, "the events", func() bool { return c.handled.Load() == events })
			sent()
			w.alive()
			wait.Until(t, "the end of what waits", func() bool {
				st := f.Stats()
				return st.Pending == 0 && st.PendingBytes == 0
			})
			if n := f.Stats().Unhandled; n != 0 {
				t.Errorf("%d events were dropped", n)
			}
		})
	}
	t.Run("one large event", func(t *testing.T) {
		f := serve(t, sio.Config{MaxPendingBytes: 100}, echo)
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		large := `42["echo","` + strings.Repeat("x", 70_000) + `"]`
		w.send(large, large)
		w.want(large, large)
	})
	t.Run("the event that is handled", func(t *testing.T) {
		// Its arguments are held until the handler returns, which may end its
		// goroutine.
		c := newCounter(t)
		f := serve(t, sio.Config{MaxPendingBytes: 100_000}, func(f *fixture) {
			c.register(f)
			echo(f)
			sio.On(f, "exit", func(context.Context, *sio.Socket, string) error { runtime.Goexit(); return nil })
		})
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		w.send(flood(1, 200_000)...)
		wait.Until(t, "the event", func() bool { return c.begun.Load() == 1 && f.Stats().Pending == 0 })
		if st := f.Stats(); st.PendingBytes < 200_000 || st.Pauses != 1 {
			t.Errorf("%d bytes are held, %d pauses", st.PendingBytes, st.Pauses)
		}
		c.free()
		w.alive()
		w.send(`42["exit","` + strings.Repeat("x", 200_000) + `"]`)
		w.alive()
		wait.Until(t, "the end", func() bool { return f.Stats().PendingBytes == 0 })
	})
	t.Run("polling", func(t *testing.T) {
		c := newCounter(t)
		f := serve(t, sio.Config{MaxPending: 10}, func(f *fixture) { c.register(f) })
		p := f.polling(t)
		p.post("40")
		wait.For(t, "connection", f.connected)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			p.post(strings.Join(flood(events, 10), "\x1e"))
		}()
		t.Cleanup(func() { c.free(); <-answered })
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
		select {
		case <-answered:
			t.Error("the POST is answered before its events are handled")
		default:
		}
		c.free()
		wait.For(t, "answer", answered)
		wait.Until(t, "the events", func() bool { return c.handled.Load() == events })
	})
	t.Run("large events", func(t *testing.T) {
		// What has come is not all taken in at once.
		c := newCounter(t)
		f := serve(t, sio.Config{MaxPending: 1000, MaxPendingBytes: 5_000_000}, func(f *fixture) { c.register(f) })
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		sent := w.sendAside(flood(20, 900_000)...)
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
		if st := f.Stats(); st.PendingBytes > 6_000_000 {
			t.Errorf("%d bytes wait", st.PendingBytes)
		}
		c.free()
		wait.Until(t, "the events", func() bool { return c.handled.Load() == 20 })
		sent()
	})
	t.Run("TLS through Handler", func(t *testing.T) {
		c := newCounter(t)
		f := serve(t, sio.Config{MaxPending: 10}, func(f *fixture) { c.register(f); echo(f) })
		handler, err := f.Handler()
		if err != nil {
			t.Fatal(err)
		}
		outer := httptest.NewTLSServer(handler)
		t.Cleanup(outer.Close)
		conn, err := tls.Dial("tcp", outer.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		w := f.upgrade(t, conn, "EIO=4")
		openPacket(t, w.recv())
		w.connect("/")
		wait.For(t, "connection", f.connected)
		sent := w.sendAside(flood(events, padding)...)
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
		c.free()
		wait.Until(t, "the events", func() bool { return c.handled.Load() == events })
		sent()
		w.alive()
	})
	t.Run("connection handlers", func(t *testing.T) {
		release, entered := make(chan struct{}), make(chan struct{}, 20)
		free := sync.OnceFunc(func() { close(release) })
		defer free()
		f := serve(t, sio.Config{MaxPending: 10}, func(f *fixture) {
			f.Of("/slow").OnConnection(func(*sio.Socket) { entered <- struct{}{}; <-release })
			f.Of("/slow").OnDisconnect(func(*sio.Socket, sio.Reason) {})
			echo(f)
		})
		w := f.join(t)
		for range 10 {
			w.connect("/slow")
			// Which does not wait any more: the disconnect handler will.
			wait.For(t, "connection handler", entered)
			w.send("41/slow")
		}
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
		w.send("40/slow")
		free()
		connectReply(t, "/slow", w.recv())
		w.alive()
	})
	t.Run("middlewares", func(t *testing.T) {
		c := newCounter(t)
		f := serve(t, sio.Config{MaxPending: 10, MaxNamespaces: 100}, func(f *fixture) {
			f.OfPattern(regexp.MustCompile(`^/n\d+$`)).Use(func(*sio.Socket) error { <-c.release; return nil })
		})
		w := f.dial(t)
		var connects []string
		for i := range 50 {
			connects = append(connects, fmt.Sprintf("40/n%d", i))
		}
		w.send(connects...) // in one segment: middlewares that run do not wait
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
		c.free()
		for range 50 {
			if m := w.recv(); !strings.HasPrefix(m, "40/n") {
				t.Fatalf("got %q", m)
			}
		}
	})
}

// TestFairBackPressure: connections for which much waits take the whole total,
// and one for which nothing waits is served all the same.
func TestFairBackPressure(t *testing.T) {
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPendingTotal: 100, Loops: 1}, func(f *fixture) { c.register(f); echo(f) })
	const greedy, events = 5, 200
	for range greedy {
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		w.send(flood(events, 0)...)
	}
	wait.Until(t, "the pauses", func() bool { return f.Stats().Pauses >= greedy })
	if st := f.Stats(); st.Pending > 100 {
		t.Errorf("%d events wait", st.Pending)
	}
	for range 10 {
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		w.alive()
		w.alive()
	}
	c.free()
	wait.Until(t, "the events", func() bool { return c.handled.Load() == greedy*events })
	if st := f.Stats(); st.Clients != greedy+10 || st.Pending != 0 {
		t.Errorf("%+v", st)
	}
}

// TestResumedByOthers: a client that is paused because others fill the loop's
// limits goes on when these give back, though its own handlers wait for an
// acknowledgement that it has sent meanwhile.
func TestResumedByOthers(t *testing.T) {
	for _, how := range []string{"are released", "leave"} {
		t.Run("the others "+how, func(t *testing.T) {
			c := newCounter(t)
			f := serve(t, sio.Config{MaxPendingTotal: 80, Loops: 1}, func(f *fixture) {
				c.register(f)
				sio.OnAck(f, "ask", func(ctx context.Context, s *sio.Socket, n int) (int, error) {
					return sio.EmitAck[int](ctx, s, "question", n)
				})
			})
			greedy := f.join(t)
			paused := f.Sockets()[0]
			greedy.send(flood(60, 0)...)
			wait.Until(t, "the greedy client's pause", func() bool { return f.Stats().Pauses == 1 })
			asking := f.join(t)
			asking.send(`421["ask",5]`)
			asking.want(`420["question",5]`)
			for range 25 {
				asking.send(`422["ask",6]`)
			}
			wait.Until(t, "the pause", func() bool { return f.Stats().Pauses == 2 })
			asking.send("430[55]") // is not read yet
			if how == "leave" {
				paused.Conn().Close(true)
			} else {
				c.free()
			}
			asking.want("431[55]")
		})
	}
}

// boomParser ends the goroutine at the event "boom".
type boomParser struct{ sio.Parser }

func (p boomParser) Parse(b []byte, binary bool) (sio.PacketHeader, error) {
	if bytes.Contains(b, []byte("boom")) {
		runtime.Goexit()
	}
	return p.Parser.Parse(b, binary)
}

// TestResumedBesideGoexit: user code that ends its goroutine, for a client that
// goes on, does not keep others paused that could go on at the same time.
func TestResumedBesideGoexit(t *testing.T) {
	event := func(id int, args ...any) string {
		return packed(t, dict{"type": 2, "nsp": "/", "id": id, "data": args})
	}
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPendingTotal: 80, Loops: 1, Parser: boomParser{sio.MessagePack()}}, func(f *fixture) {
		c.register(f)
		sio.OnAck(f, "ask", func(ctx context.Context, s *sio.Socket, n int) (int, error) {
			return sio.EmitAck[int](ctx, s, "question", n)
		})
	})
	greedy := f.joinPacked(t)
	paused := f.Sockets()[0]
	for i := range 60 {
		greedy.send(event(i, "n", i, ""))
	}
	wait.Until(t, "the greedy client's pause", func() bool { return f.Stats().Pauses == 1 })
	var both [2]*ws
	for i := range both {
		both[i] = f.joinPacked(t)
		both[i].send(event(1, "ask", 5))
		both[i].wantPacked(fmt.Sprintf(`{"type":2,"nsp":"/","id":%d,"data":["question",5]}`, i))
		var more []string
		for range 25 {
			more = append(more, event(2, "ask", 6))
		}
		if i == 0 {
			more = append(more, event(3, "boom"))
		}
		both[i].send(more...)
		wait.Until(t, "the pause", func() bool { return f.Stats().Pauses == uint64(2+i) })
	}
	both[1].send(packed(t, dict{"type": 3, "nsp": "/", "id": 1, "data": []any{55}})) // is not read yet
	paused.Conn().Close(true)
	both[0].wantClosed()
	both[1].wantPacked(`{"type":3,"nsp":"/","id":1,"data":[55]}`)
}

// TestTheGoneDontCount: what waits for clients that have left keeps no others
// out, and is handled.
func TestTheGoneDontCount(t *testing.T) {
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPendingTotal: 100, Loops: 1}, func(f *fixture) { c.register(f); echo(f) })
	for i := range 10 {
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		w.send(flood(10, 1000)...)
		wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == uint64(10*(i+1)) && c.begun.Load() == int64(i+1) })
		w.conn.Close()
		wait.Until(t, "the end", func() bool { return f.Stats().Clients == 0 })
	}
	wait.Until(t, "the end of the last one", func() bool {
		st := f.Stats()
		return st.Pending == 0 && st.PendingBytes == 0 && st.PendingStranded == 10 && st.PendingLate == 90 && st.PendingLateBytes >= 90_000
	})
	f.join(t).alive()
	c.free()
	wait.Until(t, "the disconnect handlers", func() bool { return f.Stats().PendingStranded == 0 })
	if st := f.Stats(); st.PendingLate != 0 || st.PendingLateBytes != 0 || st.Unhandled != 0 || c.handled.Load() != 100 {
		t.Errorf("%d events were handled, %+v", c.handled.Load(), st)
	}
}

// TestRefusesWhenHandlersNeverEnd: when as many handlers as may wait in all
// wait for clients that have left, further clients are refused instead of
// piling up.
func TestRefusesWhenHandlersNeverEnd(t *testing.T) {
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPendingTotal: 3, Loops: 1}, func(f *fixture) { c.register(f); echo(f) })
	for i := range 3 {
		w := f.join(t)
		wait.For(t, "connection", f.connected)
		w.send(flood(1, 0)...)
		wait.Until(t, "the event", func() bool { return c.begun.Load() == int64(i+1) })
		w.conn.Close()
		wait.Until(t, "the end", func() bool { return f.Stats().PendingStranded == i+1 })
	}
	w := f.dial(t)
	w.send("40")
	w.want(`44{"message":"Server overloaded"}`)
	if n := f.Stats().PendingOverflows; n != 1 {
		t.Errorf("%d were counted", n)
	}
	c.free()
	wait.Until(t, "the disconnect handlers", func() bool { return f.Stats().PendingStranded == 0 })
	w.send("40")
	connectReply(t, "/", w.recv())
	w.alive()
}

// TestMaxNamespaces: a namespace beyond the limit is refused, the others stay.
func TestMaxNamespaces(t *testing.T) {
	f := serve(t, sio.Config{MaxNamespaces: 2}, func(f *fixture) { f.Of("/a"); f.Of("/b"); f.Of("/c"); echo(f) })
	w := f.join(t, "/", "/a", "/b")
	w.send("40/c")
	w.want(`44/c,{"message":"Too many namespaces"}`)
	w.alive()
	w.send("41/a", "40/c")
	connectReply(t, "/c", w.recv())
	w.alive()
}

// TestBackPressureEnds: that a client has vanished is noticed though it is not
// read, also while its handlers block.
func TestBackPressureEnds(t *testing.T) {
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPending: 10, PingInterval: 50e6, PingTimeout: 50e6}, func(f *fixture) { c.register(f) })
	w := f.join(t)
	wait.For(t, "connection", f.connected)
	w.send(flood(100, 0)...)
	wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
	w.conn.Close()
	wantReason := func(want string) {
		t.Helper()
		if got := wait.For(t, "disconnection", f.disconnected); got != want {
			t.Errorf("disconnected with %q, want %q", got, want)
		}
	}
	wait.Until(t, "the end", func() bool { return f.Stats().Clients == 0 })
	c.free()
	wantReason("/ transport close")
}

// TestPausedIsNotTimedOut: the silence of a client that is not read is not held
// against it, by neither side.
func TestPausedIsNotTimedOut(t *testing.T) {
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPending: 10, PingInterval: 100e6, PingTimeout: 2e9}, func(f *fixture) { c.register(f); echo(f) })
	w := f.join(t)
	wait.For(t, "connection", f.connected)
	w.send(flood(100, 0)...)
	pings := 0
	for pings < 24 { // unanswered, for longer than the timeout
		if w.recv() == "2" {
			pings++
		}
	}
	w.send("3") // behind the events
	c.free()
	wait.Until(t, "the events", func() bool { return c.handled.Load() == 100 })
	w.send(`42["echo","alive"]`)
	for {
		m := w.recv()
		if m == "2" {
			w.send("3")
			continue
		}
		if !bytes.Equal([]byte(m), []byte(`42["echo","alive"]`)) {
			t.Fatalf("got %q", m)
		}
		return
	}
}
