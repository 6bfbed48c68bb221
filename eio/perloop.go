package eio

import (
	"crypto/subtle"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// perLoop is the part of a server that lives on one loop: the table of its
// sessions, the source of their ids, and what bounds them. Loop-owned.
type perLoop struct {
	srv           *Server
	loop          *loop.Loop
	ids           idSource
	receiving     receiving
	yielding      yielding
	limits        wsframe.Limits              // of WebSockets without compression
	deflateLimits wsframe.Limits              // of those with it
	slots         []*Session                  // by the slot number in the sid
	free          []uint32                    // slots that are empty
	req           http1.Request               // the request being parsed; valid until the next head
	outer         *outer                      // what that request has from around the engine; nil for nothing
	waiters       map[*Session][]*flushWaiter // of Session.Flush
	announcements announcements
	transports    transportCounts // changed on the loop, read anywhere
}

// sessionSize is about how many bytes a session takes, the upper layer's part
// included.
const sessionSize = 1 << 10

// add puts s into the table under a new id, or under sid unless that is empty.
// It reports false when the table is full or the sid is taken.
func (pl *perLoop) add(s *Session, sid string) bool {
	if pl.srv.clients.Load() >= pl.srv.cfg.MaxSessions {
		return false
	}
	var slot uint32
	if n := len(pl.free); n > 0 {
		slot = pl.free[n-1]
		pl.free = pl.free[:n-1]
	} else if len(pl.slots) < maxSlots {
		slot = uint32(len(pl.slots))
		pl.slots = append(pl.slots, nil)
	} else {
		return false
	}
	s.id = pl.ids.next(pl.loop.Index(), slot)
	if sid != "" {
		if _, taken := pl.srv.named.LoadOrStore(sid, s); taken {
			pl.free = append(pl.free, slot)
			return false
		}
		s.name = &sid
	}
	pl.slots[slot] = s
	pl.srv.clients.Add(1)
	pl.loop.Hold(sessionSize)
	return true
}

func (pl *perLoop) remove(s *Session) {
	slot := s.id.slot()
	pl.slots[slot] = nil
	if s.name != nil {
		pl.srv.named.Delete(*s.name)
	}
	pl.free = append(pl.free, slot)
	if pl.srv.clients.Add(-1) == 0 {
		pl.srv.emptied()
	}
	pl.loop.Hold(-sessionSize)
	pl.departed(s)
}

// admitted counts the session against its address, or reports that this has too
// many.
func (pl *perLoop) admitted(s *Session) bool {
	a := pl.srv.limiter
	return a == nil || a.open(s.remote.addrPort().Addr(), pl.loop.Now())
}

// departed takes back what admitted has counted.
func (pl *perLoop) departed(s *Session) {
	if a := pl.srv.limiter; a != nil {
		a.closed(s.remote.addrPort().Addr(), pl.loop.Now())
	}
}

// session returns the session with the id, or nil. How long it takes says
// nothing of the id that is in the slot.
func (pl *perLoop) session(id *sessionID) *Session {
	if slot := id.slot(); int(slot) < len(pl.slots) {
		if s := pl.slots[slot]; s != nil && subtle.ConstantTimeCompare(s.id[:], id[:]) == 1 {
			return s
		}
	}
	return nil
}
