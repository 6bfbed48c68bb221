package sio_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// The names of these rooms would be the same to other servers.
const odd, other, replacement = "\xff\x01", "\xfe\x01", "\ufffd\x01"

// TestOddNamesAlone: without other servers any bytes are a room, and no
// other's.
func TestOddNamesAlone(t *testing.T) {
	for name, cfg := range map[string]sio.Config{"plain": {}, "recovery": {ConnectionStateRecovery: new(sio.Recovery)}} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, cfg, echo)
			clients := make([]*ws, 3)
			for i, room := range []string{odd, other, replacement} {
				clients[i] = f.dial(t)
				clients[i].send("40")
				clients[i].recv()
				s := wait.For(t, "socket", f.connected)
				if err := s.Join(room); err != nil {
					t.Fatal(err)
				}
				if rooms := s.Rooms(); !slices.Contains(rooms, room) {
					t.Errorf("it is in %q", rooms)
				}
			}
			emit := func(to sio.BroadcastOperator, want ...int) {
				t.Helper()
				// Volatile: without an offset.
				if err := to.Volatile().Emit("e"); err != nil {
					t.Fatal(err)
				}
				for _, i := range want {
					clients[i].want(`42["e"]`)
				}
				if err := f.Volatile().Emit("next"); err != nil {
					t.Fatal(err)
				}
				for _, w := range clients {
					w.want(`42["next"]`)
				}
			}
			emit(f.To(odd), 0)
			emit(f.To(other, replacement), 1, 2)
			emit(f.Except(odd), 1, 2)
			emit(f.Except(replacement), 0, 1)
			if err := f.To(odd).SocketsJoin(other); err != nil {
				t.Fatal(err)
			}
			emit(f.To(other), 0, 1)
			if err := f.SocketsLeave(other); err != nil {
				t.Fatal(err)
			}
			emit(f.To(other))
		})
	}
}

// TestOddNamesRefused: with other servers such names are refused wherever they
// are given, and nothing is done.
func TestOddNamesRefused(t *testing.T) {
	for name, b := range map[string]medium{"least": new(bus), "cluster": &wires{t: t}} {
		t.Run(name, func(t *testing.T) {
			one, two := serve(t, sio.Config{Adapter: b.connect}, echo), serve(t, sio.Config{Adapter: b.connect}, echo)
			clients := []*ws{one.join(t), two.join(t)}
			s, elsewhere := wait.For(t, "socket", one.connected), wait.For(t, "socket", two.connected)
			if err := errors.Join(s.Join(replacement, "r"), elsewhere.Join(replacement, "r")); err != nil {
				t.Fatal(err)
			}
			sockets, err := one.FetchSockets(t.Context())
			if err != nil || len(sockets) != 2 {
				t.Fatalf("fetched %v, %v", sockets, err)
			}
			remote := sockets[1]
			ctx := t.Context()
			one.Of("/x\xff")
			for name, call := range map[string]func() error{
				"Join":                func() error { return s.Join("new", odd) },
				"Leave":               func() error { return s.Leave(odd) },
				"remote Join":         func() error { return remote.Join("new", odd) },
				"remote Leave":        func() error { return remote.Leave(odd) },
				"Emit to":             func() error { return one.To(odd, "r").Emit("e") },
				"Emit except":         func() error { return one.Except(odd).Emit("e") },
				"socket's Emit":       func() error { return s.To(odd).Emit("e") },
				"volatile":            func() error { return one.To(odd).Volatile().Emit("e") },
				"SocketsJoin":         func() error { return one.SocketsJoin("new", odd) },
				"SocketsJoin of":      func() error { return one.In(odd).SocketsJoin("new") },
				"SocketsLeave":        func() error { return one.SocketsLeave("r", odd) },
				"SocketsLeave except": func() error { return one.Except(odd).SocketsLeave("r") },
				"DisconnectSockets":   func() error { return one.Except(odd).DisconnectSockets(true) },
				"EmitAck":             func() error { _, err := one.To(odd).EmitAck(ctx, "e"); return err },
				"FetchSockets":        func() error { _, err := one.Except(odd).FetchSockets(ctx); return err },
				"AllSockets":          func() error { _, err := one.To(odd).AllSockets(ctx); return err },
				"CountSockets":        func() error { _, err := one.To(odd).CountSockets(ctx); return err },
				"event":               func() error { return one.Emit("e\xff") },
				"event to a socket":   func() error { return s.Emit("e\xff") },
				"event with EmitAck":  func() error { _, err := s.EmitAck(ctx, "e\xff"); return err },
				"local event":         func() error { return one.Local().Emit("e\xff") },
				"server-side event":   func() error { return one.ServerSideEmit("e\xff") },
				"server-side, answered": func() error {
					_, err := one.ServerSideEmitAck(ctx, "e\xff")
					return err
				},
				"namespace": func() error { return one.Of("/x\xff").ServerSideEmit("e") },
			} {
				if err := call(); !errors.Is(err, sio.ErrName) {
					t.Errorf("%s: the error is %v", name, err)
				}
			}
			for i, w := range clients {
				w.alive() // and was sent nothing before
				rooms := []*sio.Socket{s, elsewhere}[i].Rooms()
				if slices.Sort(rooms[1:]); !slices.Equal(rooms[1:], []string{"r", replacement}) {
					t.Errorf("it is in %q", rooms)
				}
			}
			// A name that is UTF-8, U+FFFD among them, is exact.
			if err := one.To(replacement).Except("\ufffd").Emit("e"); err != nil {
				t.Fatal(err)
			}
			for _, w := range clients {
				w.want(`42["e"]`)
			}
			if n, err := one.Local().To(odd).CountSockets(ctx); n != 0 || err != nil {
				t.Errorf("locally: %d, %v", n, err)
			}
		})
	}
}

