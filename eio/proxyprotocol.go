package eio

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sioserver/sioserver/eio/internal/proxyproto"
	"github.com/sioserver/sioserver/loop"
)

// ProxyProtocol says which proxies begin their connections with a header of the
// PROXY protocol, version 1 or 2, as send-proxy of HAProxy and proxy_protocol
// of nginx do.
type ProxyProtocol struct {
	// From are the addresses of the proxies. A connection of any other address
	// is served as it is, so a header does not make it one of another address.
	// A connection by a unix socket has the address [::], which the prefix
	// ::/128 stands for.
	From []netip.Prefix
	// Optional also serves connections of From that begin without a header.
	// They count as the proxy's own, as those of its health checks do (LOCAL).
	Optional bool
	// Timeout is how long a connection of From may take to send the header; 5 s
	// when 0.
	Timeout time.Duration
}

func (p *ProxyProtocol) withDefaults() error {
	if p.Timeout == 0 {
		p.Timeout = 5 * time.Second
	}
	if p.Timeout < time.Millisecond {
		return fmt.Errorf("eio: Config.ProxyProtocol.Timeout is %v; it must be at least 1ms, or 0 for 5s", p.Timeout)
	}
	p.Timeout = min(p.Timeout, longest)
	if len(p.From) == 0 {
		return errors.New("eio: Config.ProxyProtocol.From is empty; it must have the addresses of the proxies")
	}
	return checkPrefixes("Config.ProxyProtocol.From", p.From)
}

// proxyConn is a connection of ProxyProtocol.From until its header has come.
// Then it becomes an httpConn. Loop-owned.
type proxyConn struct {
	srv    *Server
	c      *loop.Conn
	secure bool
	gone   bool
	head   []byte // what has come of the header, unless that is all of it
	timer  loop.Timer
}

// acceptProxy waits for the header of a connection.
func (srv *Server) acceptProxy(c *loop.Conn, secure bool) loop.Handler {
	p := &proxyConn{srv: srv, c: c, secure: secure}
	p.timer.Init(p)
	c.Loop().Arm(&p.timer, srv.cfg.ProxyProtocol.Timeout)
	return p
}

// errProxyTimeout is the reason for closing a connection whose header did not
// come in time.
var errProxyTimeout = errors.New("eio: the PROXY header did not arrive in time")

// Data implements loop.Handler.
func (p *proxyConn) Data(c *loop.Conn, b []byte) {
	if p.gone {
		return
	}
	if p.head != nil {
		p.head = append(p.head, b...)
		b = p.head
	}
	header, n, err := proxyproto.Parse(b)
	switch {
	case err == proxyproto.ErrNoHeader && p.srv.cfg.ProxyProtocol.Optional:
	case err != nil:
		p.reject(err)
		return
	case n == 0:
		if p.head == nil {
			p.head = append(make([]byte, 0, 2*len(b)), b...)
		}
		return
	default:
		p.srv.proxies.headers.Add(1)
	}
	c.Loop().Cancel(&p.timer)
	if header.Source.IsValid() {
		c.SetRemoteAddr(header.Source)
	}
	h := p.srv.accept(c, p.secure || header.Encrypted)
	c.SetHandler(h)
	if b = b[n:]; len(b) > 0 {
		h.Data(c, b)
	}
}

// reject closes the connection: what it sends can't be trusted to be a request.
func (p *proxyConn) reject(err error) {
	p.gone = true
	p.srv.proxies.rejected.Add(1)
	p.srv.logInvalid(err, p.c.RemoteAddr())
	p.c.Loop().Cancel(&p.timer)
	p.c.Close()
}

// Expired implements loop.TimerHandler.
func (p *proxyConn) Expired(*loop.Timer) { p.reject(errProxyTimeout) }

// Flushed implements loop.Handler.
func (p *proxyConn) Flushed(*loop.Conn) {}

// Closed implements loop.Handler.
func (p *proxyConn) Closed(*loop.Conn, error) { p.c.Loop().Cancel(&p.timer) }
