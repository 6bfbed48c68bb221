package sio

import (
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
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

// upgradeRequest is the handshake of a client with no session.
var upgradeRequest = eiotest.UpgradeRequest(webSocket)

// webSocket is its target.
const webSocket = "/socket.io/?EIO=4&transport=websocket"

// join returns a connection over WebSocket that is connected to "/".
func (m *memory) join(t testing.TB) *looptest.Conn {
	t.Helper()
	c := m.loops.Connect(m.eio.Accept)
	c.Feed([]byte(upgradeRequest))
	m.loops.Run()
	c.Feed(eiotest.AppendText(nil, "40"))
	m.loops.Run()
	if sent := string(c.Sent()); !strings.Contains(sent, `40{"sid":"`) {
		t.Fatalf("the client was not connected: %q", sent)
	}
	return c
}
