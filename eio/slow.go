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
	// stalled is how long a peer has taken nothing when what waits for it is
	// not tried to be delivered any more.
	stalled = time.Second
	// reliefPart is the part of the loop's share of loop.Config.MaxQueuedTotal
	// that is made free at once, so that the sessions are not searched for every
	// packet.
	reliefPart = 8
)

func (s *Session) slowTimeout() time.Duration { return s.home.srv.cfg.SlowTimeout }

func (s *Session) crowded() bool { return s.ws.c.Crowded() }

func (s *Session) clock() time.Duration { return s.now() }

// held counts what waits for a GET, with what waits in connections.
func (s *Session) countBacklog(weight int) {
	s.home.loop.HoldQueued(weight)
	s.publish(s.core.queued())
}

func (s *Session) discarded(packets int) { s.home.loop.Discard(packets) }

// idle is how long the peer has taken nothing. Over polling it is the longest
// time unless an answer is on its way, or was when it was last asked.
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

// burden is what waits for the session's peer, and whether it takes it.
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

// relieve makes room when too much waits on the loop: it ends the sessions with
// the largest backlogs, first of the peers that take nothing.
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
