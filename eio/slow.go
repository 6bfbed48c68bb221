package eio

import (
	"cmp"
	"slices"
	"time"

	"github.com/sioserver/sioserver/loop"
)

const (
	// hardBound is how many times Config.MaxQueued may wait for a peer.
	hardBound = loop.HardBound
	// stalled is how long a peer must have taken nothing before what waits for
	// it is dropped without another attempt to deliver it.
	stalled = time.Second
	// reliefPart is the divisor of the loop's share of
	// loop.Config.MaxQueuedTotal that gives how much is freed at once, so that
	// not every packet searches the sessions.
	reliefPart = 8
)

func (s *Session) slowTimeout() time.Duration { return s.home.srv.cfg.SlowTimeout }

func (s *Session) crowded() bool { return s.ws.c.Crowded() }

func (s *Session) clock() time.Duration { return s.now() }

// countBacklog counts what waits for a GET together with what waits in
// connections.
func (s *Session) countBacklog(weight int) {
	s.home.loop.HoldQueued(weight)
	s.publish(s.core.queued())
}

func (s *Session) discarded(packets int) { s.home.loop.Discard(packets) }

// idle returns how long the peer has taken nothing. Over polling that is the
// longest time, unless an answer is on its way or was at the last call.
func (s *Session) idle() time.Duration {
	if s.core.webSocket {
		return s.ws.c.Idle()
	}
	side := s.polling
	h := side.answered
	switch {
	case h != nil && h.c.Queued() > 0:
		side.unseen = true
		return h.c.Idle()
	case side.unseen:
		side.unseen = false
		return 0
	}
	return s.slowTimeout()
}

// burden returns how much waits for the session's peer, and whether the peer
// takes it.
func (s *Session) burden() (weight int, takes bool) {
	if s.core.webSocket {
		if s.ws == nil || !s.ws.c.Blocked() {
			return 0, true
		}
		return s.ws.c.Weight(), s.ws.c.Idle() < stalled
	}
	weight = s.core.weight()
	if s.polling == nil || s.polling.answered == nil || !s.polling.answered.c.Blocked() {
		return weight, false
	}
	c := s.polling.answered.c
	return weight + c.Weight(), c.Idle() < stalled
}

// shedBacklogs makes room when too much waits on the loop. It ends the sessions
// with the largest backlogs, first those whose peers take nothing.
func (pl *perLoop) shedBacklogs() {
	type burdened struct {
		s      *Session
		weight int
		takes  bool
	}
	var list []burdened
	for _, s := range pl.slots {
		if s == nil {
			continue
		}
		if weight, takes := s.burden(); weight > 0 {
			list = append(list, burdened{s, weight, takes})
		}
	}
	slices.SortFunc(list, func(a, b burdened) int {
		switch {
		case a.takes == b.takes:
			return cmp.Compare(b.weight, a.weight)
		case a.takes:
			return 1
		}
		return -1
	})
	excess := pl.loop.Excess() + pl.loop.Share()/reliefPart
	for _, b := range list {
		if excess <= 0 {
			return
		}
		excess -= b.weight
		if side := b.s.polling; side != nil && side.answered != nil && side.answered.c.Blocked() {
			side.answered.destroy()
		}
		b.s.core.end(b.s, TransportError, ErrQueueOverflow)
	}
}
