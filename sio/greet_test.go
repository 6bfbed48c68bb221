package sio_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// TestStateThenUpdates has a connection handler send a state while others
// broadcast and emit updates all the time: the state always comes first, and the
// updates of each in order.
func TestStateThenUpdates(t *testing.T) {
	for name, recovery := range map[string]*sio.Recovery{"": nil, "recovery": {}} {
		t.Run(name, func(t *testing.T) {
			const clients = 200
			sockets := make(chan *sio.Socket, clients)
			f := serve(t, sio.Config{ConnectionStateRecovery: recovery}, func(f *fixture) {
				f.OnConnection(func(s *sio.Socket) {
					s.Join("all")
					sockets <- s
					runtime.Gosched() // as looking up the state may
					s.Emit("state", "x")
				})
			})
			stop := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				var all []*sio.Socket
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case s := <-sockets:
						all = append(all, s)
					default:
					}
					f.To("all").Emit("update", n)
					if len(all) > 0 {
						all[len(all)-1].Emit("single", n)
					}
					time.Sleep(50 * time.Microsecond) // a rate that clients can follow
				}
			})
			for range clients {
				w := f.dial(t)
				w.send("40")
				for event := ""; event != "state"; {
					packet := w.recv()
					if strings.HasPrefix(packet, "40") {
						continue
					}
					if event, _, _ = strings.Cut(strings.TrimPrefix(packet, `42["`), `"`); event != "state" {
						t.Fatalf("before the state: %s", packet)
					}
				}
				last := map[string]int{"update": -1, "single": -1}
				for range 5 {
					var n int
					packet := strings.NewReplacer(`"`, " ", ",", " ", "]", " ").Replace(w.recv()[len(`42["`):])
					var event string
					if _, err := fmt.Sscan(packet, &event, &n); err != nil {
						t.Fatalf("%q: %v", packet, err)
					}
					if last[event] >= n {
						t.Fatalf("%s %d after %d", event, n, last[event])
					}
					last[event] = n
				}
				w.conn.Close()
				take(t, "connection", f.connected)
				take(t, "disconnection", f.disconnected)
			}
			close(stop)
			wg.Wait()
		})
	}
}

// TestHandlersOwnOrder: what a connection handler emits to its socket, by
// broadcasts and to its id too, arrives in its order and before what comes from
// elsewhere, which waits for the handler also while that waits for an answer.
func TestHandlersOwnOrder(t *testing.T) {
	for name, recovery := range map[string]*sio.Recovery{"": nil, "recovery": {}} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{ConnectionStateRecovery: recovery}, func(f *fixture) {
				f.OnConnection(func(s *sio.Socket) {
					s.Join("room")
					elsewhere := make(chan struct{})
					go func() {
						defer close(elsewhere)
						f.To("room").Emit("held", 1)
						s.Emit("held", 2)
						f.Volatile().Emit("held", 3)
					}()
					<-elsewhere
					s.Emit("own", 1)
					f.To("room").Emit("own", 2)
					if _, err := sio.EmitAck[string](t.Context(), s, "own", 3); err != nil {
						t.Error(err)
					}
					f.To(s.ID()).Emit("own", 4)
					f.Local().Emit("own", 5)
					s.Emit("own", 6)
				})
			})
			w := f.dial(t)
			w.send("40")
			w.recv()
			for n := 1; n <= 6; n++ {
				packet := w.recv()
				at := strings.Index(packet, fmt.Sprintf(`["own",%d`, n))
				if at < 0 {
					t.Fatalf("event %d is %s", n, packet)
				}
				if n == 3 {
					w.send("43" + packet[2:at] + `["yes"]`)
				}
			}
			for n := 1; n <= 2; n++ { // the third may be lost
				if packet := w.recv(); !strings.HasPrefix(packet, fmt.Sprintf(`42["held",%d`, n)) {
					t.Fatalf("held event %d is %s", n, packet)
				}
			}
		})
	}
}

// TestHoldingIsBounded: when too much is held it is sent, though the connection
// handler has not returned.
func TestHoldingIsBounded(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) { <-release })
	})
	defer close(release)
	w := f.join(t)
	take(t, "connection", f.connected)
	const events = 1500 // 1,024 are held at most
	for n := range events {
		if err := f.Emit("e", n); err != nil {
			t.Fatal(err)
		}
	}
	for n := range events {
		w.want(fmt.Sprintf(`42["e",%d]`, n))
	}
}

// TestHoldingEnds: it ends also when a handler panics or ends its goroutine, and
// what is held is sent before a client is disconnected.
func TestHoldingEnds(t *testing.T) {
	for name, handler := range map[string]func(s *sio.Socket){
		"returns": func(*sio.Socket) {},
		"exits":   func(*sio.Socket) { runtime.Goexit() },
		"leaves":  func(s *sio.Socket) { s.Disconnect(false) },
		"panics":  func(*sio.Socket) { panic("handler") },
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, sio.Config{}, func(f *fixture) {
				f.OnConnection(func(s *sio.Socket) {
					done := make(chan struct{})
					go func() {
						defer close(done)
						f.Emit("held")
					}()
					<-done
					handler(s)
				})
			})
			w := f.join(t)
			w.want(`42["held"]`)
			if name == "leaves" || name == "panics" {
				w.want("41")
			}
			if name == "returns" {
				f.Volatile().Emit("after")
				w.want(`42["after"]`)
			}
		})
	}
}

// TestHeldBroadcastIsAcknowledged: who asks for acknowledgements gets those of
// sockets for which the question is held, and does not wait for those that go
// without having got it.
func TestHeldBroadcastIsAcknowledged(t *testing.T) {
	release := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) { <-release })
	})
	stays, goes := f.join(t), f.join(t)
	take(t, "connection", f.connected)
	take(t, "connection", f.connected)
	answers := make(chan []string, 1)
	go func() {
		list, err := sio.EmitAckAll[string](context.Background(), f.To(), "question")
		if err != nil {
			t.Error(err)
		}
		answers <- list
	}()
	eventually(t, "both are asked", func() bool { return f.Stats().Held == 2 })
	goes.conn.Close()
	eventually(t, "one has gone", func() bool { return f.Stats().Held == 1 })
	close(release)
	packet := stays.recv()
	stays.send("43" + packet[2:strings.Index(packet, "[")] + `["answer"]`)
	if list := take(t, "answers", answers); len(list) != 1 || list[0] != "answer" {
		t.Error(list)
	}
}
