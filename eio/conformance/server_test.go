package conformance

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// echo sends every message back. It has no state; each call is on the session's
// loop.
type echo struct{}

func (echo) NewSession() *eio.Session { return new(eio.Session) }

func (echo) Opened(*eio.Session) {}

func (echo) Closed(*eio.Session, eio.Reason, error) {}

func (echo) Message(s *eio.Session, data []byte, binary bool) {
	p := eio.NewEncodedPacket(binary)
	p.End(append(p.Begin(), data...))
	s.Send(p)
	p.Release()
}

const (
	// largest is the size in bytes of the largest message that the servers
	// take; the suite's largest has 16 MiB. A message may then have 131,072
	// frames; the suite's most has 65,536.
	largest = 32 << 20
	// target opens a session over WebSocket.
	target = "/engine.io/?EIO=4&transport=websocket"
)

// startEcho starts an echo server on one loop of a loopback port, which ends with
// the test. It sends no pings while the test lasts.
func startEcho(t *testing.T, cfg eio.Config) (srv *eio.Server, engine *loop.Engine) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.PingInterval = time.Hour
	cfg.MaxHTTPBufferSize = largest
	srv, err := eio.NewServer(cfg, echo{})
	if err != nil {
		t.Fatal(err)
	}
	return srv, listen.Loopback(t, srv, loop.Config{Loops: 1, MaxQueued: 2 * largest})
}
