package eio_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// sidOfNode is a sid of no session, which names a node.
func sidOfNode(node uint32) string {
	return base64.RawURLEncoding.EncodeToString([]byte{8: byte(node >> 16), 9: byte(node >> 8), 10: byte(node), 14: 0})
}

// TestForwardingThroughNetHTTPInCircles has a node whose predecessor at the
// same address is still known, and a client that forges the mark.
func TestForwardingThroughNetHTTPInCircles(t *testing.T) {
	known := &cluster{nodes: make(map[uint32]string)}
	m := mount(t, (*httptest.Server).Start, &eio.Forwarding{Directory: known.of(7), MaxTunnels: 50})
	known.set(8, m.http.Listener.Addr().String())
	for _, mark := range []string{"", "1"} {
		c := eiotest.DialTCP(t, m.http.Listener.Addr().String())
		c.WriteString(strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid="+sidOfNode(8)),
			"\r\n\r\n", "\r\nSioserver-Forwarded: "+mark+"\r\n\r\n", 1))
		wantResponse(t, c.ReadResponse(), 400, "Session ID unknown")
		c.ExpectEOF()
	}
	if s := m.srv.ForwardStats(); s.Tunnels != 0 {
		t.Errorf("%+v", s)
	}
}

// TestForwardingThroughNetHTTPFailsOnce has an upgrade for a node that is not
// there: it is asked for, and counted, once.
func TestForwardingThroughNetHTTPFailsOnce(t *testing.T) {
	known := &cluster{nodes: make(map[uint32]string)}
	m := mount(t, (*httptest.Server).Start, &eio.Forwarding{Directory: known.of(7)})
	c := eiotest.DialTCP(t, m.http.Listener.Addr().String())
	c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket&sid=" + sidOfNode(8)))
	wantResponse(t, c.ReadResponse(), 400, "Session ID unknown")
	c.ExpectEOF()
	if s := m.srv.ForwardStats(); s.Unknown != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRefusedUpgradeEndsTheConnection has an upgrade passed on to a node inside
// a net/http server that answers it without changing the protocol: what follows
// must not reach that server, whose other routes are none of the client's
// business.
func TestRefusedUpgradeEndsTheConnection(t *testing.T) {
	known := &cluster{nodes: make(map[uint32]string)}
	m := mount(t, (*httptest.Server).Start, &eio.Forwarding{Directory: known.of(7)})
	known.set(7, m.http.Listener.Addr().String())
	front := start(t, eio.Config{Forwarding: &eio.Forwarding{Directory: known.of(8)}})
	c := eiotest.DialTCP(t, front.addr)
	c.WriteString("POST /engine.io/?EIO=4&transport=polling&sid=" + sidOfNode(7) +
		" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	if r := c.ReadResponse(); r.Status != http.StatusBadRequest {
		t.Errorf("got %+v", r)
	}
	_, _ = c.Write([]byte("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")) // the node may be faster
	c.ExpectEOF()
}
