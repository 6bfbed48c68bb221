package main

import (
	"errors"
	"net"
	"strings"

	"github.com/sioserver/sioserver/cmd/sioserver/sockets"
	"github.com/sioserver/sioserver/sio"
)

// listen serves clients on the address of the settings, and returns the first
// one of those that it stands for.
func (p *program) listen() (net.Addr, error) {
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
		go func() {
			if err := p.srv.Serve(l); !errors.Is(err, sio.ErrServerClosed) {
				p.log.Error("a socket of systemd has failed", "addr", l.Addr(), "error", err)
			}
		}()
	}
	return listeners[0].Addr(), nil
}
