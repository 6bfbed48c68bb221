package sio

import "sync"

// line is where sockets stand that have something to run but no worker, because
// [Config.MaxHandlers] of them run. Each stands in it once at most: while it has a
// queue and until a worker drains it. Safe for concurrent use.
//
// Who ends may look before who comes stands in line, as the two have counted
// themselves before they take the lock. Then the place is kept free for who comes.
type line struct {
	mu      sync.Mutex
	sockets []*Socket // sockets[head:] wait, the first longest
	head    int
	free    int // places given up that nobody was there to take
}

// join makes s wait for a place. It reports false when it got one at once.
func (l *line) join(s *Socket) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		return false
	}
	l.push(s)
	return true
}

// next gives a place to who waits longest, or keeps it free and returns nil.
func (l *line) next() *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.sockets) {
		l.free++
		return nil
	}
	return l.pop()
}

// turn gives the place of s to who waits longest, behind whom s waits from now on.
// It returns s itself when nobody waits.
func (l *line) turn(s *Socket) *Socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.sockets) {
		return s
	}
	l.push(s)
	return l.pop()
}

func (l *line) push(s *Socket) {
	if len(l.sockets) == cap(l.sockets) && l.head > len(l.sockets)/2 {
		n := copy(l.sockets, l.sockets[l.head:])
		clear(l.sockets[n:])
		l.sockets, l.head = l.sockets[:n], 0
	}
	l.sockets = append(l.sockets, s)
}

func (l *line) pop() *Socket {
	s := l.sockets[l.head]
	l.sockets[l.head] = nil
	l.head++
	if l.head == len(l.sockets) {
		l.sockets, l.head = nil, 0 // it is seldom that somebody waits
	}
	return s
}
