package looptest

import (
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// simServer is the backend of one engine.
type simServer struct {
	n        *Network
	cfg      backend.Config
	addr     netip.AddrPort
	stations []*station

	// Guarded by Network.mu.
	refuses bool // connections
	halted  bool
	ended   bool
}

// open makes a backend that listens on cfg.Addr.
func (n *Network) open(cfg backend.Config) (backend.Engine, error) {
	s := &simServer{n: n, cfg: cfg, refuses: !cfg.Listen}
	if cfg.Listen {
		addr, err := netip.ParseAddrPort(cfg.Addr)
		if err != nil {
			return nil, err
		}
		if n.servers[cfg.Addr] != nil {
			return nil, syscall.EADDRINUSE
		}
		s.addr = addr
		n.servers[cfg.Addr] = s
	}
	for range cfg.Loops {
		st := &station{simServer: s, conns: make(map[int]*Peer)}
		s.stations = append(s.stations, st)
		n.stations = append(n.stations, st)
	}
	return s, nil
}

// Addr implements backend.Engine, as the following methods do.
func (s *simServer) Addr() net.Addr { return net.TCPAddrFromAddrPort(s.addr) }

// Backend returns the station, which holds the sockets.
func (s *simServer) Backend(i int) (backend.Backend, backend.Sockets) {
	return s.stations[i], s.stations[i]
}

// Start takes the loops.
func (s *simServer) Start(loops []backend.Loop) error {
	for i, l := range loops {
		s.stations[i].loop = l
	}
	return nil
}

// StopAccepting refuses connections.
func (s *simServer) StopAccepting() error {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.refuses = true
	return nil
}

// AcceptFailures is 0: there are no descriptors to run out of.
func (s *simServer) AcceptFailures() int64 { return 0 }

// Exhausted is false.
func (s *simServer) Exhausted(backend.Socket) bool { return false }

// Halt has Step end the loops.
func (s *simServer) Halt() {
	s.n.mu.Lock()
	s.halted, s.refuses = true, true
	s.n.mu.Unlock()
	s.n.notify()
}

// Close has nothing to release.
func (s *simServer) Close() {}

// end ends the loops of a halted server.
func (s *simServer) end() {
	s.ended = true
	for _, st := range s.stations {
		fds := make([]int, 0, len(st.conns))
		for fd := range st.conns {
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		for _, fd := range fds {
			p := st.conns[fd]
			p.drop()
			if p.conn != nil {
				st.loop.Lose(p.conn, nil)
			}
		}
	}
	if s.cfg.Listen {
		delete(s.n.servers, s.cfg.Addr)
	}
	s.n.stations = slices.DeleteFunc(s.n.stations, func(st *station) bool { return st.simServer == s })
	s.cfg.Host.Ended(nil)
}
