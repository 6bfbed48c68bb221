package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// recovering starts a server with recovery, and rooms that clients ask for.
func recovering(t testing.TB, r sio.Recovery, setup func(f *fixture)) *fixture {
	t.Helper()
	return serve(t, sio.Config{ConnectionStateRecovery: &r, AllowEIO3: true}, func(f *fixture) {
		echo(f)
		sio.OnAck(f, "join", func(_ context.Context, s *sio.Socket, room string) (bool, error) { s.Join(room); return true, nil })
		sio.OnAck(f, "leave", func(_ context.Context, s *sio.Socket, room string) (bool, error) { s.Leave(room); return true, nil })
		if setup != nil {
			setup(f)
		}
	})
}

// identity is what a client knows of its session.
type identity struct{ SID, PID, Offset string }

func (id identity) connect() string {
	return fmt.Sprintf(`40{"pid":%q,"offset":%q}`, id.PID, id.Offset)
}

var pidPattern = regexp.MustCompile(`^40\{"sid":"([A-Za-z0-9_-]{20})","pid":"([A-Za-z0-9_-]{20})"\}$`)

func connected(t testing.TB, packet string) (id identity) {
	t.Helper()
	match := pidPattern.FindStringSubmatch(packet)
	if match == nil {
		t.Fatalf("got %q, want a CONNECT with a pid", packet)
	}
	id.SID, id.PID = match[1], match[2]
	return id
}

// begin connects and receives one event.
func begin(t testing.TB, f *fixture) (*ws, identity) {
	t.Helper()
	w := f.dial(t)
	w.send("40")
	id := connected(t, w.recv())
	w.send(`42["echo","first"]`)
	id.Offset = w.wantOffset(`42["echo","first"]`)
	return w, id
}

// wantOffset takes an event whose last argument is an offset, and returns that.
func (w *ws) wantOffset(event string) string {
	w.t.Helper()
	got := w.recv()
	var args []any
	_, list, _ := strings.Cut(got, "[")
	if err := json.Unmarshal([]byte("["+list), &args); err != nil {
		w.t.Fatalf("got %q: %v", got, err)
	}
	offset, ok := args[len(args)-1].(string)
	if want := strings.TrimSuffix(event, "]") + `,"` + offset + `"]`; !ok || got != want {
		w.t.Fatalf("got %q, want %q with an offset", got, event)
	}
	return offset
}

// drop loses the client's connection.
func (w *ws) drop(f *fixture) {
	w.t.Helper()
	w.conn.Close()
	wantReason(w.t, f, "/ transport close")
}

// TestRecoveryIDs: with recovery a client gets a private id.
func TestRecoveryIDs(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	_, one := begin(t, f)
	_, two := begin(t, f)
	if one.PID == two.PID || one.PID == one.SID {
		t.Errorf("the pids are %q and %q, the sid %q", one.PID, two.PID, one.SID)
	}
	old := f.dialEIO(t, 3)
	old.want("40")
	old.send(`42["echo",1]`)
	old.wantOffset(`42["echo",1]`)
	off := serve(t, sio.Config{}, echo)
	off.join(t).alive() // without a pid and an offset
}

