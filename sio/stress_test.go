package sio_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/sio"
)

// TestEverythingAtOnce is for the race detector: clients come and go, while
// goroutines of the application use all sockets that they can find.
func TestEverythingAtOnce(t *testing.T) {
	const clients, rounds, users = 8, 12, 4
	// Handlers of sockets that are gone may fail, as often as they like.
	ignore := func(*sio.Socket, string, error) {}
	f := serve(t, sio.Config{Loops: 3, OnError: ignore}, func(f *fixture) {
		f.Of("/stress").Use(func(s *sio.Socket) error { s.Join("all"); return nil })
		f.Of("/stress").OnConnection(func(s *sio.Socket) {
			s.SetData(1)
			s.OnDisconnect(func(sio.Reason) { s.Leave("all") })
		})
		sio.OnAck(f.Of("/stress"), "double", func(_ context.Context, s *sio.Socket, n int) (int, error) {
			s.Join(strconv.Itoa(n % 3))
			return 2 * n, nil
		})
		sio.On(f.Of("/stress"), "cast", func(_ context.Context, s *sio.Socket, n int) error {
			return s.To(strconv.Itoa(n%3)).Except("2").Emit("cast", []byte{1})
		}, sio.Inline())
	})
	ns := f.Of("/stress")
	ctx, stop := context.WithCancel(t.Context())
	var application, network sync.WaitGroup
	for u := range users {
		application.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(u), 0))
			for ctx.Err() == nil {
				ns.To("all").Emit("news", rnd.IntN(10))
				for _, s := range ns.Sockets() {
					switch rnd.IntN(8) {
					case 0:
						s.Disconnect(rnd.IntN(2) == 0)
					case 1:
						acked, cancel := context.WithCancel(s.Context())
						context.AfterFunc(ctx, cancel)
						go func() {
							defer cancel()
							// Most clients never answer.
							_, _ = s.EmitAck(acked, "q")
						}()
					case 2:
						s.Join("x", "y")
						s.Leave("x")
					case 3:
						s.Volatile().Emit("v")
					case 4:
						s.Rooms()
						s.Handshake()
						s.Transport()
						s.Data()
					default:
						s.Broadcast().Emit("b")
					}
				}
				f.Stats()
			}
		})
	}
	for range clients {
		network.Go(func() {
			for range rounds {
				w := f.dial(t)
				w.send("40/stress")
				for n := range 20 {
					got, err := w.conn.ReadFrame()
					if err != nil || got.Opcode() == eiotest.OpClose {
						break
					}
					if n > 0 || len(got.Payload) > 1 && got.Payload[1] == '0' {
						// The socket may be gone by now: then the server closes
						// the connection.
						_, _ = w.conn.Write(eiotest.AppendText(nil, `42/stress,1["double",`+strconv.Itoa(n)+`]`, `42/stress,["cast",1]`))
					}
				}
				w.conn.Close()
			}
		})
	}
	network.Wait()
	stop()
	application.Wait()
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if st := f.Stats(); st.HandlerPanics != 0 || st.Loop.Panics != 0 || st.Clients != 0 || st.Sockets != 0 {
		t.Errorf("in the end: %+v", st)
	}
}
