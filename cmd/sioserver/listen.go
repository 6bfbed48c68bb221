package main

import (
	"errors"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sioserver/sioserver/cmd/sioserver/sockets"
	"github.com/sioserver/sioserver/sio"
)

// listen serves clients on the address of the settings, with TLS if there is a
// certificate, and returns the first one of those that it stands for.
func (p *program) listen() (net.Addr, error) {
	p.hangups = make(chan os.Signal, 1)
	signal.Notify(p.hangups, syscall.SIGHUP)
	go p.reload(p.hangups)
	if !strings.HasPrefix(p.Addr, sockets.Prefix) {
		if err := p.srv.Listen(p.Addr); err != nil {
			return nil, unable(err, "addr", p.Addr)
		}
		return p.srv.Addr(), nil
	}
	listeners, err := sockets.Activated(p.Addr)
	if err != nil {
		return nil, err
	}
	// It starts the loops, so that serve may wait for their end from now on.
	if _, err := p.srv.Handler(); err != nil {
		return nil, err
	}
	for _, l := range listeners {
		go p.accept(l)
	}
	return listeners[0].Addr(), nil
}

// accept serves the connections of l.
func (p *program) accept(l net.Listener) {
	addr := l.Addr()
	serve := p.srv.Serve
	if p.tls != nil {
		serve = func(l net.Listener) error { return p.srv.ServeTLS(l, "", "") }
	}
	if err := serve(l); !errors.Is(err, sio.ErrServerClosed) {
		p.log.Error("no connections are accepted any more", "addr", addr, "error", err)
	}
}
