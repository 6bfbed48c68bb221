package eio

import (
	"sync"
	"time"
)

const (
	// unknownInterval is how long unknownSessions looks at before it warns, and
	// how often it does at most.
	unknownInterval = time.Minute
	// unknownStep is how many unknown sessions are too few for a warning.
	unknownStep = 10
)

// unknownSessions looks for a load balancer that spreads the requests of one
// client over several servers. Then most of the sids that clients send are
// unknown: as many as half of the handshakes, with two servers. A client whose
// session has ended sends one, too, so few of them mean nothing. Safe for
// concurrent use.
type unknownSessions struct {
	mu         sync.Mutex
	began      time.Time
	requests   int
	handshakes uint64 // when the interval began
	warned     bool
}

// count counts a request for a session that does not exist.
func (u *unknownSessions) count(srv *Server) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := time.Now(); now.Sub(u.began) >= unknownInterval {
		u.began, u.requests, u.warned = now, 0, false
		u.handshakes = srv.TransportStats().OpenedPolling
	}
	u.requests++
	if u.warned || u.requests%unknownStep != 0 {
		return
	}
	handshakes := srv.TransportStats().OpenedPolling - u.handshakes
	if uint64(u.requests) < handshakes/2 {
		return
	}
	u.warned = true
	srv.cfg.Logger.Warn("eio: many requests have an unknown session ID",
		"requests", u.requests, "handshakes", handshakes, "within", unknownInterval,
		"hint", "if several servers share the address, all requests of a client must reach the same one "+
			"(sticky sessions), or Config.Forwarding must be set; after a restart it is normal")
}
