package emitter

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
)

// sent is a Sender that remembers.
type sent struct {
	mu   sync.Mutex
	list []cluster.Message
	err  error
}

func (s *sent) Send(_ context.Context, m *cluster.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, *m)
	return s.err
}

func TestMessages(t *testing.T) {
	ctx := t.Context()
	for name, tc := range map[string]struct {
		call func(e *Emitter) error
		want cluster.Message
	}{
		"everybody": {
			func(e *Emitter) error { return e.Emit(ctx, "e", 1, "x") },
			cluster.Message{Type: cluster.Broadcast, Namespace: "/", Packet: adapter.Packet{Event: "e", Args: []any{1, "x"}}},
		},
		"rooms": {
			func(e *Emitter) error {
				return e.Of("/admin").To("a").In("b", "c").Except("x").Except("y").Volatile().Compress(false).Emit(ctx, "e")
			},
			cluster.Message{Type: cluster.Broadcast, Namespace: "/admin", Packet: adapter.Packet{Event: "e"}, Options: adapter.Options{
				Rooms: []string{"a", "b", "c"}, Except: []string{"x", "y"}, Volatile: true, NoCompress: true,
			}},
		},
		"compressed": {
			func(e *Emitter) error { return e.Compress(false).Compress(true).Emit(ctx, "e") },
			cluster.Message{Type: cluster.Broadcast, Namespace: "/", Packet: adapter.Packet{Event: "e"}},
		},
		"join": {
			func(e *Emitter) error { return e.In("a").SocketsJoin(ctx, "r", "s") },
			cluster.Message{Type: cluster.SocketsJoin, Namespace: "/", Options: adapter.Options{Rooms: []string{"a"}}, Rooms: []string{"r", "s"}},
		},
		"leave": {
			func(e *Emitter) error { return e.Of("chat").Except("a").SocketsLeave(ctx, "r") },
			cluster.Message{Type: cluster.SocketsLeave, Namespace: "/chat", Options: adapter.Options{Except: []string{"a"}}, Rooms: []string{"r"}},
		},
		"disconnect": {
			func(e *Emitter) error { return e.Of("").To("a").DisconnectSockets(ctx, true) },
			cluster.Message{Type: cluster.DisconnectSockets, Namespace: "/", Options: adapter.Options{Rooms: []string{"a"}}, Close: true},
		},
		"server side": {
			func(e *Emitter) error { return e.Of("/a").Of("/b").ServerSideEmit(ctx, "disconnect", 1) },
			cluster.Message{Type: cluster.ServerSideEmit, Namespace: "/b", Packet: adapter.Packet{Event: "disconnect", Args: []any{1}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := new(sent)
			if err := tc.call(New(out)); err != nil {
				t.Fatal(err)
			}
			tc.want.UID = "emitter"
			if len(out.list) != 1 || !reflect.DeepEqual(out.list[0], tc.want) {
				t.Errorf("sent %+v, want %+v", out.list, tc.want)
			}
		})
	}
}

func TestReserved(t *testing.T) {
	out := new(sent)
	e := New(out)
	for _, event := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		if err := e.Emit(t.Context(), event); !errors.Is(err, ErrReservedEvent) {
			t.Errorf("Emit of %s: %v", event, err)
		}
	}
	for _, event := range []string{"connect", "connection", "new_namespace"} {
		if err := e.ServerSideEmit(t.Context(), event); !errors.Is(err, ErrReservedEvent) {
			t.Errorf("ServerSideEmit of %s: %v", event, err)
		}
	}
	if len(out.list) != 0 {
		t.Errorf("sent %+v", out.list)
	}
}

// TestNames: names that can't be sent to servers are refused.
func TestNames(t *testing.T) {
	out := new(sent)
	e, ctx := New(out), t.Context()
	for name, err := range map[string]error{
		"room": e.To("a", "\xff").Emit(ctx, "e"), "except": e.Except("\xff").Emit(ctx, "e"), "event": e.Emit(ctx, "\xff"),
		"namespace": e.Of("/\xff").Emit(ctx, "e"), "join": e.SocketsJoin(ctx, "a", "\xff"), "leave": e.SocketsLeave(ctx, "\xff"),
		"disconnect": e.To("\xff").DisconnectSockets(ctx, true), "server-side event": e.ServerSideEmit(ctx, "\xff"),
	} {
		if !errors.Is(err, ErrName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(out.list) != 0 {
		t.Errorf("sent %+v", out.list)
	}
	if err := e.To("\ufffd").Emit(ctx, "é"); err != nil {
		t.Error(err)
	}
}

// TestImmutable derives operators of one from several goroutines; none sees
// what another has added.
func TestImmutable(t *testing.T) {
	out := new(sent)
	base := New(out).To("a", "b").Except("x")
	var deriving sync.WaitGroup
	for _, room := range []string{"p", "q", "r", "s"} {
		deriving.Go(func() {
			if err := base.To(room).Except(room).Volatile().Emit(t.Context(), room); err != nil {
				t.Error(err)
			}
		})
	}
	deriving.Wait()
	if len(out.list) != 4 {
		t.Fatalf("sent %d messages", len(out.list))
	}
	for _, m := range out.list {
		room := m.Packet.Event
		want := adapter.Options{Rooms: []string{"a", "b", room}, Except: []string{"x", room}, Volatile: true}
		if !reflect.DeepEqual(m.Options, want) {
			t.Errorf("%s: %+v", room, m.Options)
		}
	}
	if want := (adapter.Options{Rooms: []string{"a", "b"}, Except: []string{"x"}}); !reflect.DeepEqual(base.options, want) {
		t.Errorf("the base is %+v", base.options)
	}
}

func TestSenderError(t *testing.T) {
	want := errors.New("away")
	e := New(&sent{err: want})
	for name, err := range map[string]error{
		"Emit": e.Emit(t.Context(), "e"), "SocketsJoin": e.SocketsJoin(t.Context(), "r"), "SocketsLeave": e.SocketsLeave(t.Context(), "r"),
		"DisconnectSockets": e.DisconnectSockets(t.Context(), false), "ServerSideEmit": e.ServerSideEmit(t.Context(), "e"),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
