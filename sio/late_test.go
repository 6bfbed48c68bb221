package sio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// peer is a client over either transport.
type peer interface {
	send(messages ...string) // in one segment, or one POST
}

func (p *polling) send(messages ...string) {
	p.t.Helper()
	p.post(strings.Join(messages, "\x1e"))
}

// numberedEvents are events "e" with numbers.
func numberedEvents(from, to int) (events []string) {
	for n := from; n < to; n++ {
		events = append(events, fmt.Sprintf(`42/n,["e",%d]`, n))
	}
	return events
}

const lateEvents = 10

// leaver is a client in "/n" with a handler that runs and events that wait.
type leaver struct {
	*fixture
	t      *testing.T
	socket *sio.Socket
	peer   peer
	ws     *ws // nil over polling
	polled *polling
}

// A way in which the socket of a leaver ends.
type leaving struct {
	handled bool // what waits is
	cfg     sio.Config
	with    string // is sent in one segment with the events
	end     func(l *leaver)
}

var leavings = map[string]leaving{
	"Shutdown": {handled: true, end: func(l *leaver) {
		ended := make(chan error, 1)
		go func() { ended <- l.Shutdown(context.Background()) }()
		l.t.Cleanup(func() {
			if err := wait.For(l.t, "end of Shutdown", ended); err != nil {
				l.t.Errorf("Shutdown: %v", err)
			}
		})
	}},
	"lost connection": {handled: true, cfg: sio.Config{PingInterval: 200e6, PingTimeout: 200e6}, end: func(l *leaver) {
		if l.ws != nil {
			l.ws.conn.Close()
		}
	}},
	"leave":                  {handled: true, end: func(l *leaver) { l.peer.send("41/n,") }},
	"leave in one segment":   {handled: true, with: "41/n,"},
	"close":                  {handled: true, end: func(l *leaver) { l.peer.send("1") }},
	"close in one segment":   {handled: true, with: "1"},
	"invalid packet":         {handled: true, end: func(l *leaver) { l.peer.send("4nonsense") }},
	"invalid in one segment": {handled: true, with: "4nonsense"},
	"out of order":           {handled: true, with: "42/unknown,[1]"},
	"Disconnect":             {end: func(l *leaver) { l.socket.Disconnect(false) }},
	"Disconnect the client":  {end: func(l *leaver) { l.socket.Disconnect(true) }},
	"DisconnectSockets":      {end: func(l *leaver) { l.Of("/n").DisconnectSockets(false) }},
	"the client by another":  {end: func(l *leaver) { l.Of("/").DisconnectSockets(true) }},
	"Conn.Close":             {end: func(l *leaver) { l.socket.Conn().Close(false) }},
	"Conn.Close, discarding": {end: func(l *leaver) { l.socket.Conn().Close(true) }},
	"Namespace.Close":        {end: func(l *leaver) { l.Of("/n").Close() }},
}

// TestWhatWasSentIsHandled: what waits when a client has left is handled, in
// order, before the disconnect handlers, with a context that is not done. What
// waits when the application ends a socket is counted.
func TestWhatWasSentIsHandled(t *testing.T) {
	for name, way := range leavings {
		for _, transport := range []string{"websocket", "polling"} {
			t.Run(name+", "+transport, func(t *testing.T) { testLeaving(t, way, transport) })
		}
	}
}

