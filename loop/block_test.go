package loop_test

import (
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestNoticesWrap has the ids of notices start again from the first. A stream
// waits for each of the last ids and the first ones.
func TestNoticesWrap(t *testing.T) {
	e := start(t, loop.Config{Loops: 1}, acceptEcho)
	for before := range uint32(4) {
		server, client := net.Pipe()
		client.SetDeadline(time.Now().Add(wait.Patience))
		r := echoing()
		if err := e.Adopt(server, nil, r.accept); err != nil {
			t.Fatal(err)
		}
		e.Loops()[0].PostFunc(func() { loop.SetNotice(e.Loops()[0], math.MaxUint32-before) })
		const size = 1 << 20 // more than the stream takes at once
		go io.WriteString(client, strings.Repeat("x", size))
		if n, err := io.CopyN(io.Discard, client, size); err != nil {
			t.Errorf("%d ids before the end: %d bytes came back: %v", before, n, err)
		}
		client.Close()
	}
}

// TestNoticesAreNotShared has the ids come round to one that is still waited
// for.
func TestNoticesAreNotShared(t *testing.T) {
	lt := looptest.New(t)
	var all [3]recorder
	var peers [3]*looptest.Conn
	for i := range all {
		peers[i] = lt.Connect(all[i].accept)
		peers[i].Block()
		lt.Loop().PostFunc(func() {
			loop.SetNotice(lt.Loop(), 41)
			all[i].conn.Send(frame("x"))
		})
		lt.Run()
	}
	for i := range peers {
		peers[i].Unblock()
		lt.Run()
		if got := string(peers[i].Sent()); got != "x" {
			t.Errorf("connection %d got %q", i, got)
		}
	}
}
