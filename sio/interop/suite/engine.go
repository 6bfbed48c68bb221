package main

import (
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// echo sends every message back. It has no state; each call is on the
// session's loop.
type echo struct{}

func (echo) NewSession() *eio.Session { return new(eio.Session) }

func (echo) Opened(*eio.Session) {}

func (echo) Closed(*eio.Session, eio.Reason, error) {}

func (echo) Message(s *eio.Session, data []byte, binary bool) { send(s, data, binary) }

// send sends one message, on the session's loop.
func send(s *eio.Session, data []byte, binary bool) {
	p := eio.NewEncodedPacket(binary)
	p.End(append(p.Begin(), data...))
	s.Send(p)
	p.Release()
}

// serveEngine starts the bare engine of the suite of protocol 4, serveEngine3
// that of the suite of protocol 3.
func serveEngine(addr string) error { return serveEcho(addr, false) }

func serveEngine3(addr string) error { return serveEcho(addr, true) }

func serveEcho(addr string, allowEIO3 bool) error {
	srv, err := eio.NewServer(eio.Config{
		PingInterval: pingInterval,
		PingTimeout:  pingTimeout,
		CORS:         &eio.CORS{},
		AllowEIO3:    allowEIO3,
	}, echo{})
	if err != nil {
		return err
	}
	_, err = loop.Listen(loop.Config{Addr: addr, Loops: 1}, srv.Accept)
	return err
}