func testLeaving(t *testing.T, way leaving, transport string) {
	steps, release := make(chan string, 100), make(chan struct{})
	f := serve(t, way.cfg, func(f *fixture) {
		ns := f.Of("/n")
		ns.OnConnection(func(s *sio.Socket) {
			s.Join("room")
			s.SetData("data")
			steps <- "connection"
			record(f, f.connected, s)
		})
		sio.OnAck(ns, "e", func(ctx context.Context, s *sio.Socket, n int) (int, error) {
			if n == 0 {
				steps <- "begun"
				<-release
				if ctx.Err() != sio.ErrDisconnected {
					t.Errorf("the context of the handler that ran: %v", ctx.Err())
				}
			} else if err := checkLate(ctx, s); err != nil {
				t.Error(err)
			}
			steps <- fmt.Sprint("event ", n)
			return n, nil
		})
		ns.On("e", func(_ context.Context, e *sio.Event) error {
			if err := e.Ack(); err != sio.ErrAcked { // it asks for none
				t.Errorf("Ack: %v", err)
			}
			return nil
		})
		ns.OnDisconnecting(func(s *sio.Socket, _ sio.Reason) {
			if rooms := s.Rooms(); len(rooms) != 2 {
				t.Errorf("the rooms are %q", rooms)
			}
			steps <- "disconnecting"
		})
		ns.OnDisconnect(func(*sio.Socket, sio.Reason) { steps <- "disconnect" })
	})
	l := &leaver{fixture: f, t: t}
	if transport == "websocket" {
		l.ws = f.join(t)
		l.peer = l.ws
	} else {
		l.polled = f.polling(t)
		l.peer = l.polled
		l.polled.connect()
	}
	wait.For(t, "socket", f.connected)
	l.peer.send("40/n,")
	l.socket = wait.For(t, "socket", f.connected)
	l.peer.send(numberedEvents(0, 1)...)
	for _, want := range []string{"connection", "begun"} {
		if got := wait.For(t, want, steps); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	rest := numberedEvents(1, lateEvents)
	if way.with != "" {
		rest = append(rest, way.with)
	}
	l.peer.send(rest...)
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == lateEvents })
	if way.end != nil {
		way.end(l)
	}
	if l.polled != nil { // it fetches what the server has to say
		go func() {
			for ok := true; ok; {
				res, err := l.polled.http.Get(l.polled.url)
				if ok = err == nil && res.StatusCode == http.StatusOK; err == nil {
					res.Body.Close()
				}
			}
		}()
	}
	wait.Until(t, "the end of the socket", func() bool { return !l.socket.Connected() })
	close(release)
	want := []string{"event 0"}
	for n := 1; n < lateEvents && way.handled; n++ {
		want = append(want, fmt.Sprint("event ", n))
	}
	want = append(want, "disconnecting", "disconnect")
	for _, step := range want {
		if got := wait.For(t, step, steps); got != step {
			t.Fatalf("%s, want %s", got, step)
		}
	}
	dropped := uint64(lateEvents - 1)
	if way.handled {
		dropped = 0
	}
	if st := f.Stats(); st.Unhandled != dropped {
		t.Errorf("%d events were dropped, want %d", st.Unhandled, dropped)
	}
	wait.Until(t, "nothing waits", func() bool {
		st := f.Stats()
		return st.Pending == 0 && st.PendingBytes == 0 && st.PendingLate == 0 && st.PendingLateBytes == 0 && st.PendingStranded == 0
	})
}

// checkLate looks at what a handler has that starts when its client has left.
func checkLate(ctx context.Context, s *sio.Socket) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the context is done: %w", err)
	}
	if _, ok := ctx.Deadline(); !ok {
		return errors.New("the context has no deadline")
	}
	if err := s.Context().Err(); err != sio.ErrDisconnected {
		return fmt.Errorf("the context of the socket: %v", err)
	}
	if err := s.Emit("x"); err != sio.ErrDisconnected {
		return fmt.Errorf("Emit: %v", err)
	}
	if _, err := s.EmitAck(ctx, "x"); err != sio.ErrDisconnected {
		return fmt.Errorf("EmitAck: %v", err)
	}
	if err := s.Flush(ctx); err != sio.ErrDisconnected {
		return fmt.Errorf("Flush: %v", err)
	}
	if err := s.Join("later"); err != nil {
		return fmt.Errorf("Join: %v", err)
	}
	if s.Connected() || s.Data() != "data" || slices.Contains(s.Rooms(), "later") {
		return fmt.Errorf("connected: %t, data: %v, rooms: %v", s.Connected(), s.Data(), s.Rooms())
	}
	return nil
}

// TestLateAck: an acknowledgement for a client that has left is refused.
func TestLateAck(t *testing.T) {
	release, acks := make(chan struct{}), make(chan error, 4)
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.On("e", func(_ context.Context, e *sio.Event) error {
			<-release
			acks <- e.Ack("answer")
			acks <- e.AckArgs(e.RawArgs)
			return nil
		})
	})
	w := f.join(t)
	w.send(`421["e"]`, `422["e"]`, "41")
	wantReason := wait.For(t, "socket", f.connected)
	wait.Until(t, "the end", func() bool { return !wantReason.Connected() })
	close(release)
	for range 2 {
		if err := wait.For(t, "Ack", acks); err != sio.ErrDisconnected {
			t.Errorf("Ack: %v", err)
		}
		wait.For(t, "AckArgs", acks)
	}
}

