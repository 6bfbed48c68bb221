package demo

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/sio"
)

// watch connects a client to the panel over WebSocket.
func watch(t *testing.T, server *sio.Server) *eiotest.Conn {
	t.Helper()
	c := eiotest.Dial(t, server.Addr().String(), "/socket.io/?EIO=4&transport=websocket")
	c.Next() // open
	c.Text("40/figures,")
	if got := c.Next().Payload; !strings.HasPrefix(string(got), `40/figures,{"sid":`) {
		t.Fatalf("connected with %s", got)
	}
	return c
}

func figures(t *testing.T, c *eiotest.Conn) (f Figures) {
	t.Helper()
	got := c.Next().Payload
	args, ok := strings.CutPrefix(string(got), `42/figures,["figures",`)
	if !ok || json.Unmarshal([]byte(strings.TrimSuffix(args, "]")), &f) != nil {
		t.Fatalf("figures: %s", got)
	}
	return f
}

// TestFigures lets two people watch a server on which nothing else happens.
func TestFigures(t *testing.T) {
	server, err := sio.New(sio.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	panel := NewPanel(server, server.Of("/figures"))
	sio.OnAck(server.Of("/other"), "ask", func(context.Context, *sio.Socket, sio.None) (bool, error) { return true, nil })
	if err := server.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	last := panel.start()
	tick := func() { last = panel.tick(last, last.at.Add(time.Second)) }
	tick() // no client is connected

	a := watch(t, server)
	if f := figures(t, a); f.Connections != 1 || f.AtStart == 0 || f.Uptime == 0 {
		t.Errorf("the first to come is shown %+v", f)
	}
	b := watch(t, server)
	if f := figures(t, b); f.Connections != 2 {
		t.Errorf("the second to come is shown %+v", f)
	}
	for range 3 {
		tick()
		for _, c := range []*eiotest.Conn{a, b} {
			if f := figures(t, c); f.Connections != 2 || f.Sent != 0 || f.Received != 0 {
				t.Errorf("nothing but figures was sent: %+v", f)
			}
		}
	}
	a.Text("40/other,")
	a.Next()
	a.Text(`42/other,1["ask"]`)
	a.Expect(`43/other,1[true]`)
	tick()
	if f := figures(t, b); f.Sent != 1 || f.Received != 1 {
		t.Errorf("one message came and one went: %+v", f)
	}
}
