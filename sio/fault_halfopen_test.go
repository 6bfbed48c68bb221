//go:build linux

package sio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestHalfOpenPeers has the hosts of clients vanish without FIN or RST: while
// they are idle, while they poll, in the midst of an upgrade, with much on its
// way to them, and before they have joined a namespace. Each session ends by
// its heartbeat, no sooner than the client may take to answer, and nothing is
// left; the connections for polling end by Config.IdleTimeout.
func TestHalfOpenPeers(t *testing.T) {
	t.Parallel()
	const interval, timeout = 5 * time.Second, 5 * time.Second
	reasons := make(chan sio.Reason, 10)
	srv, err := sio.New(sio.Config{Loops: 2, PingInterval: interval, PingTimeout: timeout, ConnectTimeout: time.Hour, IdleTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	srv.OnConnection(func(s *sio.Socket) {
		s.Join("room")
		s.Emit("image", []byte{1, 2, 3})
		go sio.EmitAck[string](context.Background(), s, "hello") //nolint:errcheck // the client vanishes
	})
	srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { reasons <- r })
	sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, x string) (string, error) { return x, nil })
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}()
	begun := time.Now()
	visit := func(steps ...func(*cutting) error) *cutting {
		t.Helper()
		c := &cutting{addr: srv.Addr().String(), left: -1, reset: true}
		for _, step := range steps {
			if err := step(c); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(c.cut)
		return c
	}
	open, talk := (*cutting).open, (*cutting).talk
	idle := visit((*cutting).openWebSocket, open, talk)
	flooded := visit((*cutting).openWebSocket, open, talk)
	polls := visit(open, talk)
	upgrades := visit(open, talk, (*cutting).openWebSocket, func(c *cutting) error { return c.send("2probe") }, func(c *cutting) error { return c.want("3probe") })
	unjoined := visit((*cutting).openWebSocket, open)
	if _, err := fmt.Fprintf(polls.poll, "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", polls.sid); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*cutting{idle, flooded, polls, upgrades, unjoined} {
		looptest.Vanish(t, c.conns...)
	}
	for range 20 {
		srv.To("room").Emit("much", make([]byte, 100_000))
	}
	for range 4 {
		if r := wait.For(t, "the end of a socket", reasons); r != sio.PingTimeout {
			t.Errorf("a client that has vanished is disconnected with %q", r)
		}
	}
	// They have answered no ping, and the first was due after an interval.
	if took := time.Since(begun); took < interval+timeout {
		t.Errorf("they are given up after %v", took)
	}
	nothingLeft(t, srv)
}