// TestLateTimeout: each handler that starts when its client has left has its
// own time, and those behind one that has let its context end have none.
func TestLateTimeout(t *testing.T) {
	const events = 20
	type start struct {
		deadline time.Time
		err      error // of the context
	}
	starts, release := make(chan start, events), make(chan struct{})
	f := serve(t, sio.Config{LeaveTimeout: 100 * time.Millisecond}, func(f *fixture) {
		f.On("wait", func(ctx context.Context, e *sio.Event) error {
			deadline, _ := ctx.Deadline()
			starts <- start{deadline, ctx.Err()}
			<-ctx.Done()
			if cause := context.Cause(ctx); cause != sio.ErrDisconnected {
				t.Errorf("the cause is %v", cause)
			}
			return nil
		})
		f.On("store", func(ctx context.Context, e *sio.Event) error {
			<-release
			deadline, _ := ctx.Deadline()
			starts <- start{deadline, nil}
			return nil
		})
	})
	send := func(event string) {
		w := f.join(t)
		s := wait.For(t, "socket", f.connected)
		w.send(append(slices.Repeat([]string{`42["` + event + `"]`}, events), "41")...)
		wait.Until(t, "the end", func() bool { return !s.Connected() })
	}
	send("wait")
	wantReason(t, f, "/ client namespace disconnect")
	for n := range events {
		got := wait.For(t, "start", starts)
		if (got.err != nil) != (n > 0) {
			t.Errorf("handler %d: %+v", n, got)
		}
	}
	send("store")
	close(release)
	wantReason(t, f, "/ client namespace disconnect")
	var last time.Time
	for n := range events {
		got := wait.For(t, "start", starts)
		if !got.deadline.After(last) {
			t.Errorf("handler %d has time until %v, the one before until %v", n, got.deadline, last)
		}
		last = got.deadline
	}
}

// TestLateHandlersEndInAnyWay: late handlers that panic or end their goroutine
// do not keep the others from running, nor the disconnect handlers.
func TestLateHandlersEndInAnyWay(t *testing.T) {
	for how, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			const events = 30
			steps, release := make(chan string, 2*events), make(chan struct{})
			f := serve(t, sio.Config{}, func(f *fixture) {
				f.OnAny(func(_ context.Context, e *sio.Event) error {
					<-release
					return nil
				})
				f.UsePacket(func(ctx context.Context, _ *sio.Event) error { return ctx.Err() })
				sio.On(f, "e", func(_ context.Context, _ *sio.Socket, n int) error {
					if n%3 == 1 {
						end()
					}
					steps <- fmt.Sprint(n)
					return nil
				})
				f.On("e", func(_ context.Context, e *sio.Event) error {
					steps <- "second"
					return nil
				})
			})
			w := f.join(t)
			s := wait.For(t, "socket", f.connected)
			var list []string
			for n := range events {
				list = append(list, fmt.Sprintf(`42["e",%d]`, n))
			}
			w.send(append(list, "41")...)
			wait.Until(t, "the end", func() bool { return !s.Connected() })
			close(release)
			wantReason(t, f, "/ client namespace disconnect")
			for n := range events {
				if n%3 != 1 {
					if got, want := wait.For(t, "event", steps), fmt.Sprint(n); got != want {
						t.Fatalf("%s, want %s", got, want)
					}
				}
				if got := wait.For(t, "second handler", steps); got != "second" {
					t.Fatalf("%s, want the second handler of event %d", got, n)
				}
			}
			empty(t, "steps", steps)
		})
	}
}

