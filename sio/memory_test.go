package sio

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest"
)

// memory is a server on an in-memory loop.
type memory struct {
	*Server
	loops *looptest.Loops
}

func inMemory(t testing.TB, setup func(srv *Server)) *memory {
	t.Helper()
	srv, err := New(Config{Loops: 1, DiscardRequest: true})
	if err != nil {
		t.Fatal(err)
	}
	setup(srv)
	return &memory{srv, looptest.New(t)}
}

// frame is a WebSocket frame, masked with zeros.
func frame(op byte, payload string) []byte {
	b := []byte{0x80 | op, 0x80 | 126}
	if len(payload) < 126 {
		b[1] = 0x80 | byte(len(payload))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// join returns a connection over WebSocket that is connected to "/".
func (m *memory) join(t testing.TB) *looptest.Conn {
	t.Helper()
	c := m.loops.Connect(m.eio.Accept)
	c.Feed([]byte(upgradeRequest))
	m.loops.Run()
	c.Feed(frame(1, "40"))
	m.loops.Run()
	if sent := string(c.Sent()); !strings.Contains(sent, `40{"sid":"`) {
		t.Fatalf("the client was not connected: %q", sent)
	}
	return c
}
