//go:build linux

package gnetpoll

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

// watcher reports to the loops which of their blocked connections take bytes
// again. It owns an epoll instance beside gnet's, because gnet has no such
// notice, and one goroutine, which waits in the runtime's poller and so costs
// no thread. watch and unwatch are safe for concurrent use.
type watcher struct {
	file  *os.File // the epoll instance
	epfd  int
	loops []backend.Loop
	ended chan struct{}
}

func newWatcher() (*watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil {
		_ = unix.Close(epfd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &watcher{file: os.NewFile(uintptr(epfd), "epoll"), epfd: epfd, ended: make(chan struct{})}, nil
}

func (w *watcher) start(loops []backend.Loop) {
	w.loops = loops
	go w.run()
}

func (w *watcher) watch(fd, loop int, id uint32, again bool) error {
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	// The event's data is not the descriptor, which may have a new owner when
	// the event arrives, but the notice and its loop.
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(id), Pad: int32(loop)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epfd, op, fd, &ev))
}

func (w *watcher) unwatch(fd int) {
	_ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, fd, nil)
}

func (w *watcher) run() {
	defer close(w.ended)
	rc, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 128)
	_ = rc.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			if n <= 0 {
				return false // wait until the runtime's poller reports events
			}
			for _, ev := range events[:n] {
				w.loops[ev.Pad].Writable(uint32(ev.Fd))
			}
		}
	})
}

// close ends the goroutine. The loops must not watch any more.
func (w *watcher) close() {
	_ = w.file.Close()
	<-w.ended
}