// TestLateEventsAreBounded: when more events of clients that have left wait
// than all may have, those of the clients that left first are dropped and
// counted, and no client is refused because of them.
func TestLateEventsAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     sio.Config
		padding int
	}{
		"events": {sio.Config{MaxPendingTotal: 30, Loops: 1}, 0},
		"bytes":  {sio.Config{MaxPendingTotalBytes: 30_500, Loops: 1}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			const clients, each = 8, 9
			c1 := newCounter(t)
			f := serve(t, c.cfg, func(f *fixture) { c1.register(f); echo(f) })
			for i := range clients {
				w := f.join(t)
				wait.For(t, "connection", f.connected)
				w.send(flood(1, 0)...)
				wait.Until(t, "the handler", func() bool { return c1.begun.Load() == int64(i+1) })
				w.send(flood(each+1, c.padding)[1:]...)
				wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == uint64((each+1)*(i+1)) })
				w.conn.Close()
				wait.Until(t, fmt.Sprintf("what waits when %d clients have left", i+1), func() bool {
					st := f.Stats()
					return st.PendingLate == min(i+1, 3)*each && st.Unhandled == uint64(max(0, i-2)*each)
				})
			}
			w := f.join(t)
			wait.For(t, "connection", f.connected)
			w.alive()
			c1.free()
			wait.Until(t, "the handlers, that of the last client's event included", func() bool {
				st := f.Stats()
				return st.PendingStranded == 0 && st.PendingBytes == 0
			})
			st := f.Stats()
			if handled := uint64(c1.handled.Load()); handled != clients+3*each || handled+st.Unhandled+1 != st.EventsIn {
				t.Errorf("%d events were handled, %+v", handled, st)
			}
			if st.PendingLate != 0 || st.PendingLateBytes != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestLeavesBehindItself: a client that leaves a namespace again and again with
// events that wait is slowed down like any other, and they are handled.
func TestLeavesBehindItself(t *testing.T) {
	const rounds, each = 100, 5
	c := newCounter(t)
	f := serve(t, sio.Config{MaxPending: 50, Loops: 1}, func(f *fixture) { c.register(f); echo(f) })
	w := f.dial(t)
	go func() {
		for range rounds {
			w.conn.Write(eiotest.AppendText(nil, "40"))
			w.recv() // the answer to CONNECT
			w.conn.Write(eiotest.AppendText(nil, append(flood(each, 0), "41")...))
		}
	}()
	wait.Until(t, "the pause", func() bool { return f.Stats().Pauses > 0 })
	if st := f.Stats(); st.Pending > 60 || st.PendingLate > 0 {
		t.Errorf("%+v", st)
	}
	c.free()
	wait.Until(t, "the events", func() bool { return c.handled.Load() == rounds*each })
	if n := f.Stats().Unhandled; n != 0 {
		t.Errorf("%d events were dropped", n)
	}
}

// TestShutdownCountsWhatIsLeft: when its context ends, the events that wait are
// dropped and counted, of servers that are attached too, and handlers that have
// started late see their contexts end.
func TestShutdownCountsWhatIsLeft(t *testing.T) {
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	begun, over := make(chan context.Context, 10), make(chan error, 1)
	setup := func(f *fixture) {
		f.On("block", func(ctx context.Context, _ *sio.Event) error {
			begun <- ctx
			<-release
			return nil
		})
		f.On("wait", func(ctx context.Context, _ *sio.Event) error {
			begun <- ctx
			<-ctx.Done()
			over <- context.Cause(ctx)
			return nil
		})
		f.On("none", func(context.Context, *sio.Event) error {
			t.Error("an event was handled after the end")
			return nil
		})
	}
	other, err := sio.New(sio.Config{Path: "/other/", Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := serve(t, sio.Config{Loops: 1, LeaveTimeout: time.Hour, MaxHandlers: 3}, func(f *fixture) {
		setup(f)
		setup(&fixture{Server: other})
		if err := f.Attach(other); err != nil {
			t.Fatal(err)
		}
	})
	late := f.join(t)
	wait.For(t, "socket", f.connected)
	late.send(`42["block"]`, `42["wait"]`, `42["none"]`, `42["none"]`)
	wait.For(t, "handler", begun)
	late.conn.Close()
	wait.Until(t, "the end of the connection", func() bool { return f.Stats().PendingLate == 3 })
	release <- struct{}{}
	if ctx := wait.For(t, "handler", begun); ctx.Err() != nil {
		t.Fatalf("the context of a handler that starts late: %v", ctx.Err())
	}
	blocked := f.join(t)
	blocked.send(`42["block"]`, `42["none"]`, `42["none"]`, `42["none"]`)
	wait.For(t, "handler", begun)
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	attached := f.upgradeAt(t, conn, "/other/", "EIO=4")
	openPacket(t, attached.recv())
	attached.connect("/")
	attached.send(`42["block"]`, `42["none"]`)
	wait.For(t, "handler", begun)
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 8 && other.Stats().EventsIn == 2 })

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = f.Shutdown(ctx)
	var left *sio.ShutdownError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &left) {
		t.Fatalf("Shutdown: %v", err)
	}
	if cause := wait.For(t, "end of the late handler's context", over); cause != sio.ErrDisconnected {
		t.Errorf("the cause is %v", cause)
	}
	if left.Unhandled != 6 || left.HandlersRunning < 2 || left.HandlersRunning > 3 || left.HandlersWaiting != 0 {
		t.Errorf("%+v", left)
	}
	if got := f.Stats().Unhandled + other.Stats().Unhandled; got != 6 {
		t.Errorf("%d events were counted", got)
	}
	free() // the handlers of two sockets at once
	reasons := []string{wait.For(t, "reason", f.disconnected), wait.For(t, "reason", f.disconnected)}
	slices.Sort(reasons)
	if want := []string{"/ server shutting down", "/ transport close"}; !slices.Equal(reasons, want) {
		t.Errorf("the reasons are %q, want %q", reasons, want)
	}
}

