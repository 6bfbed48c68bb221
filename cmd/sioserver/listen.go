package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/sioserver/sioserver/sio"
)

// listen has the server listen, with TLS if there is a certificate, and returns
// its address.
func (p *program) listen() (net.Addr, error) {
	if p.tls == nil {
		if err := p.srv.Listen(p.Addr); err != nil {
			return nil, err
		}
		return p.srv.Addr(), nil
	}
	listener, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := p.srv.Serve(tls.NewListener(listener, p.tls)); err != sio.ErrServerClosed {
			p.log.Error("the server accepts no connections any more", "error", err)
		}
	}()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	p.hangups = hangups
	go p.reload(hangups)
	return listener.Addr(), nil
}
