package eio_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// proxied is a server behind proxies of 10.0.0.0/8 that send PROXY headers.
type proxied struct {
	t     *testing.T
	loops *looptest.Loops
	*eio.Server
	up *echo
}

func newProxied(t *testing.T, cfg eio.Config) *proxied {
	t.Helper()
	if cfg.ProxyProtocol == nil {
		cfg.ProxyProtocol = new(eio.ProxyProtocol)
	}
	cfg.ProxyProtocol.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/128")}
	cfg.Logger = slog.New(slog.DiscardHandler)
	up := &echo{opened: make(chan *eio.Session, 100), closed: make(chan closing, 100)}
	srv, err := eio.NewServer(cfg, up)
	if err != nil {
		t.Fatal(err)
	}
	return &proxied{t, looptest.New(t), srv, up}
}

func (p *proxied) connect(from string) *looptest.Conn {
	accept := func(c *loop.Conn) loop.Handler { return p.Accept(c) }
	return p.loops.ConnectFrom(0, netip.MustParseAddrPort(from), accept)
}

const (
	fromProxy  = "10.0.0.1:7"
	fromOthers = "192.0.2.200:7"
	proxyLine  = "PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n"
	local      = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	overTLS    = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x14\xc0\x00\x02\x01\xc6\x33\x64\x01\xc3\x50\x01\xbb\x20\x00\x05\x01\x00\x00\x00\x00"
)

// TestProxyProtocol: the header decides the address and whether the connection
// is encrypted, wherever it is cut, and only from the proxies that are
// configured.
func TestProxyProtocol(t *testing.T) {
	upgrade := eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")
	for name, c := range map[string]struct {
		from, header string
		optional     bool
		want         string // the address of the session; empty for none
		secure       bool
		rejected     uint64
	}{
		"version 1":                       {from: fromProxy, header: proxyLine, want: "192.0.2.1:50000"},
		"version 2, over TLS":             {from: fromProxy, header: overTLS, want: "192.0.2.1:50000", secure: true},
		"of the proxy itself":             {from: fromProxy, header: local, want: fromProxy},
		"of no address":                   {from: fromProxy, header: "PROXY UNKNOWN\r\n", want: fromProxy},
		"by a unix socket":                {from: "[::]:0", header: proxyLine, want: "192.0.2.1:50000"},
		"without it":                      {from: fromProxy, rejected: 1},
		"without it, where it may be":     {from: fromProxy, optional: true, want: fromProxy},
		"with it, where it may be":        {from: fromProxy, header: proxyLine, optional: true, want: "192.0.2.1:50000"},
		"malformed":                       {from: fromProxy, header: "PROXY TCP4 x y 1 2\r\n", rejected: 1},
		"malformed, where it may be":      {from: fromProxy, header: "PROXY TCP4 x y 1 2\r\n", optional: true, rejected: 1},
		"from elsewhere":                  {from: fromOthers, header: proxyLine},
		"from elsewhere, where it may be": {from: fromOthers, header: proxyLine, optional: true},
		"from elsewhere, without it":      {from: fromOthers, want: fromOthers},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxied(t, eio.Config{ProxyProtocol: &eio.ProxyProtocol{Optional: c.optional}})
			all := c.header + upgrade
			for cut := range len(c.header) + 2 {
				conn := p.connect(c.from)
				conn.Feed([]byte(all[:cut]))
				p.loops.Run()
				if !conn.Closed() {
					conn.Feed([]byte(all[cut:]))
					p.loops.Run()
				}
				select {
				case s := <-p.up.opened:
					if got := s.RemoteAddr().String(); got != c.want || s.Request().Secure() != c.secure {
						t.Fatalf("cut after %d bytes: %q, secure %v", cut, got, s.Request().Secure())
					}
				default:
					if c.want != "" {
						t.Fatalf("cut after %d bytes: no session", cut)
					}
				}
				if st := p.ProxyStats(); st.HeadersRejected != c.rejected*uint64(cut+1) {
					t.Fatalf("cut after %d bytes: %+v", cut, st)
				}
			}
		})
	}
}

// TestProxyProtocolTimeout: a connection that does not send its header in time
// is closed, with or without a part of it.
func TestProxyProtocolTimeout(t *testing.T) {
	p := newProxied(t, eio.Config{ProxyProtocol: &eio.ProxyProtocol{Timeout: time.Second}})
	silent, slow, other := p.connect(fromProxy), p.connect(fromProxy), p.connect(fromOthers)
	for _, b := range []byte(proxyLine[:8]) {
		slow.Feed([]byte{b})
		p.loops.Advance(100 * time.Millisecond)
	}
	if silent.Closed() || slow.Closed() {
		t.Error("closed before its time")
	}
	p.loops.Advance(300 * time.Millisecond)
	if !silent.Closed() || !slow.Closed() || other.Closed() {
		t.Errorf("closed: %v, %v; one from elsewhere %v", silent.Closed(), slow.Closed(), other.Closed())
	}
	if st := p.ProxyStats(); st.HeadersRejected != 2 || st.Headers != 0 {
		t.Errorf("%+v", st)
	}
}

// TestProxyProtocolOfATrustedProxy: the fields of a request count by the address
// that the header names.
func TestProxyProtocolOfATrustedProxy(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	upgrade := strings.Replace(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"),
		"Host:", "X-Forwarded-For: 203.0.113.5\r\nHost:", 1)
	for header, want := range map[string]string{
		proxyLine: "203.0.113.5:0",
		strings.Replace(proxyLine, "192.0.2.1", "192.0.2.2", 1): "192.0.2.2:50000",
		local: "203.0.113.5:0",
	} {
		p := newProxied(t, eio.Config{TrustedProxies: trusted})
		p.connect(fromProxy).Feed([]byte(header + upgrade))
		p.loops.Run()
		if got := (<-p.up.opened).RemoteAddr().String(); got != want {
			t.Errorf("after %q: %s; want %s", header, got, want)
		}
	}
}
