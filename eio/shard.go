package eio

import (
	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/eio/internal/wsframe"
	"github.com/sioserver/sioserver/loop"
)

// shard is the part of a server that lives on one loop: the table of its
// sessions and the source of their ids. Loop-owned.
type shard struct {
	srv           *Server
	loop          *loop.Loop
	ids           idSource
	receiving     receiving
	yielding      yielding
	limits        wsframe.Limits              // of all WebSockets
	deflateLimits wsframe.Limits              // of those that deflate
	slots         []*Session                  // by the slot number in the sid
	free          []uint32                    // slots that are empty
	req           http1.Request               // the request being parsed; valid until the next head
	waiters       map[*Session][]*flushWaiter // of Session.Flush
	announcements announcements
}

// sessionSize is about what a session takes, in bytes, the upper layer's part
// included.
const sessionSize = 1 << 10

// add gives s a place in the table and an id, or the sid given. It reports false
// when the table is full or the sid is taken.
func (sh *shard) add(s *Session, sid string) bool {
	if sh.srv.clients.Load() >= sh.srv.cfg.MaxSessions {
		return false
	}
	var slot uint32
	if n := len(sh.free); n > 0 {
		slot = sh.free[n-1]
		sh.free = sh.free[:n-1]
	} else if len(sh.slots) < maxSlots {
		slot = uint32(len(sh.slots))
		sh.slots = append(sh.slots, nil)
	} else {
		return false
	}
	s.id = sh.ids.next(sh.loop.Index(), slot)
	if sid != "" {
		if _, taken := sh.srv.named.LoadOrStore(sid, s); taken {
			sh.free = append(sh.free, slot)
			return false
		}
		s.name = &sid
	}
	sh.slots[slot] = s
	sh.srv.clients.Add(1)
	sh.loop.Hold(sessionSize)
	return true
}

func (sh *shard) remove(s *Session) {
	slot := s.id.slot()
	sh.slots[slot] = nil
	if s.name != nil {
		sh.srv.named.Delete(*s.name)
	}
	sh.free = append(sh.free, slot)
	sh.srv.clients.Add(-1)
	sh.loop.Hold(-sessionSize)
}

// session returns the session with the id, or nil.
func (sh *shard) session(id *sessionID) *Session {
	if slot := id.slot(); int(slot) < len(sh.slots) {
		if s := sh.slots[slot]; s != nil && s.id == *id {
			return s
		}
	}
	return nil
}
