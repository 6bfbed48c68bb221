package looptest

import (
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// station is the backend of one loop.
type station struct {
	*simServer
	loop   backend.Loop
	wake   bool // guarded by Network.mu
	alarm  int64
	conns  map[int]*Peer
	active []*Peer // have events for the loop
}

var (
	_ backend.Engine  = (*simServer)(nil)
	_ backend.Backend = (*station)(nil)
	_ backend.Sockets = (*station)(nil)
)

func (st *station) interrupted() {
	if st.n.interrupt != nil && st.n.chance(st.n.faults.Interrupt) {
		st.n.interrupt()
	}
}

// cycle is what one wait of the poller reports.
func (st *station) cycle() (what string) {
	woken := st.takeWake()
	if count := len(st.active); count > 0 {
		events := 1 + st.n.random.IntN(count)
		for range events {
			if len(st.active) == 0 {
				break
			}
			i := st.n.random.IntN(len(st.active))
			p := st.active[i]
			st.active = slices.Delete(st.active, i, i+1)
			p.active = false
			what += p.event() + " "
			st.n.settle()
		}
	}
	if woken {
		st.loop.Turn()
		what += "turn"
	}
	return what
}

func (st *station) takeWake() bool {
	st.n.mu.Lock()
	defer st.n.mu.Unlock()
	woken := st.wake
	st.wake = false
	return woken
}

// Wake implements backend.Backend, as the following methods do.
func (st *station) Wake() {
	st.n.mu.Lock()
	st.wake = true
	st.n.mu.Unlock()
	st.n.notify()
}

// SetTimer is for NextAlarm and Step.
func (st *station) SetTimer(at int64) {
	st.alarm = at
	st.interrupted()
}

// Now is the runtime's time.
func (st *station) Now() int64 { return st.n.now() }

// Unread reports what Step would deliver.
func (st *station) Unread() bool { return len(st.active) > 0 }

// Idle goes on with the burst if the loop was woken meanwhile.
func (st *station) Idle(c backend.Conn) {
	if !st.n.chance(st.n.faults.Linger) || !st.takeWake() {
		return
	}
	st.loop.Continue(c)
}

// Send implements backend.Wire, as the following methods do.
func (st *station) Send(fd int, b []byte) (int, error) { return st.Sendv(fd, [][]byte{b}) }

// Sendv takes as much as there is room for.
func (st *station) Sendv(fd int, bufs [][]byte) (n int, err error) {
	defer st.interrupted()
	p := st.conns[fd]
	if p == nil {
		return 0, syscall.EBADF
	}
	if p.inEnd == syscall.ECONNRESET {
		return 0, syscall.EPIPE
	}
	total := 0
	for _, b := range bufs {
		total += len(b)
	}
	room := min(total, max(0, p.window-len(p.out)))
	if p.n.chance(p.n.faults.ShortSend) {
		room = p.n.random.IntN(room + 1)
	}
	for _, b := range bufs {
		k := min(len(b), room-n)
		p.out = append(p.out, b[:k]...)
		n += k
	}
	switch {
	case n > 0 && p.vanished:
		if p.since.IsZero() {
			p.since = time.Now()
		}
	case n > 0 && p.gone: // the peer's kernel resets it
		p.Reset()
	}
	if n > 0 {
		p.tell()
	}
	return n, nil
}

// CloseWrite ends the server's sending half.
func (st *station) CloseWrite(fd int) error {
	p := st.conns[fd]
	p.ended = true
	p.tell()
	return nil
}

// HungUp reports the peer's end.
func (st *station) HungUp(fd int) bool { return st.conns[fd].inEnd != nil }

// Unacknowledged is positive for a peer whose host has vanished.
func (st *station) Unacknowledged(fd int) time.Duration {
	if p := st.conns[fd]; !p.since.IsZero() {
		return time.Since(p.since)
	}
	return 0
}

// Pause stops reading.
func (st *station) Pause(s backend.Socket) error {
	s.(*Peer).paused = true
	return nil
}

// Resume reads again.
func (st *station) Resume(s backend.Socket) error {
	p := s.(*Peer)
	p.paused = false
	p.touch()
	return nil
}

// Watch asks for a notice.
func (st *station) Watch(fd int, id uint32, _ bool) error {
	p := st.conns[fd]
	p.waiting, p.notice = true, id
	p.touch()
	return nil
}

// Unwatch forgets it.
func (st *station) Unwatch(fd int) {
	if p := st.conns[fd]; p != nil {
		p.waiting = false
	}
}

// Close closes a connection.
func (st *station) Close(s backend.Socket) { s.(*Peer).drop() }

// Holds is false: connections are made by Dial.
func (st *station) Holds(net.Conn) bool { return false }

// Enroll is not called.
func (st *station) Enroll(net.Conn, any) error { return syscall.ENOTSUP }

// Release loses the connection: there is no net.Conn.
func (st *station) Release(s backend.Socket, taken func(net.Conn, error)) {
	s.(*Peer).drop()
	go taken(nil, syscall.ENOTSUP)
}

// Detach takes the connection out of its loop.
func (st *station) Detach(s backend.Socket) (any, error) {
	p := s.(*Peer)
	delete(st.conns, p.fd)
	if i := slices.Index(st.active, p); i >= 0 {
		st.active = slices.Delete(st.active, i, i+1)
	}
	p.active, p.conn, p.waiting, p.paused = false, nil, false, false
	return p, nil
}

// Attach announces the connection to this loop.
func (st *station) Attach(stream, handoff any, failed func(error)) {
	p := stream.(*Peer)
	if !st.cfg.Host.BeginAttach() {
		p.closed = true
		failed(backend.ErrShutdown)
		return
	}
	p.st, p.handoff, p.lost = st, handoff, func() { failed(syscall.ECONNRESET) }
	st.conns[p.fd] = p
	p.touch()
}
