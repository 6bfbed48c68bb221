package sio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func authOf(size int) string { return `40{"token":"` + strings.Repeat("x", size) + `"}` }

// TestAuthHasATotal has clients bring much until they are refused: those that
// bring little are not, and what has left makes room.
func TestAuthHasATotal(t *testing.T) {
	const limit, large = 1 << 20, 200 << 10
	f := serve(t, sio.Config{MaxHandshakeBytes: limit}, echo)
	var in []*ws
	for {
		w := f.dial(t)
		w.send(authOf(large))
		if answer := w.recv(); !strings.HasPrefix(answer, `40{"sid"`) {
			if answer != `44{"message":"Server overloaded"}` {
				t.Errorf("got %q", answer)
			}
			w.send(authOf(1 << 10)) // the connection goes on
			connectReply(t, "/", w.recv())
			break
		}
		in = append(in, w)
	}
	if n := len(in); n < 2 || n*large > limit {
		t.Errorf("%d clients were let in", n)
	}
	if st := f.Stats().Handshakes; st.Bytes < int64(len(in)*large) || st.Bytes > limit || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
	for range 10 {
		f.join(t).alive()
	}
	in[0].send("41") // its connection stays
	wait.Until(t, "there is room again", func() bool { return f.Stats().Handshakes.Bytes < int64(len(in)*large) })
	w := f.dial(t)
	w.send(authOf(large))
	connectReply(t, "/", w.recv())
	for _, w := range append(in, w) {
		w.conn.Close()
	}
	wait.Until(t, "nothing is kept", func() bool { return f.Stats().Handshakes.Bytes == 0 })
}

// TestDataHasATotal has sockets store what clients send.
func TestDataHasATotal(t *testing.T) {
	const limit = 1 << 20
	type profile struct {
		Name  string
		Photo []byte
		Score int
	}
	f := serve(t, sio.Config{MaxHandshakeBytes: limit}, echo)
	w := f.join(t)
	s := wait.For(t, "the socket", f.connected)
	kept := func(want int64) {
		t.Helper()
		// And the request.
		if got := f.Stats().Handshakes.Bytes; got < want || got > want+1000 {
			t.Errorf("%d bytes are kept, want %d", got, want)
		}
	}
	large := strings.Repeat("x", 100<<10)
	for _, v := range []any{large, []byte(large), profile{Name: large[:50<<10], Photo: []byte(large[:50<<10])}} {
		if err := s.SetData(v); err != nil {
			t.Fatal(err)
		}
		kept(100 << 10)
	}
	if err := s.SetData(strings.Repeat(large, 6)); !errors.Is(err, sio.ErrDataSize) {
		t.Errorf("got %v", err)
	}
	if _, ok := s.Data().(profile); !ok {
		t.Errorf("the data is %T", s.Data())
	}
	kept(100 << 10)
	// The application's own.
	if err := s.SetData(&profile{Name: large}); err != nil {
		t.Error(err)
	}
	kept(0)
	if err := s.SetData(large); err != nil {
		t.Error(err)
	}
	s.Disconnect(false)
	w.want("41")
	kept(0)
	if err := s.SetData(strings.Repeat(large, 20)); err != nil || f.Stats().Handshakes.Bytes != 0 {
		t.Errorf("after the end: %v", err)
	}
}

// TestLostDataHasATotal: the data of sockets that may come back counts until
// they come or expire, and what is too much is not kept.
func TestLostDataHasATotal(t *testing.T) {
	const limit, large = 1 << 20, 200 << 10
	expired := make(chan any, 10)
	f := serve(t, sio.Config{MaxHandshakeBytes: limit, ConnectionStateRecovery: &sio.Recovery{
		MaxDisconnectionDuration: time.Hour, OnExpire: func(e sio.ExpiredSession) { expired <- e.Data },
	}}, echo)
	var ids []identity
	for len(expired) == 0 {
		if len(ids) > 5 {
			t.Fatal("all are kept")
		}
		w, id := begin(t, f)
		s := wait.For(t, "the socket", f.connected)
		if err := s.SetData(strings.Repeat("x", large)); err != nil {
			break
		}
		w.drop(f)
		ids = append(ids, id)
	}
	if st := f.Stats(); st.Handshakes.Bytes > limit || len(ids) < 2 {
		t.Errorf("%d are kept, %+v", len(ids), st.Handshakes)
	}
	w := f.dial(t)
	w.send(ids[0].connect())
	if id := connected(t, w.recv()); id.SID != ids[0].SID {
		t.Error("the first is not recovered")
	}
	s := wait.For(t, "the socket", f.connected)
	if data, _ := s.Data().(string); len(data) != large {
		t.Errorf("the data is %T", s.Data())
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wait.Until(t, "nothing is kept", func() bool { return f.Stats().Handshakes.Bytes == 0 })
}

// TestKeptIsExact has sockets come, go, be disconnected and get data at once.
func TestKeptIsExact(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2, MaxHandshakeBytes: 1 << 20}, func(f *fixture) {
		echo(f)
		ns := f.Of("/n")
		ns.OnConnection(func(s *sio.Socket) {
			for i := range 4 {
				go func() {
					for n := range 10 {
						s.SetData(strings.Repeat("x", (i+n)<<10))
					}
					s.Conn().DiscardRequest()
				}()
			}
			if len(s.ID())%2 == 0 {
				s.Disconnect(false)
			}
		})
		sio.On(ns, "x", func(_ context.Context, s *sio.Socket, n int) error { return s.SetData(make([]byte, n)) })
	})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			for n := range 15 {
				w := f.dial(t)
				w.send(`40/n,{"token":"`+strings.Repeat("y", n<<10)+`"}`, "40")
				for !strings.HasPrefix(w.recv(), `40{"sid"`) {
				}
				if (i+n)%3 == 0 {
					w.send(fmt.Sprintf(`42/n,["x",%d]`, n<<10), "41/n,")
				}
				w.conn.Close()
			}
		})
	}
	clients.Wait()
	wait.Until(t, "all have left", func() bool { return f.Stats().Clients == 0 && f.Stats().HandlersRunning == 0 })
	wait.Until(t, "nothing is kept", func() bool { return f.Stats().Handshakes.Bytes == 0 })
	// What still sets data does not change that.
	time.Sleep(10 * time.Millisecond)
	if n := f.Stats().Handshakes.Bytes; n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}

