package testing

import (
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// client is a Socket.IO client over WebSocket. It does not answer heartbeats, so
// it lives for PingInterval and PingTimeout, 45 s by default.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

// connect joins the namespace "/" of the server at a URL of httptest.
func connect(t *testing.T, url string) *client {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	c := &client{t, ws}
	c.next()     // the handshake
	c.send("40") // or 40{"token":"…"} with auth data
	if p := c.next(); !strings.HasPrefix(p, `40{"sid":`) {
		t.Fatalf("joined with %s", p)
	}
	return c
}

func (c *client) send(packet string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(packet)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next packet of the server.
func (c *client) next() string {
	c.t.Helper()
	_, packet, err := c.ws.Read(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(packet)
}
