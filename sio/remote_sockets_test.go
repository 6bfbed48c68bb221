package sio_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestSocketOperations: FetchSockets, SocketsJoin, SocketsLeave and
// DisconnectSockets act on the members of a room.
func TestSocketOperations(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2}, echo)
	clients, s := crowd(t, f, 4)
	index := func(sockets []sio.RemoteSocket) (found []int) {
		for _, r := range sockets {
			found = append(found, slices.Index(s, r.(*sio.Socket)))
		}
		slices.Sort(found)
		return found
	}
	wantFetched := func(o sio.BroadcastOperator, want ...int) {
		t.Helper()
		sockets, err := o.FetchSockets(t.Context())
		if got := index(sockets); err != nil || !slices.Equal(got, want) {
			t.Errorf("fetched %v, %v; want %v", got, err, want)
		}
	}
	s[0].Join("r", "q")
	s[1].Join("r")
	wantFetched(f.To("r"), 0, 1)
	wantFetched(f.To("r", "q", s[2].ID()), 0, 1, 2)
	wantFetched(f.Except("q"), 1, 2, 3)
	wantFetched(f.To("r").Except(s[0].ID()).Local(), 1)
	wantFetched(s[1].Broadcast(), 0, 2, 3)
	wantFetched(f.To("nobody"))
	if all, err := f.FetchSockets(t.Context()); err != nil || len(all) != 4 {
		t.Errorf("fetched %d, %v", len(all), err)
	}
	if ids, err := f.To("q").AllSockets(t.Context()); err != nil || !slices.Equal(ids, []string{s[0].ID()}) {
		t.Errorf("the ids are %q, %v", ids, err)
	}
	if got := f.To("r").Sockets(); len(got) != 2 {
		t.Errorf("%d sockets are in the room", len(got))
	}

	if err := f.To("r").SocketsJoin("new", "other"); err != nil {
		t.Error(err)
	}
	wantFetched(f.To("new"), 0, 1)
	if err := f.To("q").SocketsLeave("new", "nothing"); err != nil {
		t.Error(err)
	}
	wantFetched(f.To("new"), 1)
	wantFetched(f.To("other"), 0, 1)
	for room, want := range map[string]int{"r": 2, "new": 1, "nobody": 0, s[3].ID(): 1} {
		if n := f.Count(room); n != want {
			t.Errorf("%d are in %q, want %d", n, room, want)
		}
	}
	f.SocketsJoin("everybody")
	if n := f.Count("everybody"); n != 4 {
		t.Errorf("%d are in the room of all", n)
	}
	f.SocketsLeave("everybody")
	if n := f.Count("everybody"); n != 0 {
		t.Errorf("%d are in the room of nobody", n)
	}

	if err := f.To("new").DisconnectSockets(false); err != nil {
		t.Error(err)
	}
	clients[1].want("41")
	if err := f.To("q").DisconnectSockets(true); err != nil {
		t.Error(err)
	}
	clients[0].want("41")
	clients[0].wantClosed()
	clients[2].alive()
	if n := f.Of("/").Len(); n != 2 {
		t.Errorf("%d sockets are left", n)
	}

	parent := f.OfPattern(regexp.MustCompile("^/p"))
	if _, err := parent.FetchSockets(t.Context()); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("the error is %v", err)
	}
	w := f.join(t, "/p1")
	parent.SocketsJoin("r")
	if n := f.Of("/p1").Count("r"); n != 1 {
		t.Errorf("%d sockets of the child are in the room", n)
	}
	parent.DisconnectSockets(true)
	w.want("41/p1,")
}

func TestServerSideEmitAlone(t *testing.T) {
	var log strings.Builder
	f := serve(t, sio.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	for _, event := range []string{"connect", "connection", "new_namespace"} {
		if err := f.ServerSideEmit(event); !errors.Is(err, sio.ErrReservedEvent) {
			t.Errorf("%s: %v", event, err)
		}
		if _, err := f.ServerSideEmitAck(t.Context(), event); !errors.Is(err, sio.ErrReservedEvent) {
			t.Errorf("%s: %v", event, err)
		}
	}
	if err := f.ServerSideEmit("disconnect", 1); err != nil {
		t.Error(err)
	}
	if answers, err := f.ServerSideEmitAck(t.Context(), "x"); err != nil || len(answers) != 0 {
		t.Errorf("got %v, %v", answers, err)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings: %s", n, log.String())
	}
}

// TestRoomEvents: joins and leaves report rooms that are created and deleted.
func TestRoomEvents(t *testing.T) {
	events := make(steps, 100)
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		echo(f)
		f.OnRoom(func(e sio.RoomEvent) { events <- e.Kind.String() + " " + e.Room + " " + e.Socket })
		f.OnRoom(func(sio.RoomEvent) { panic("a bug") })
	})
	f.join(t)
	a := wait.For(t, "socket", f.connected)
	events.want(t, "create-room "+a.ID()+" ", "join-room "+a.ID()+" "+a.ID())
	f.join(t)
	b := wait.For(t, "socket", f.connected)
	events.want(t, "create-room "+b.ID()+" ", "join-room "+b.ID()+" "+b.ID())
	a.Join("r", "r")
	a.Join("r")
	events.want(t, "create-room r ", "join-room r "+a.ID())
	b.Join("r")
	events.want(t, "join-room r "+b.ID())
	a.Leave("r")
	a.Leave("r")
	a.Leave("nothing")
	events.want(t, "leave-room r "+a.ID())
	b.Disconnect(false)
	events.want(t, "leave-room r "+b.ID(), "delete-room r ", "leave-room "+b.ID()+" "+b.ID(), "delete-room "+b.ID()+" ")
}

// TestCompress looks at what a polling client gets.
func TestCompress(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	p := f.polling(t)
	p.connect()
	s := wait.For(t, "socket", f.connected)
	long := strings.Repeat("x", 2000)
	for name, tc := range map[string]struct {
		emit       func() error
		compressed bool
	}{
		"socket":              {func() error { return s.Emit("e", long) }, true},
		"socket, off":         {func() error { return s.Compress(false).Emit("e", long) }, false},
		"off and on again":    {func() error { return s.Compress(false).Volatile().Compress(true).Emit("e", long) }, true},
		"broadcast":           {func() error { return f.Emit("e", long) }, true},
		"broadcast, off":      {func() error { return f.Compress(false).To(s.ID()).Emit("e", long) }, false},
		"acknowledgement off": {func() error { return f.Compress(false).Timeout(1).Emit("e", long) }, false},
	} {
		answer := make(chan string, 1)
		go func() {
			req, err := http.NewRequest(http.MethodGet, p.url, nil)
			if err != nil {
				answer <- err.Error()
				return
			}
			req.Header.Set("Accept-Encoding", "gzip")
			res, err := p.http.Do(req)
			if err != nil {
				answer <- err.Error()
				return
			}
			defer res.Body.Close()
			io.Copy(io.Discard, res.Body)
			answer <- res.Header.Get("Content-Encoding")
		}()
		if strings.Contains(name, "again") {
			p.post("3") // volatile: the poll has to be there
			wait.Until(t, "it was sent", func() bool {
				before := f.Stats().PacketsOut
				tc.emit()
				p.post("3")
				return f.Stats().PacketsOut > before
			})
		} else if err := tc.emit(); err != nil {
			t.Fatal(err)
		}
		if got := wait.For(t, "answer", answer); (got == "gzip") != tc.compressed || len(got) > 4 {
			t.Errorf("%s: the encoding is %q", name, got)
		}
	}
}