// TestOddEvents: events that are not UTF-8 are refused without other servers,
// too, since clients could not be told their names.
func TestOddEvents(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	w := f.join(t)
	s := wait.For(t, "socket", f.connected)
	for i, err := range []error{s.Emit("\xff"), f.Emit("e\xed\xa0\x80"), f.To("r").Volatile().Emit("\xff")} {
		if !errors.Is(err, adapter.ErrName) {
			t.Errorf("%d: %v", i, err)
		}
	}
	w.alive()
}

// TestNamesOfJavaScript: names that are no text, as JavaScript's can be, are
// those of no room here, and not those with U+FFFD, to which they would be
// changed.
func TestNamesOfJavaScript(t *testing.T) {
	b := &wires{t: t}
	f := serve(t, sio.Config{Adapter: b.connect}, echo)
	clients := []*ws{f.join(t), f.join(t)}
	inRoom, outside := wait.For(t, "socket", f.connected), wait.For(t, "socket", f.connected)
	if err := inRoom.Join("\ufffd"); err != nil {
		t.Fatal(err)
	}
	node := func(message string) {
		t.Helper()
		m, err := wire.Decode([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		b.peers("/")[0].receive(m)
	}
	broadcast := func(event, rooms, except string) {
		t.Helper()
		node(`{"uid":"node","nsp":"/","type":3,"data":{"packet":{"type":2,"nsp":"/","data":["` + event + `"]},"opts":{"rooms":[` + rooms + `],"except":[` + except + `],"flags":{}}}}`)
	}
	broadcast("a", `"\ud800"`, ``)
	broadcast("b", ``, `"\udc00x","\ud800"`)
	broadcast("c", `"\ufffd","\ud800"`, ``)
	broadcast("d", `"\ud83d\ude00"`, `"\ufffd"`)
	for i, want := range [][]string{{"b", "c"}, {"b"}} {
		for _, event := range want {
			clients[i].want(`42["` + event + `"]`)
		}
		clients[i].alive()
	}
	node(`{"uid":"node","nsp":"/","type":4,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["new","\ud800"]}}`)
	node(`{"uid":"node","nsp":"/","type":5,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["\ud800"]}}`)
	if rooms := inRoom.Rooms(); !slices.Equal(rooms[1:], []string{"\ufffd"}) {
		t.Errorf("it is in %q", rooms)
	}
	if rooms := outside.Rooms(); len(rooms) != 1 {
		t.Errorf("the other is in %q", rooms)
	}
	for _, event := range []string{`\ud800`, `x\udfff`} {
		if m, err := wire.Decode([]byte(`{"uid":"node","nsp":"/","type":3,"data":{"packet":{"type":2,"nsp":"/","data":["` + event + `"]},"opts":{}}}`)); err == nil {
			t.Errorf("took the event %q", m.Packet.Event)
		}
	}
}