// TestLateDataIsLetGo: what handlers store for a client that has left the
// namespace, and not the connection, does not count for as long as the
// connection lasts.
func TestLateDataIsLetGo(t *testing.T) {
	release := make(chan bool)
	f := serve(t, sio.Config{}, func(f *fixture) {
		ns := f.Of("/n")
		sio.On(ns, "x", func(_ context.Context, s *sio.Socket, n int) error {
			<-release
			return s.SetData(strings.Repeat("x", n))
		})
	})
	f.watch("/n")
	w := f.join(t, "/n")
	wait.For(t, "socket", f.connected)
	w.send(`42/n,["x",0]`, `42/n,["x",100000]`, "41/n,")
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 2 })
	close(release)
	wantReason(t, f, "/n client namespace disconnect")
	if n := f.Stats().Handshakes.Bytes; n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}

// TestKeptUntilTheHandlersReturn: what a socket keeps counts as what waits when
// the client has left the namespace and handlers still have the socket. So a
// client that comes and leaves again is paused, and clients that are gone keep
// others out.
func TestKeptUntilTheHandlersReturn(t *testing.T) {
	const size, most = 100_000, 5
	for where, setup := range map[string]func(ns *sio.Namespace, wait func()){
		"event": func(ns *sio.Namespace, wait func()) {
			sio.On(ns, "x", func(context.Context, *sio.Socket, int) error { wait(); return nil })
		},
		"disconnect": func(ns *sio.Namespace, wait func()) {
			ns.OnDisconnect(func(*sio.Socket, sio.Reason) { wait() })
		},
	} {
		t.Run(where, func(t *testing.T) {
			release := make(chan bool)
			f := serve(t, sio.Config{Loops: 1, MaxPendingTotalBytes: most * size}, func(f *fixture) {
				echo(f)
				setup(f.Of("/n"), func() { <-release })
			})
			// visit reports whether the client was let in.
			visit := func(w *ws) bool {
				w.send(`40/n,{"token":"` + strings.Repeat("x", size) + `"}`)
				if answer := w.recv(); !strings.HasPrefix(answer, `40/n,`) {
					if answer != `44/n,{"message":"Server overloaded"}` {
						t.Errorf("got %q", answer)
					}
					return false
				}
				in := f.Stats().EventsIn
				w.send(`42/n,["x",0]`, "41/n,")
				wait.Until(t, "the socket's end", func() bool {
					st := f.Stats()
					return st.EventsIn > in && st.Handshakes.Bytes == 0
				})
				return true
			}
			staying := f.join(t, "/")
			visits := 0
			for ; f.Stats().Pauses == 0; visits++ {
				if visits > most || !visit(staying) {
					t.Fatalf("it is not paused: %+v", f.Stats())
				}
			}
			for range visits { // each has a handler that runs, or is about to
				release <- true
			}
			staying.alive()
			for n := 0; ; n++ {
				if n > most {
					t.Fatal("nobody is refused")
				}
				w := f.dial(t)
				if !visit(w) {
					break
				}
				w.conn.Close()
				wait.Until(t, "the client has left", func() bool { return f.Stats().Clients == 1 })
			}
			close(release)
			wait.Until(t, "nothing is kept", func() bool { return f.Stats().PendingStranded == 0 && f.Stats().HandlersRunning == 0 })
			f.join(t, "/n")
		})
	}
}

// TestKeptInMiddlewares: clients that are gone keep others out when middlewares
// still have as much of theirs as may be.
func TestKeptInMiddlewares(t *testing.T) {
	const size, most = 100_000, 5
	begun, release := make(chan bool, most+2), make(chan bool)
	f := serve(t, sio.Config{Loops: 1, MaxPendingTotalBytes: most * size}, func(f *fixture) {
		f.Of("/n").Use(func(*sio.Socket) error {
			begun <- true
			<-release
			return nil
		})
	})
	for n := 0; ; n++ {
		if n > most {
			t.Fatalf("nobody is refused: %+v", f.Stats())
		}
		w := f.dial(t)
		w.send(`40/n,{"token":"` + strings.Repeat("x", size) + `"}`)
		wait.Until(t, "the client's turn", func() bool { return len(begun) > n || f.Stats().Refused > 0 })
		w.conn.Close()
		if f.Stats().Refused > 0 {
			break
		}
		wait.Until(t, "the client has left", func() bool { return f.Stats().Clients == 0 })
	}
	close(release)
	wait.Until(t, "nothing is kept", func() bool { return f.Stats().PendingStranded == 0 && f.Stats().HandlersRunning == 0 })
	f.join(t, "/n")
}
