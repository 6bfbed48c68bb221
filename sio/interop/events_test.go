package interop

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// transports are the ways in which a client can connect.
var transports = []struct {
	name    string
	options map[string]any
	upgrade bool
}{
	{"polling", map[string]any{"transports": []string{"polling"}}, false},
	{"websocket", map[string]any{"transports": []string{"websocket"}}, false},
	{"upgraded", nil, true},
}

// packages are the releases of the JavaScript client; that of Socket.IO 2
// speaks protocol 4.
var packages = []string{"socket.io-client", "socket.io-client-40", "socket.io-client-3", "socket.io-client-2"}

// echoServer serves all that askServer and askClient need, and gives the
// sockets of its clients.
func echoServer(t *testing.T, cfg sio.Config) (url string, sockets <-chan *sio.Socket) {
	t.Helper()
	connected := make(chan *sio.Socket, 1)
	_, url = serve(t, cfg, func(srv *sio.Server) {
		srv.OnConnection(func(s *sio.Socket) { connected <- s })
		srv.On("echo", func(_ context.Context, e *sio.Event) error {
			args, err := arguments(e)
			if err != nil {
				return err
			}
			return e.Socket().Emit("echo", args...)
		})
		srv.On("acked echo", func(_ context.Context, e *sio.Event) error {
			args, err := arguments(e)
			if err != nil {
				return err
			}
			return e.Ack(args...)
		})
	})
	return url, connected
}

// TestEvents sends events and acknowledgements with text and bytes both ways,
// over each transport, with each release of the client.
func TestEvents(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testEvents(t, sio.Config{AllowEIO3: true}) })
	t.Run("TLS", func(t *testing.T) { testEvents(t, sio.Config{AllowEIO3: true, TLS: certificate()}) })
}

func testEvents(t *testing.T, cfg sio.Config) {
	url, sockets := echoServer(t, cfg)
	d := newDriver(t)
	for _, name := range packages {
		for _, c := range transports {
			t.Run(name+" "+c.name, func(t *testing.T) {
				d.t = t
				options := map[string]any{"package": name, "rejectUnauthorized": false}
				maps.Copy(options, c.options)
				a := d.join(t.Name(), url, options)
				s := wait.For(t, "the socket", sockets)
				if c.upgrade {
					a.expectText("open", "polling")
					a.expectText("upgrade", "websocket")
				} else {
					a.expectText("open", c.name)
				}
				askServer(a)
				askClient(t, s)
			})
		}
	}
}

// TestPython is TestEvents for python3-socketio, which ends its upgrade before
// it connects.
func TestPython(t *testing.T) {
	url, sockets := echoServer(t, sio.Config{AllowEIO3: true})
	d := newPythonDriver(t)
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			d.t = t
			a := d.join(c.name, url, c.options)
			s := wait.For(t, "the socket", sockets)
			want := c.name
			if c.upgrade {
				want = "websocket"
			}
			a.expectText("open", want)
			askServer(a)
			askClient(t, s)
			a.disconnect()
			a.expect("disconnect")
		})
	}
}

// askServer has the client send all kinds of arguments, which come back.
func askServer(a *client) {
	a.t.Helper()
	for _, args := range [][]any{
		{},
		{1, "two", []any{true, nil}, map[string]any{"3": 4.5, "é😀": "\u2028<>&"}},
		{bytes(1, 2, 3)},
		{map[string]any{"deep": []any{bytes(0), "text", bytes()}}, bytes(255, 254)},
		{strings.Repeat("long ", 50_000)},
	} {
		a.emit("echo", args...)
		a.expectEvent("echo", args...)
		same(a.t, a.ask("acked echo", args...), args)
	}
}

// askClient has the server ask and the client acknowledge; the driver answers
// every question with "answer" and the arguments.
func askClient(t *testing.T, s *sio.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	answer, err := s.EmitAck(ctx, "question", 7, []byte{9, 8})
	if err != nil {
		t.Fatal(err)
	}
	var what string
	var number int
	var binary []byte
	if err := answer.Bind(&what, &number, &binary); err != nil {
		t.Fatal(err)
	}
	if what != "answer" || number != 7 || !reflect.DeepEqual(binary, []byte{9, 8}) {
		t.Fatalf("acknowledged with %q %d %v", what, number, binary)
	}
	typed, err := sio.EmitAck[sio.Args2[string, map[string]int]](ctx, s, "typed", map[string]int{"x": 1})
	if err != nil {
		t.Fatal(err)
	}
	if typed.A != "answer" || typed.B["x"] != 1 {
		t.Fatalf("acknowledged with %v", typed)
	}
}

// order is an argument and a reply of the typed handler.
type order struct {
	Item  string `json:"item"`
	Count int    `json:"count"`
	Photo []byte `json:"photo,omitempty"`
}

// TestTypedHandlers decodes into the application's own types.
func TestTypedHandlers(t *testing.T) {
	got := make(chan order, 1)
	_, url := serve(t, sio.Config{}, func(srv *sio.Server) {
		sio.On(srv, "tell", func(_ context.Context, _ *sio.Socket, o order) error {
			got <- o
			return nil
		})
		sio.OnAck(srv, "double", func(_ context.Context, _ *sio.Socket, o order) (order, error) {
			o.Count *= 2
			return o, nil
		})
		sio.OnAck(srv, "inline", func(_ context.Context, _ *sio.Socket, o sio.Args2[int, string]) (string, error) {
			return strings.Repeat(o.B, o.A), nil
		}, sio.Inline())
	})
	a := newDriver(t).join("a", url, nil)
	a.emit("tell", map[string]any{"item": "tea", "count": 3, "photo": bytes(1, 2)})
	if o := wait.For(t, "the order", got); o.Item != "tea" || o.Count != 3 || len(o.Photo) != 2 {
		t.Fatalf("decoded %+v", o)
	}
	reply := a.ask("double", order{Item: "tea", Count: 21})
	var o order
	if len(reply) != 1 || json.Unmarshal(reply[0], &o) != nil || o.Count != 42 {
		t.Fatalf("acknowledged with %s", reply)
	}
	same(t, a.ask("inline", 3, "ab"), []any{"ababab"})
}

// TestOrder keeps a client's events in order across the upgrade.
func TestOrder(t *testing.T) {
	const n = 200
	_, url := serve(t, sio.Config{}, func(srv *sio.Server) {
		sio.On(srv, "number", func(_ context.Context, s *sio.Socket, i int) error { return s.Emit("number", i) })
	})
	a := newDriver(t).join("a", url, nil)
	for i := range n {
		a.emit("number", i)
	}
	for i := range n {
		a.expectEvent("number", i)
	}
	a.expectText("upgrade", "websocket")
}

// TestMessagePack is TestEvents with the MessagePack parser on both sides.
func TestMessagePack(t *testing.T) {
	url, sockets := echoServer(t, sio.Config{Parser: sio.MessagePack()})
	d := newDriver(t)
	for _, c := range transports {
		t.Run(c.name, func(t *testing.T) {
			d.t = t
			options := map[string]any{"parser": "socket.io-msgpack-parser"}
			maps.Copy(options, c.options)
			a := d.join(c.name, url, options)
			s := wait.For(t, "the socket", sockets)
			if c.upgrade {
				a.expectText("upgrade", "websocket")
			}
			askServer(a)
			askClient(t, s)
			s.Disconnect(false)
			a.expectText("disconnect", "io server disconnect")
			refused := d.open("refused "+c.name, url+"/nowhere", options)
			refused.expectText("connect_error", "Invalid namespace")
		})
	}
}
