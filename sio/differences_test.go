package sio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// What docs/migration.md and docs/options.md say and no other test shows.

// TestErrorsOfEmit: what can't be emitted is an error.
func TestErrorsOfEmit(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	f.join(t)
	s := wait.For(t, "socket", f.connected)
	for what, emit := range map[string]func(event string, args ...any) error{
		"socket": s.Emit, "broadcast": f.Emit, "volatile": s.Volatile().Emit,
	} {
		if err := emit("connect"); !errors.Is(err, sio.ErrReservedEvent) {
			t.Errorf("%s: a reserved event gave %v", what, err)
		}
		if err := emit("x", make(chan int)); err == nil {
			t.Errorf("%s: a value without a JSON form gave no error", what)
		}
	}
}

// TestHandlerErrors: OnError gets what a handler returns, the client nothing.
func TestHandlerErrors(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.On("fail", func(context.Context, *sio.Event) error { return errors.New("for the server") })
	})
	w := f.join(t)
	w.send(`421["fail"]`)
	if err := wait.For(t, "error", f.errors); err.Error() != "for the server" {
		t.Error(err)
	}
	w.alive()
}

// TestRoomsAreLocal: lists and counts of rooms are about one server.
func TestRoomsAreLocal(t *testing.T) {
	b := new(bus)
	one := serve(t, sio.Config{Adapter: b.connect}, nil)
	two := serve(t, sio.Config{Adapter: b.connect}, nil)
	for _, f := range []*fixture{one, one, two} {
		f.join(t)
		wait.For(t, "socket", f.connected).Join("r")
	}
	for f, want := range map[*fixture]int{one: 2, two: 1} {
		if got := fmt.Sprint(f.Rooms()); got != fmt.Sprintf("map[r:%d]", want) || f.Count("r") != want {
			t.Errorf("the rooms are %s, with %d in r, want %d", got, f.Count("r"), want)
		}
		if n, err := f.In("r").CountSockets(t.Context()); n != 3 || err != nil {
			t.Errorf("%d sockets in all, %v", n, err)
		}
	}
}

// TestRecoveredConnection: connection handlers run for recovered sockets.
func TestRecoveredConnection(t *testing.T) {
	f := recovering(t, sio.Recovery{}, nil)
	w, id := begin(t, f)
	if wait.For(t, "connection", f.connected).Recovered() {
		t.Error("the new socket is recovered")
	}
	w.drop(f)
	w = f.dial(t)
	w.send(id.connect())
	if s := wait.For(t, "connection", f.connected); !s.Recovered() || s.ID() != id.SID {
		t.Error("it is not the recovered one")
	}
}

// TestForeignUpgradeIsKept: upgrades outside Path go to Handler.
func TestForeignUpgradeIsKept(t *testing.T) {
	f := serve(t, sio.Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "an upgrade to ", r.Header.Get("Upgrade"))
		}),
	}, nil)
	conn, err := net.DialTimeout("tcp", f.addr, wait.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if string(body) != "an upgrade to chat" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}
