package sio

import (
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestPingTimeout: a client that does not answer a ping is gone after
// PingTimeout, not before. Timers have ticks of 2 ms.
func TestPingTimeout(t *testing.T) {
	gone := make(chan Reason, 1)
	m := inMemory(t, func(srv *Server) {
		srv.OnDisconnect(func(_ *Socket, reason Reason) { gone <- reason })
	})
	t.Cleanup(func() { m.Close() })
	c := m.join(t)
	m.loops.Advance(25*time.Second + 10*time.Millisecond)
	if sent := eiotest.Frames(t, c.Sent()); len(sent) != 1 || string(sent[0].Payload) != "2" {
		t.Fatalf("after PingInterval it is sent %v, want a ping", sent)
	}
	m.loops.Advance(20*time.Second - 20*time.Millisecond)
	if n := len(m.Sockets()); n != 1 || c.Closed() {
		t.Fatalf("before PingTimeout there are %d sockets; the connection is closed: %v", n, c.Closed())
	}
	m.loops.Advance(20 * time.Millisecond)
	if reason := wait.For(t, "disconnection", gone); reason != PingTimeout {
		t.Errorf("disconnected with %q, want %q", reason, PingTimeout)
	}
	m.loops.Run()
	if sent := eiotest.Frames(t, c.Sent()); len(sent) != 1 || sent[0].Opcode() != eiotest.OpClose || len(sent[0].Payload) != 0 {
		t.Errorf("at the end it is sent %v, want a close frame with no status", sent)
	}
}
