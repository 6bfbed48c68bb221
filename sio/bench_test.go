package sio

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/codec/socketio"
)

type point struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// usual are packets as most applications send them.
var usual = []struct {
	name  string
	event string
	args  []any
	wire  string
}{
	{"text", "hello", []any{strings.Repeat("x", 100)}, `2["hello","` + strings.Repeat("x", 100) + `"]`},
	{"object", "move", []any{point{1, 2}}, `2["move",{"x":1,"y":2}]`},
	{"binary", "image", []any{[]byte{1, 2, 3}}, `51-["image",{"_placeholder":true,"num":0}]`},
}

// BenchmarkEncode appends packets to a buffer that has room for them.
func BenchmarkEncode(b *testing.B) {
	for _, p := range usual {
		b.Run(p.name, func(b *testing.B) {
			buf := make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := socketio.AppendEvent(buf, "/", 0, false, p.event, p.args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode reads a packet's header, its event's name and its first
// argument.
func BenchmarkDecode(b *testing.B) {
	for _, p := range usual {
		b.Run(p.name, func(b *testing.B) {
			wire := []byte(p.wire)
			b.ReportAllocs()
			for b.Loop() {
				if !decode(wire) {
					b.Fatal("can't be decoded")
				}
			}
		})
	}
}

func decode(wire []byte) bool {
	h, err := socketio.ParseHeader(wire, socketio.DefaultMaxAttachments)
	if err != nil {
		return false
	}
	name, args, err := socketio.SplitEvent(h.Data)
	_, ok := args.Next()
	return err == nil && len(name) > 0 && ok
}

// BenchmarkDispatch takes a message from the session to an inline handler of
// the namespace.
func BenchmarkDispatch(b *testing.B) {
	c, wire := dispatcher(b)
	b.ReportAllocs()
	for b.Loop() {
		c.receiveText(wire)
	}
}

// BenchmarkQueued takes bursts of events from the session to a typed handler,
// on the queue of their socket.
func BenchmarkQueued(b *testing.B) {
	for _, burst := range []int{1, 32} {
		b.Run(strconv.Itoa(burst), func(b *testing.B) {
			handled, done := 0, make(chan struct{})
			m := inMemory(b, func(srv *Server) {
				On(srv, "move", func(_ context.Context, _ *Socket, p point) error {
					if handled++; handled%burst == 0 {
						done <- struct{}{}
					}
					return nil
				})
			})
			conn := m.join(b)
			conn.Forget()
			c, wire := m.Sockets()[0].client, []byte(usual[1].wire)
			b.ReportAllocs()
			for b.Loop() {
				for range burst {
					c.receiveText(wire)
				}
				m.loops.Run()
				<-done
			}
		})
	}
}

// dispatcher returns a client whose namespace has an inline handler for the
// message.
func dispatcher(t testing.TB) (c *client, wire []byte) {
	m := inMemory(t, func(srv *Server) {
		srv.On("move", func(context.Context, *Event) error { return nil }, Inline())
	})
	m.join(t)
	return m.Sockets()[0].client, []byte(usual[1].wire)
}

// TestCodecAllocs pins what must not allocate.
func TestCodecAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	buf := make([]byte, 0, 1024)
	for _, p := range usual {
		limit := 0.0
		if p.name != "text" {
			limit = 1 // sonic's own, or the list of attachments
		}
		if n := leastAllocs(100, func() {
			_, _, _ = socketio.AppendEvent(buf, "/", 0, false, p.event, p.args)
		}); n > limit {
			t.Errorf("encoding %s: %v allocations, want %v", p.name, n, limit)
		}
		wire := []byte(p.wire)
		if n := leastAllocs(100, func() { decode(wire) }); n > 0 {
			t.Errorf("decoding %s: %v allocations", p.name, n)
		}
	}
	c, wire := dispatcher(t)
	events := c.perLoop().counts.eventsIn.Load()
	if n := leastAllocs(100, func() { c.receiveText(wire) }); n > 0 {
		t.Errorf("dispatch: %v allocations", n)
	}
	if c.perLoop().counts.eventsIn.Load() == events {
		t.Error("nothing was dispatched")
	}
}
