package sio

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// BenchmarkScale has loops answer acknowledged events, each loop on a goroutine
// of its own, over connections in memory: what two loops carry in the time that
// one takes is the share of the work that they do not wait for each other. An
// operation is a burst of ten events on one connection. With -mutexprofile it
// shows that nothing global is locked.
func BenchmarkScale(b *testing.B) {
	for _, loops := range []int{1, 2} {
		b.Run(fmt.Sprintf("loops=%d", loops), func(b *testing.B) { scale(b, loops) })
	}
}

func scale(b *testing.B, loops int) {
	const conns, burst = 100, 10
	srv, err := New(Config{Loops: loops})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	OnAck(srv, "echo", func(_ context.Context, _ *Socket, text string) (string, error) { return text, nil }, Inline())
	lt := looptest.New(b, looptest.WithLoops(loops))
	clients := make([][]*looptest.Conn, loops)
	for i := range loops {
		for range conns {
			c := lt.ConnectTo(i, srv.eio.Accept)
			c.Feed([]byte(upgradeRequest))
			c.Feed(eiotest.AppendText(nil, "40"))
			clients[i] = append(clients[i], c)
		}
	}
	lt.RunUntil(func() bool { return srv.Of("/").Len() == loops*conns })
	var events []byte
	for i := range burst {
		events = append(events, eiotest.AppendText(nil, "42"+strconv.Itoa(i)+`["echo","`+strings.Repeat("x", 100)+`"]`)...)
	}
	for _, list := range clients {
		for _, c := range list {
			c.Sent()
			c.Feed(events)
			if n := bytes.Count(c.Sent(), []byte("43")); n != burst {
				b.Fatalf("%d answers, want %d", n, burst)
			}
		}
	}
	b.ResetTimer()
	var running sync.WaitGroup
	for i := range loops {
		running.Go(func() {
			for n := range b.N / loops {
				c := clients[i][n%conns]
				c.Feed(events)
				c.Sent()
			}
		})
	}
	running.Wait()
}
