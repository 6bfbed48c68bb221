package loop

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptPause is how long a loop does not accept after accept has failed.
	acceptPause = 20 * time.Millisecond
	// acceptQuiet is how long no accept must fail until it is said to work
	// again.
	acceptQuiet = 5 * time.Second
)

// doors are gnet's listening sockets. Where accept fails for lack of
// descriptors or memory, connections wait in the kernel's queue: the loop asks
// again after acceptPause, not at once, which would keep it busy. Safe for
// concurrent use.
type doors struct {
	log      *slog.Logger
	failures atomic.Int64

	mu      sync.Mutex // guards what follows, and the descriptors against gnet's end
	list    []door     // by Loop.Index; empty until known, and when gnet does not need them
	ended   bool       // gnet closes them, or has
	cause   error      // what the last accept failed of, if known
	ticking bool       // tick is going to be called
	last    time.Time  // of the last failure
	said    bool       // the log has it
}

// door is the listening socket of a loop.
type door struct {
	fd, epoll int
	shut      bool // the loop does not accept
}

// learn finds the sockets that listen on addr, and at which loop each of them
// is.
func (d *doors) learn(addr netip.AddrPort, reactors []*reactor, highest int) error {
	list := make([]door, len(reactors))
	for _, fd := range findListeners(addr, len(reactors), highest) {
		for i, r := range reactors {
			if list[i].fd == 0 && interest(r.rest.inner, fd, acceptEvents) == nil {
				list[i] = door{fd: fd, epoll: r.rest.inner}
				break
			}
		}
	}
	for _, door := range list {
		if door.fd == 0 {
			return errors.New("a listening socket of gnet is not found")
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended {
		d.list = list
	}
	return nil
}

const (
	acceptEvents = unix.EPOLLIN | unix.EPOLLPRI // gnet's own choice
	noEvents     = unix.EPOLLET                 // errors are reported all the same, but once
)

// interest changes the events for which fd is registered with an epoll instance
// of gnet. It needs no memory, and fails only if fd is not registered there.
func interest(epoll, fd int, events uint32) error {
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// failed accounts for a failed accept of a loop.
func (d *doors) failed(loop int) {
	d.failures.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		return
	}
	d.last = time.Now()
	door := &d.list[loop]
	door.shut = interest(door.epoll, door.fd, noEvents) == nil
	if !d.ticking {
		d.ticking = true
		time.AfterFunc(acceptPause, d.tick)
	}
}

// because is told why an accept has failed.
func (d *doors) because(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cause = err
}

// tick opens what is shut, and tells the log of the first failure and of the
// end.
func (d *doors) tick() {
	d.mu.Lock()
	for i := range d.list {
		if door := &d.list[i]; door.shut {
			door.shut = interest(door.epoll, door.fd, acceptEvents) != nil
		}
	}
	cause, begins, over := d.cause, !d.said, len(d.list) == 0 || time.Since(d.last) > acceptQuiet
	d.said, d.ticking = !over, !over
	if !over {
		time.AfterFunc(acceptPause, d.tick)
	}
	d.mu.Unlock()
	switch {
	case begins:
		d.log.Warn("loop: connections cannot be accepted; they wait", "error", cause)
	case over:
		d.log.Info("loop: connections are accepted again", "failures", d.failures.Load())
	}
}

// close closes the listening sockets.
func (d *doors) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := retire(d.list)
	d.list = nil
	return err
}

// end is told before gnet closes the sockets, whose numbers may then be reused.
func (d *doors) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list, d.ended = nil, true
}
