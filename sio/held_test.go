package sio_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// numbered reads an event with a number.
func numbered(t *testing.T, packet string) (event string, n int) {
	t.Helper()
	text := strings.NewReplacer(`"`, " ", ",", " ", "]", " ").Replace(strings.TrimPrefix(packet, `42["`))
	if _, err := fmt.Sscan(text, &event, &n); err != nil {
		t.Fatalf("%q: %v", packet, err)
	}
	return event, n
}

// TestStateThenUpdates has a connection handler join a room and send a state
// while updates are broadcast to the room all the time: the state always comes
// first, and the updates that follow it come in order, none missing.
func TestStateThenUpdates(t *testing.T) {
	const clients = 200
	var updates atomic.Int64
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.HoldFor(time.Hour)
		f.OnConnection(func(s *sio.Socket) {
			s.Join("all")
			state := updates.Load()
			runtime.Gosched() // as looking up the state may
			s.Emit("state", state)
		})
	})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			f.To("all").Emit("update", updates.Add(1))
			time.Sleep(50 * time.Microsecond) // a rate that clients can follow
		}
	})
	for range clients {
		w := f.dial(t)
		w.send("40")
		if packet := w.recv(); !strings.HasPrefix(packet, "40") {
			t.Fatalf("before the connection: %s", packet)
		}
		event, state := numbered(t, w.recv())
		if event != "state" {
			t.Fatalf("before the state: %s %d", event, state)
		}
		for last := -1; last < state+5; {
			event, n := numbered(t, w.recv())
			if event != "update" || last >= 0 && n != last+1 || last < 0 && n > state+1 {
				t.Fatalf("state %d, then %d: %s %d", state, last, event, n)
			}
			last = n
		}
		w.conn.Close()
		wait.For(t, "connection", f.connected)
		wait.For(t, "disconnection", f.disconnected)
	}
	close(stop)
	wg.Wait()
}

// TestBroadcastsWaitForConnectionHandlers: what is emitted to a socket goes out
// at once while its connection handlers run, whoever emits it, and so do
// questions. Broadcasts come afterwards, in order, and volatile ones are
// dropped.
func TestBroadcastsWaitForConnectionHandlers(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.HoldFor(time.Hour)
		f.OnConnection(func(s *sio.Socket) {
			s.Join("room")
			f.To("room").Emit("held", 1)
			elsewhere := make(chan struct{})
			go func() {
				defer close(elsewhere)
				f.To(s.ID()).Emit("held", 2)
				s.Emit("first", 1)
				f.Volatile().Emit("lost", 0)
			}()
			<-elsewhere
			f.Local().Emit("held", 3)
			if _, err := sio.EmitAck[string](t.Context(), s, "first", 2); err != nil {
				t.Error(err)
			}
			if _, err := sio.EmitAckAll[string](t.Context(), f.To("room"), "first", 3); err != nil {
				t.Error(err)
			}
			s.Emit("first", 4)
		})
	})
	w := f.dial(t)
	w.send("40")
	w.recv()
	for n := 1; n <= 4; n++ {
		packet := w.recv()
		at := strings.Index(packet, fmt.Sprintf(`["first",%d`, n))
		if at < 0 {
			t.Fatalf("event %d is %s", n, packet)
		}
		if n == 2 || n == 3 {
			w.send("43" + packet[2:at] + `["yes"]`)
		}
	}
	for n := 1; n <= 3; n++ {
		if event, got := numbered(t, w.recv()); event != "held" || got != n {
			t.Fatalf("held event %d is %s %d", n, event, got)
		}
	}
	if st := f.Stats(); st.VolatileDropped != 1 || st.Held != 0 {
		t.Errorf("%d were dropped, %d are held", st.VolatileDropped, st.Held)
	}
}

// TestHoldingIsBounded: when too much is held, or for too long, it is sent,
// though the connection handler has not returned, and nothing more is held.
func TestHoldingIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ events, bytes int }{
		"packets": {256, 1},
		"bytes":   {9, 128 << 10},
		"time":    {1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			f := serve(t, sio.Config{}, func(f *fixture) {
				if name != "time" {
					f.HoldFor(time.Hour)
				}
				f.OnConnection(func(s *sio.Socket) { <-release })
			})
			defer close(release)
			w := f.join(t)
			wait.For(t, "connection", f.connected)
			text := strings.Repeat("x", c.bytes)
			for n := range c.events {
				if err := f.Emit("e", n, text); err != nil {
					t.Fatal(err)
				}
			}
			for n := range c.events {
				w.want(fmt.Sprintf(`42["e",%d,"%s"]`, n, text))
			}
			if st := f.Stats(); st.Held != 0 {
				t.Errorf("%d are held", st.Held)
			}
			f.Volatile().Emit("after")
			w.want(`42["after"]`)
		})
	}
}

// TestHoldingEnds: it ends also when a handler panics or ends its goroutine,
// and what is held is sent before a client is disconnected, or its connection
// closed.
func TestHoldingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(s *sio.Socket)
		then    string // the next packet
	}{
		"returns":     {func(*sio.Socket) {}, ""},
		"exits":       {func(*sio.Socket) { runtime.Goexit() }, "41"},
		"leaves":      {func(s *sio.Socket) { s.Disconnect(false) }, "41"},
		"is expelled": {func(s *sio.Socket) { s.Disconnect(true) }, "41"},
		"panics":      {func(*sio.Socket) { panic("handler") }, "41"},
		"closes": {func(s *sio.Socket) {
			s.Conn().Close(false)
			<-s.Context().Done()
		}, "close"},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{}, func(f *fixture) {
				f.HoldFor(time.Hour)
				f.OnConnection(func(s *sio.Socket) {
					f.Emit("held")
					c.handler(s)
				})
			})
			w := f.join(t)
			w.want(`42["held"]`)
			switch c.then {
			case "41":
				w.want("41")
			case "":
				f.Volatile().Emit("after")
				w.want(`42["after"]`)
			}
		})
	}
}

// TestShutdownSendsWhatIsHeld: it leaves before the connection is closed.
func TestShutdownSendsWhatIsHeld(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.HoldFor(time.Hour)
		f.OnConnection(func(s *sio.Socket) { <-release })
	})
	w := f.join(t)
	wait.For(t, "connection", f.connected)
	f.Emit("held")
	wait.Until(t, "it is held", func() bool { return f.Stats().Held == 1 })
	ended := make(chan error, 1)
	go func() { ended <- f.Shutdown(context.Background()) }()
	w.want(`42["held"]`)
	close(release)
	if err := wait.For(t, "shutdown", ended); err != nil {
		t.Error(err)
	}
}

// TestHeldIsCountedAsDiscarded: what is held for a client that goes.
func TestHeldIsCountedAsDiscarded(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.HoldFor(time.Hour)
		f.OnConnection(func(s *sio.Socket) { <-release })
	})
	defer close(release)
	w := f.join(t)
	wait.For(t, "connection", f.connected)
	f.Emit("held")
	f.Emit("held")
	wait.Until(t, "both are held", func() bool { return f.Stats().Held == 2 })
	w.conn.Close()
	wait.Until(t, "both are discarded", func() bool {
		st := f.Stats()
		return st.Held == 0 && st.Loop.Discarded == 2
	})
}
