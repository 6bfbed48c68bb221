package sio_test

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"sync/atomic"
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

// TestFailuresOfAnAddress: refusals by a middleware count against the address,
// also those on one connection, and then the middleware is not asked any more.
func TestFailuresOfAnAddress(t *testing.T) {
	var asked atomic.Int64
	f := serve(t, sio.Config{AddressLimits: &eio.AddressLimits{Failures: eio.Rate{PerSecond: 0.001, Burst: 2}}}, func(f *fixture) {
		f.Of("/secret").Use(func(*sio.Socket) error {
			asked.Add(1)
			return errors.New("wrong password")
		})
	})
	c := f.join(t)
	for _, want := range []string{"wrong password", "wrong password", "Too many failed attempts", "Too many failed attempts"} {
		c.send("40/secret,")
		c.want(`44/secret,{"message":"` + want + `"}`)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the middleware was asked %d times", n)
	}
	if r := eiotest.Get(t, "http://"+f.addr+"/socket.io/?EIO=4&transport=polling"); r.Status != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("a handshake: %+v", r)
	}
	if st := f.Stats(); st.Addresses.Failures != 2 || st.Addresses.TooManyFailures != 3 || st.Refused != 4 {
		t.Errorf("%+v, %d refused", st.Addresses, st.Refused)
	}
}

// TestProxyProtocolWithTLS: a PROXY header would come before TLS.
func TestProxyProtocolWithTLS(t *testing.T) {
	from := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if _, err := sio.New(sio.Config{TLS: new(tls.Config), ProxyProtocol: &eio.ProxyProtocol{From: from}}); err == nil {
		t.Error("accepted")
	}
}
