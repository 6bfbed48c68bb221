package sio

import (
	"sync"

	"github.com/sioserver/sioserver/sio/internal/fifo"
)

// line is where sockets stand that have something to run but no worker, because
// [Config.MaxHandlers] of them run. Each stands in it once at most: while it has a
// queue and until a worker drains it. Safe for concurrent use.
//
// Who ends may look before who comes stands in line, as the two have counted
// themselves before they take the lock. Then the place is kept free for who comes.
type line struct {
	mu      sync.Mutex
	sockets fifo.Queue[*Socket] // the first waits longest
	free    int                 // places given up that nobody was there to take
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

// next gives a place to who waits longest, or keeps it free and returns nil.
func (l *line) next() *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets.Len() == 0 {
		l.free++
		return nil
	}
	return l.sockets.Pop()
}

// turn gives the place of s to who waits longest, behind whom s waits from now on.
// It returns s itself when nobody waits.
func (l *line) turn(s *Socket) *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sockets.Len() == 0 {
		return s
	}
	l.sockets.Push(s)
	return l.sockets.Pop()
}
