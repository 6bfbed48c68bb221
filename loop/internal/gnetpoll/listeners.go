//go:build linux

package gnetpoll

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
	// acceptQuiet is how long accept must not have failed before the log says
	// that it works again.
	acceptQuiet = 5 * time.Second
)

// listeners are gnet's listening sockets. When accept fails for lack of
// descriptors or memory, connections wait in the kernel's queue. The loop then
// accepts again after acceptPause: trying at once would keep it busy. Safe for
// concurrent use.
type listeners struct {
	log      *slog.Logger
	failures atomic.Int64

	mu      sync.Mutex // guards what follows and the descriptors
	list    []listener // by loop; empty until found, and once they are closed
	ended   bool       // gnet closes them, or has
	cause   error      // of the last failure, if known
	ticking bool       // tick is going to be called
	last    time.Time  // of the last failure
	logged  bool       // the first failure
}

// listener is the listening socket of a loop.
type listener struct {
	fd, epoll int
	paused    bool // the loop does not accept
}

// learn finds the sockets that listen on addr and the loop of each.
func (ls *listeners) learn(addr netip.AddrPort, pollers []*poller, highest int) error {
	list := make([]listener, len(pollers))
	for _, fd := range findListeners(addr, len(pollers), highest) {
		for i, p := range pollers {
			if list[i].fd == 0 && interest(p.parker.inner, fd, acceptEvents) == nil {
				list[i] = listener{fd: fd, epoll: p.parker.inner}
				break
			}
		}
	}
	for _, ln := range list {
		if ln.fd == 0 {
			return errors.New("a listening socket of gnet is not found")
		}
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !ls.ended {
		ls.list = list
	}
	return nil
}

const (
	acceptEvents = unix.EPOLLIN | unix.EPOLLPRI // gnet's own choice
	noEvents     = unix.EPOLLET                 // errors are reported once
)

// interest changes the events for which fd is registered with an epoll instance
// of gnet. It needs no memory, and fails only if fd is not registered there.
func interest(epoll, fd int, events uint32) error {
	return unix.EpollCtl(epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// failed accounts for a failed accept of a loop.
func (ls *listeners) failed(loop int) {
	ls.failures.Add(1)
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.list) == 0 {
		return
	}
	ls.last = time.Now()
	ln := &ls.list[loop]
	ln.paused = interest(ln.epoll, ln.fd, noEvents) == nil
	if !ls.ticking {
		ls.ticking = true
		time.AfterFunc(acceptPause, ls.tick)
	}
}

// because records why accept has failed.
func (ls *listeners) because(err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.cause = err
}

// tick has paused loops accept again, and logs the first failure and the end.
func (ls *listeners) tick() {
	ls.mu.Lock()
	for i := range ls.list {
		if ln := &ls.list[i]; ln.paused {
			ln.paused = interest(ln.epoll, ln.fd, acceptEvents) != nil
		}
	}
	cause, first, over := ls.cause, !ls.logged, len(ls.list) == 0 || time.Since(ls.last) > acceptQuiet
	ls.logged, ls.ticking = !over, !over
	if !over {
		time.AfterFunc(acceptPause, ls.tick)
	}
	ls.mu.Unlock()
	switch {
	case first:
		ls.log.Warn("loop: cannot accept connections; they wait", "error", cause)
	case over:
		ls.log.Info("loop: accepting connections again", "failures", ls.failures.Load())
	}
}

// close closes the listening sockets.
func (ls *listeners) close() error {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	err := retire(ls.list)
	ls.list = nil
	return err
}

// end is called before gnet closes the sockets: their numbers may be reused
// then.
func (ls *listeners) end() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.list, ls.ended = nil, true
}
