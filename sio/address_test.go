package sio_test

import (
	"net/netip"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestAddress: a handshake has the address that a trusted proxy names, by fields
// or by the PROXY protocol, and that of the peer otherwise.
func TestAddress(t *testing.T) {
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		cfg    sio.Config
		header string
		want   string
	}{
		"no proxy":     {sio.Config{}, "", "127.0.0.1"},
		"a proxy":      {sio.Config{TrustedProxies: here}, "", "192.0.2.1"},
		"its field":    {sio.Config{TrustedProxies: here, AddressField: "X-Real-IP"}, "", "192.0.2.2"},
		"PROXY header": {sio.Config{ProxyProtocol: &eio.ProxyProtocol{From: here}}, "PROXY TCP4 192.0.2.3 192.0.2.9 1 2\r\n", "192.0.2.3"},
	} {
		t.Run(name, func(t *testing.T) {
			addresses := make(chan netip.Addr, 1)
			f := serve(t, c.cfg, func(f *fixture) {
				f.OnConnection(func(s *sio.Socket) { addresses <- s.Handshake().Address.Addr() })
			})
			conn := eiotest.DialTCP(t, f.addr)
			conn.WriteString(c.header)
			conn.Upgrade("/socket.io/?EIO=4&transport=websocket", "X-Forwarded-For", "198.51.100.1, 192.0.2.1", "X-Real-IP", "192.0.2.2")
			conn.Next()
			conn.Text("40")
			if got := wait.For(t, "a socket", addresses).String(); got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
		})
	}
}