// TestRecoveryOffsets: events end with an offset, but not volatile ones and
// those that ask for acknowledgements.
func TestRecoveryOffsets(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	w, id := begin(t, f)
	last := id.Offset
	const n = 300
	s := wait.For(t, "connection", f.connected)
	for i := range n {
		var err error
		if i%2 == 0 {
			err = f.Emit("e", i)
		} else {
			err = s.Emit("e", i)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{last: true}
	for i := range n {
		offset := w.wantOffset(fmt.Sprintf(`42["e",%d]`, i))
		if seen[offset] {
			t.Fatalf("%q came twice", offset)
		}
		seen[offset] = true
		if first, count, ok := strings.Cut(offset, "."); ok && count == "0" && !seen[first] {
			t.Fatalf("%q came without %q", offset, first)
		}
	}
	if err := s.Emit("bin", []byte{1}); err != nil {
		t.Fatal(err)
	}
	w.wantOffset(`451-["bin",{"_placeholder":true,"num":0}]`)
	w.want("b:01")
	if err := f.Volatile().Emit("v"); err != nil {
		t.Fatal(err)
	}
	w.want(`42["v"]`)
	if err := s.Volatile().Emit("v"); err != nil {
		t.Fatal(err)
	}
	w.want(`42["v"]`)
	answer := make(chan error, 1)
	go func() {
		_, err := s.EmitAck(context.Background(), "q")
		answer <- err
	}()
	w.want(`420["q"]`)
	w.send("430[]")
	if err := wait.For(t, "answer", answer); err != nil {
		t.Error(err)
	}
}

// TestRecovery: a client that comes back gets its id, rooms, data and the
// packets that it has missed, several times in one session's life.
func TestRecovery(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	w, id := begin(t, f)
	s := wait.For(t, "connection", f.connected)
	s.Join("a", "b", "left")
	s.Leave("left")
	s.SetData("kept")
	for round := range 5 {
		w.drop(f)
		if s.Recovered() != (round > 0) {
			t.Errorf("round %d: recovered is %v", round, s.Recovered())
		}
		for _, emit := range []func() error{
			func() error { return f.Emit("all", round) },
			func() error { return f.To("a", "b").Emit("bin", []byte{1, 2}) },
			func() error { return f.To("elsewhere", "left").Emit("not for it") },
			func() error { return f.Except("b").Emit("not for it") },
			func() error { return f.Volatile().Emit("not for it") },
			func() error { return s.Broadcast().Emit("not for it") },
			func() error { return s.Emit("to it") },
			func() error { return f.To(id.SID).Emit("to its id") },
		} {
			if err := emit(); err != nil {
				t.Fatal(err)
			}
		}
		w = f.dial(t)
		w.send(id.connect())
		w.wantOffset(fmt.Sprintf(`42["all",%d]`, round))
		w.wantOffset(`451-["bin",{"_placeholder":true,"num":0}]`)
		w.want("b:0102")
		w.wantOffset(`42["to it"]`)
		id.Offset = w.wantOffset(`42["to its id"]`)
		if got := connected(t, w.recv()); got.SID != id.SID || got.PID != id.PID {
			t.Fatalf("back as %v, want %v", got, id)
		}
		s = wait.For(t, "connection", f.connected)
		rooms := s.Rooms()
		slices.Sort(rooms[1:])
		if s.ID() != id.SID || !slices.Equal(rooms, []string{id.SID, "a", "b"}) || s.Data() != "kept" || !s.Recovered() {
			t.Fatalf("back as %s in %v with %v", s.ID(), rooms, s.Data())
		}
		if err := f.To(id.SID).Emit("found"); err != nil {
			t.Fatal(err)
		}
		id.Offset = w.wantOffset(`42["found"]`)
	}
	if st := f.Stats().Recovery; st.Recovered != 5 || st.Replayed != 20 || st.Sessions != 0 || st.Packets == 0 || st.Bytes == 0 {
		t.Errorf("statistics %+v", st)
	}
}

// TestRecoveryRooms gets back what was for rooms while it was in them.
func TestRecoveryRooms(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	w, id := begin(t, f)
	s := wait.For(t, "connection", f.connected)
	for _, step := range []func() error{
		func() error { return f.To("r").Emit("too early") },
		func() error { s.Join("r"); return f.To("r").Emit("in") },
		func() error { s.Leave("r"); return f.To("r").Emit("too late") },
		func() error { s.Join("r"); return f.To("r").Emit("in again") },
		func() error { s.Leave("r"); return f.Except("r").Emit("out") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	w.drop(f)
	w = f.dial(t)
	w.send(id.connect()) // as if nothing had arrived
	for _, event := range []string{"in", "in again", "out"} {
		w.wantOffset(`42["` + event + `"]`)
	}
	connected(t, w.recv())
}

// TestRecoveryRefused: a client with a wrong or used private id or offset gets
// a new session.
func TestRecoveryRefused(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	w, id := begin(t, f)
	w.drop(f)
	for _, auth := range []string{
		fmt.Sprintf(`{"pid":"x","offset":%q}`, id.Offset),
		fmt.Sprintf(`{"pid":%q,"offset":"0"}`, id.PID),
		fmt.Sprintf(`{"pid":%q,"offset":"!"}`, id.PID),
		fmt.Sprintf(`{"pid":%q,"offset":%q}`, id.PID, id.Offset+".zz"),
		fmt.Sprintf(`{"pid":%q,"offset":1}`, id.PID),
		fmt.Sprintf(`{"pid":1,"offset":%q}`, id.Offset),
		fmt.Sprintf(`{"pid":%q}`, id.PID),
		fmt.Sprintf(`{"offset":%q}`, id.Offset),
		fmt.Sprintf(`{"pid":null,"offset":%q}`, id.Offset),
	} {
		w := f.dial(t)
		w.send("40" + auth)
		if got := connected(t, w.recv()); got.SID == id.SID || got.PID == id.PID {
			t.Errorf("%s was recovered", auth)
		}
	}
	w = f.dial(t)
	w.send(id.connect())
	if got := connected(t, w.recv()); got.SID != id.SID {
		t.Error("the session was not recovered")
	}
	second := f.dial(t)
	second.send(id.connect())
	if got := connected(t, second.recv()); got.SID == id.SID || got.PID == id.PID {
		t.Error("the session was recovered twice")
	}
	w.send(`42["echo",1]`)
	w.wantOffset(`42["echo",1]`)
}

// TestRecoveryReasons: the reason of the disconnect decides whether a client
// can come back.
func TestRecoveryReasons(t *testing.T) {
	for _, tc := range []struct {
		reason string
		back   bool
		end    func(w *ws, s *sio.Socket)
	}{
		{"client namespace disconnect", false, func(w *ws, _ *sio.Socket) { w.send("41") }},
		{"server namespace disconnect", false, func(_ *ws, s *sio.Socket) { s.Disconnect(false) }},
		{"parse error", false, func(w *ws, _ *sio.Socket) { w.send("x") }},
		{"transport close", true, func(w *ws, _ *sio.Socket) { w.conn.Close() }},
		{"transport error", true, func(w *ws, _ *sio.Socket) { w.conn.Write([]byte{0xff, 0xff}) }},
		{"forced close", true, func(w *ws, _ *sio.Socket) { w.send("4x") }},
		{"ping timeout", true, func(*ws, *sio.Socket) {}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			f := serve(t, sio.Config{
				ConnectionStateRecovery: &sio.Recovery{}, PingInterval: 50 * time.Millisecond, PingTimeout: 200 * time.Millisecond,
			}, echo)
			w, id := begin(t, f)
			tc.end(w, wait.For(t, "connection", f.connected))
			wantReason(t, f, "/ "+tc.reason)
			back := f.dial(t)
			back.send(id.connect())
			if got := connected(t, back.recv()); (got.SID == id.SID) != tc.back {
				t.Errorf("recovered: %v", !tc.back)
			}
		})
	}
}

// TestRecoveryMiddlewares: middlewares run for a recovered client only if
// Recovery says so.
func TestRecoveryMiddlewares(t *testing.T) {
	for _, run := range []bool{false, true} {
		t.Run(fmt.Sprint("middlewares run: ", run), func(t *testing.T) {
			seen := make(chan bool, 10)
			f := recovering(t, sio.Recovery{RunMiddlewares: run}, func(f *fixture) {
				f.Use(func(s *sio.Socket) error {
					seen <- s.Recovered()
					if s.Recovered() && s.Data() != "kept" {
						return errors.New("no data")
					}
					s.Join("by middleware")
					return s.Emit("hello", s.Recovered())
				})
			})
			w := f.dial(t)
			w.send("40")
			offset := w.wantOffset(`42["hello",false]`)
			id := connected(t, w.recv())
			id.Offset = offset
			wait.For(t, "connection", f.connected).SetData("kept")
			if wait.For(t, "middleware", seen) {
				t.Error("the new socket is recovered")
			}
			w.drop(f)
			if err := f.To("by middleware").Emit("missed"); err != nil {
				t.Fatal(err)
			}
			w = f.dial(t)
			w.send(id.connect())
			w.wantOffset(`42["missed"]`)
			if run {
				w.wantOffset(`42["hello",true]`)
				if !wait.For(t, "middleware", seen) {
					t.Error("the socket is not recovered")
				}
			}
			if got := connected(t, w.recv()); got.SID != id.SID {
				t.Error("not recovered")
			}
			empty(t, "middleware", seen)
		})
	}
}

// TestRecoveryRefusedByMiddleware ends the session for good.
func TestRecoveryRefusedByMiddleware(t *testing.T) {
	expired := make(chan sio.ExpiredSession, 1)
	f := recovering(t, sio.Recovery{RunMiddlewares: true, OnExpire: func(e sio.ExpiredSession) { expired <- e }}, func(f *fixture) {
		f.Use(func(s *sio.Socket) error {
			if s.Recovered() {
				return errors.New("no")
			}
			return nil
		})
	})
	w, id := begin(t, f)
	w.drop(f)
	w = f.dial(t)
	w.send(id.connect())
	w.want(`44{"message":"no"}`)
	if e := wait.For(t, "expiry", expired); e.ID != id.SID {
		t.Errorf("%q has expired, want %q", e.ID, id.SID)
	}
	w.send(id.connect())
	if got := connected(t, w.recv()); got.SID == id.SID {
		t.Error("recovered after all")
	}
}

// TestRecoveryExpires: after MaxDisconnectionDuration a client begins as a new
// one.
func TestRecoveryExpires(t *testing.T) {
	expired := make(chan sio.ExpiredSession, 1)
	f := recovering(t, sio.Recovery{
		MaxDisconnectionDuration: 30 * time.Millisecond,
		OnExpire:                 func(e sio.ExpiredSession) { expired <- e },
	}, nil)
	w, id := begin(t, f)
	s := wait.For(t, "connection", f.connected)
	s.Join("room")
	s.SetData(7)
	w.drop(f)
	e := wait.For(t, "expiry", expired)
	if e.Namespace.Name() != "/" || e.ID != id.SID || !slices.Equal(e.Rooms, []string{"room"}) || e.Data != 7 {
		t.Errorf("expired: %+v", e)
	}
	if err := s.Emit("to nobody"); !errors.Is(err, sio.ErrDisconnected) {
		t.Errorf("emitted with %v", err)
	}
	w = f.dial(t)
	w.send(id.connect())
	if got := connected(t, w.recv()); got.SID == id.SID {
		t.Error("recovered too late")
	}
	if st := f.Stats().Recovery; st.Failed != 1 || st.Expired != 1 || st.Sessions != 0 {
		t.Errorf("statistics %+v", st)
	}
}

// TestRecoveryLimits keeps no more than it may.
func TestRecoveryLimits(t *testing.T) {
	expired := make(chan sio.ExpiredSession, 10)
	f := recovering(t, sio.Recovery{
		MaxPackets: 10, MaxBytes: 10_000, MaxSessions: 2,
		OnExpire: func(e sio.ExpiredSession) { expired <- e },
	}, nil)
	var ids []identity
	for range 3 {
		w, id := begin(t, f)
		w.drop(f)
		ids = append(ids, id)
	}
	if e := wait.For(t, "expiry", expired); e.ID != ids[0].SID {
		t.Errorf("%q has expired, want the first to leave", e.ID)
	}
	for range 20 {
		if err := f.Emit("e"); err != nil {
			t.Fatal(err)
		}
	}
	if st := f.Stats().Recovery; st.Packets != 10 || st.Sessions != 2 || st.Evicted != 14 {
		t.Errorf("statistics %+v", st)
	}
	w := f.dial(t)
	w.send(ids[2].connect())
	if got := connected(t, w.recv()); got.SID == ids[2].SID {
		t.Error("recovered without its offset")
	}
	for range 20 {
		if err := f.Emit("e", strings.Repeat("x", 3000)); err != nil {
			t.Fatal(err)
		}
	}
	if st := f.Stats().Recovery; st.Packets != 3 || st.Bytes > 10_000 {
		t.Errorf("statistics %+v", st)
	}
	if err := f.Emit("e", strings.Repeat("x", 30_000)); err != nil {
		t.Fatal(err)
	}
	if st := f.Stats().Recovery; st.Packets != 0 || st.Bytes != 0 {
		t.Errorf("statistics %+v", st)
	}
}

// TestRecoveryRoomHooks emits from the hooks of rooms, which are called where
// the log's lock would be in the way.
func TestRecoveryRoomHooks(t *testing.T) {
	f := recovering(t, sio.Recovery{}, func(f *fixture) {
		f.OnRoom(func(e sio.RoomEvent) {
			if err := f.Emit("room", e.Room); err != nil {
				t.Error(err)
			}
		})
	})
	w := f.dial(t)
	w.send("40")
	connected(t, w.recv())
	s := wait.For(t, "connection", f.connected)
	s.Join("r")
	s.Leave("r")
	for w.recv(); ; {
		if strings.HasPrefix(w.recv(), `42["room","r"`) {
			break
		}
	}
	w.drop(f)
}

// TestRecoveryLostInMiddleware: a client is lost again while the middlewares of
// its return run, and the limits evict what it has missed. Its session waits
// on, and ends once.
func TestRecoveryLostInMiddleware(t *testing.T) {
	inside, release := make(chan bool, 1), make(chan struct{})
	f := serve(t, sio.Config{
		Loops: 1, ConnectionStateRecovery: &sio.Recovery{RunMiddlewares: true, MaxPackets: 2},
	}, func(f *fixture) {
		echo(f)
		f.Use(func(s *sio.Socket) error {
			if s.Recovered() {
				inside <- true
				<-release
			}
			return nil
		})
	})
	w, id := begin(t, f)
	w.drop(f)
	w = f.dial(t)
	w.send(id.connect())
	wait.For(t, "middleware", inside)
	w.conn.Close()
	wait.Until(t, "the session waits again", func() bool { return f.Stats().Recovery.Sessions == 1 })
	for range 5 {
		if err := f.Emit("e"); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	wait.Until(t, "the middleware has returned", func() bool { return f.Stats().HandlersRunning == 0 })
	begin(t, f) // the loop has dealt with the outcome
	if st := f.Stats().Recovery; st.Sessions != 1 || st.Expired != 0 || st.Gaps != 0 {
		t.Errorf("statistics %+v", st)
	}
}

// TestRecoveryLeavesOutItself: a broadcast of a handler that still runs for a
// lost socket does not reach the socket that has come back with its id.
func TestRecoveryLeavesOutItself(t *testing.T) {
	back, emitted := make(chan struct{}), make(chan error, 1)
	f := recovering(t, sio.Recovery{}, func(f *fixture) {
		f.On("late", func(_ context.Context, e *sio.Event) error {
			<-back
			emitted <- e.Socket().Broadcast().Emit("late")
			return nil
		})
	})
	w, id := begin(t, f)
	other, _ := begin(t, f)
	w.send(`42["late"]`)
	wait.Until(t, "the event", func() bool { return f.Stats().EventsIn == 3 })
	w.conn.Close()
	again := f.dial(t)
	again.send(id.connect())
	if got := connected(t, again.recv()); got.SID != id.SID {
		t.Fatalf("the socket is %s, want %s", got.SID, id.SID)
	}
	close(back)
	if err := wait.For(t, "the broadcast", emitted); err != nil {
		t.Fatal(err)
	}
	if err := f.Emit("next"); err != nil {
		t.Fatal(err)
	}
	other.wantOffset(`42["late"]`)
	other.wantOffset(`42["next"]`)
	again.wantOffset(`42["next"]`)
}
