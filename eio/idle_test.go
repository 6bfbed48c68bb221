package eio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
)

// TestSlowAnswerIsNotIdle: a connection whose peer goes on taking an answer is
// not closed after IdleTimeout; one that takes nothing is.
func TestSlowAnswerIsNotIdle(t *testing.T) {
	for _, takes := range []bool{true, false} {
		r := newReceivers(t, eio.Config{IdleTimeout: 10 * time.Second, PingInterval: time.Hour})
		c := r.post(0)
		c.BlockAfter(1000)
		s := r.sessions[0]
		const size = 400_000
		r.loops.Loop().PostFunc(func() { send(s, strings.Repeat("x", size), false) })
		c.Feed([]byte("GET /engine.io/?EIO=4&transport=polling&sid=" + s.ID() + " HTTP/1.1\r\nHost: a\r\n\r\n"))
		r.loops.Run()
		got := len(c.Sent())
		for range 8 { // 120 s
			r.loops.Advance(15 * time.Second)
			if !takes {
				continue
			}
			c.Unblock()
			c.BlockAfter(40_000)
			r.loops.Run()
			got += len(c.Sent())
		}
		if c.Closed() == takes {
			t.Errorf("the peer takes some: %v; the connection is closed: %v", takes, c.Closed())
		}
		if c.Unblock(); takes {
			r.loops.Run()
			if got += len(c.Sent()); got < size {
				t.Errorf("%d bytes have arrived", got)
			}
		}
	}
}
