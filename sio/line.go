package sio

import (
	"sync"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// line is where sockets stand that have something to run but no worker, because
// [Config.MaxHandlers] of them run. Each stands in it once at most: while it has a
// queue and until a worker drains it. Safe for concurrent use.
//
// A finishing worker may look into the line before a newly counted socket is in it,
// as both count before they take the lock. The place is then recorded in free.
type line struct {
	mu      sync.Mutex
	sockets fifo.Queue[*Socket] // the first waits longest
	free    int                 // places given up while the line was empty
}

// join makes s wait for a place. It reports false when it got one at once.
func (l *line) join(s *Socket) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		return false
	}
	l.sockets.Push(s)
	return true
}

// next returns the socket that has waited longest, for a place that was given up. If
// none waits it records the place as free and returns nil.
func (l *line) next() *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets.Len() == 0 {
		l.free++
		return nil
	}
	return l.sockets.Pop()
}

// turn gives the place of s to the socket that has waited longest, which it returns;
// s waits as the last one. It returns s itself if none waits.
func (l *line) turn(s *Socket) *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets.Len() == 0 {
		return s
	}
	l.sockets.Push(s)
	return l.sockets.Pop()
}
