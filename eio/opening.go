package eio

import (
	"github.com/sioserver/sioserver/codec/engineio"
	"github.com/sioserver/sioserver/loop"
)

// open makes a session for the handshake r, named sid unless that is empty;
// nil when there is no room for one.
func (sh *shard) open(r *Request, c *loop.Conn, sid string, f form) *Session {
	s := sh.srv.upper.NewSession()
	s.home = sh
	if !s.Keep(len(r.head), false) {
		return nil
	}
	if !sh.add(s, sid) {
		s.letGo()
		return nil
	}
	s.request.Store(r)
	s.remote = makeEndpoint(c.RemoteAddr())
	s.timer.Init((*sessionTimer)(s))
	s.core.open(sh.srv.timing, s.now(), f, false)
	return s
}

// start tells the upper layer, once the open packet is on its way.
func (s *Session) start() {
	s.rearm()
	s.logOpened()
	s.home.srv.upper.Opened(s)
}

// openPackets are what a session begins with: the open packet (Engine.IO
// protocol, "handshake") and the application's own. The caller must not keep them.
func (s *Session) openPackets(upgrades []string) []*Packet {
	cfg := &s.home.srv.cfg
	opening := NewPacket(false)
	b := opening.Begin()
	b[len(b)-1] = engineio.Open.Char()
	opening.End(engineio.AppendHandshake(b, engineio.Handshake{
		SID:          s.ID(),
		Upgrades:     upgrades,
		PingInterval: cfg.PingInterval,
		PingTimeout:  cfg.PingTimeout,
		MaxPayload:   cfg.MaxHTTPBufferSize,
	}))
	packets := []*Packet{opening}
	if cfg.InitialPacket != nil {
		p := NewPacket(cfg.InitialPacketBinary)
		p.End(append(p.Begin(), cfg.InitialPacket...))
		packets = append(packets, p)
	}
	return packets
}