// TestCloseDropsWhatWaits: Close is Shutdown with a context that has ended.
func TestCloseDropsWhatWaits(t *testing.T) {
	begun, release := make(chan int, 10), make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		sio.On(f, "e", func(_ context.Context, _ *sio.Socket, n int) error {
			begun <- n
			<-release
			return nil
		})
	})
	w := f.join(t)
	w.send(`42["e",0]`, `42["e",1]`, `42["e",2]`)
	wait.For(t, "handler", begun)
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 3 })
	if err := f.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	close(release)
	wantReason(t, f, "/ server shutting down")
	empty(t, "events", begun)
	if n := f.Stats().Unhandled; n != 2 {
		t.Errorf("%d events were counted", n)
	}
}

// TestLateWithRecovery: a client comes back while what it had sent is still
// handled. That goes on, before the disconnect handlers of the socket that has
// left, and what it emits to the client reaches it at its new connection.
func TestLateWithRecovery(t *testing.T) {
	steps, release := make(chan string, 20), make(chan struct{})
	f := recovering(t, sio.Recovery{}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) { steps <- fmt.Sprint("connection ", s.Recovered()) })
		sio.On(f, "e", func(ctx context.Context, s *sio.Socket, n int) error {
			if n == 0 {
				<-release
			}
			steps <- fmt.Sprint("event ", n)
			return s.Emit("stored", n)
		})
		f.OnDisconnect(func(*sio.Socket, sio.Reason) { steps <- "disconnect" })
	})
	want := func(list ...string) {
		t.Helper()
		for _, step := range list {
			if got := wait.For(t, step, steps); got != step {
				t.Fatalf("%s, want %s", got, step)
			}
		}
	}
	w, id := begin(t, f)
	want("connection false")
	w.send(`42["e",0]`, `42["e",1]`, `42["e",2]`)
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 4 })
	w.conn.Close()
	wait.Until(t, "the end", func() bool { return f.Stats().Sockets == 0 })
	again := f.dial(t)
	again.send(id.connect())
	if got := connected(t, again.recv()); got.PID != id.PID {
		t.Fatalf("it comes back as %+v, was %+v", got, id)
	}
	// It does not wait for the handlers of the old socket.
	want("connection true")
	close(release)
	want("event 0", "event 1", "event 2", "disconnect")
	for n := range 3 {
		if got, prefix := again.recv(), fmt.Sprintf(`42["stored",%d,`, n); !strings.HasPrefix(got, prefix) {
			t.Errorf("got %s, want %s…", got, prefix)
		}
	}
}

// TestGoneSocketIsCollected: the connection of a client that has left a
// namespace while its events waited does not hold on to the socket when they
// are handled.
func TestGoneSocketIsCollected(t *testing.T) {
	release, collected := make(chan bool), make(chan bool)
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		ns := f.Of("/n")
		ns.OnConnection(func(s *sio.Socket) {
			data := new([100]int)
			runtime.AddCleanup(data, func(struct{}) { close(collected) }, struct{}{})
			s.SetData(data)
		})
		sio.On(ns, "x", func(context.Context, *sio.Socket, int) error {
			<-release
			return nil
		})
		ns.OnDisconnect(func(_ *sio.Socket, reason sio.Reason) { record(f, f.disconnected, string(reason)) })
	})
	w := f.join(t, "/n", "/")
	w.send(`42/n,["x",0]`, `42/n,["x",1]`, "41/n,")
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 2 })
	close(release)
	wantReason(t, f, "client namespace disconnect")
	w.alive()
	for range 100 {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the socket is kept")
}
