//go:build linux

package gnetpoll

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// parker is where a loop waits when it has nothing to do.
//
// gnet waits in epoll_wait, which Go's scheduler treats as a system call that
// blocks: it takes the processor away from the loop, starts another thread to
// watch the network, and undoes all that when something happens. At some
// thousand events a second that costs several times what the events cost.
// Therefore the loop does not return to gnet at the end of a burst that leaves
// nothing to do. It waits as goroutines wait for sockets, in the runtime's own
// poller:
//
//	the runtime's epoll ─▶ outer ─▶ gnet's epoll ─▶ sockets, and gnet's eventfd
//
// It returns to gnet when gnet has events. A Wake ends the parking without a
// system call, and the turn runs on the spot. outer is armed for one event each
// time the loop parks, so that the runtime does not see every event of a busy
// loop.
//
// A task must not wait in gnet's queue while the loop is parked: gnet does not
// signal its eventfd when it believes that its loop is running tasks, and an
// event that gnet has taken is no longer there to be seen. Only the engine puts
// tasks there, so it counts them. The loop does not park while gnet has a turn
// to run (summoned), while a connection is being enrolled, before the start is
// complete, or once gnet ends (inhibitors).
//
// If parking returns at once because there are events, back off: after 4 such
// attempts in a row skip 2, 4, … 32 attempts, so that parking costs a busy loop
// little.
//
// When goroutines compete for the processors, a parked loop comes back late: it
// waits in a queue behind the others, and the runtime looks at its poller every
// 10 ms only. A loop that notices this does not park for a while.
type parker struct {
	file  *os.File // outer; nil before init
	conn  syscall.RawConn
	outer int // file's descriptor
	inner int // gnet's epoll instance
	look  func(fd uintptr) bool
	slept bool // the last time, there was nothing to do for a moment

	immediate, skip int       // returns at once in a row, and attempts to skip
	busyUntil       time.Time // no parking before; zero if none are busy

	mu         sync.Mutex // guards what follows
	parking    bool
	asleep     bool // in the runtime's poller: a deadline wakes it
	roused     bool // the parking is to end
	woken      bool // because of Wake
	summoned   bool // gnet has a turn to run
	inhibitors int
}

// After more than maxImmediate attempts in a row that returned at once, each
// further one doubles the attempts that are skipped, up to maxSkip.
const (
	maxImmediate = 4
	maxSkip      = 32
)

// When other goroutines have kept the loop waiting for longer than longWait, it
// does not park for busyTime.
const (
	longWait = 2 * time.Millisecond
	busyTime = time.Second
)

// past is a deadline that ends the parking.
var past = time.Unix(1, 0)

// init finds gnet's epoll instance, which holds the socket with descriptor
// probe, among the open descriptors up to maxFD. EPOLL_CTL_MOD succeeds only on
// the instance that holds the probe, and leaves the registration unchanged.
func (p *parker) init(probe, maxFD int) error {
	for _, fd := range descriptors(maxFD) {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLPRI, Fd: int32(probe)}
		if fd == probe || unix.EpollCtl(fd, unix.EPOLL_CTL_MOD, probe, &event) != nil {
			continue
		}
		outer, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return os.NewSyscallError("epoll_create1", err)
		}
		if err := unix.SetNonblock(outer, true); err != nil {
			_ = unix.Close(outer)
			return os.NewSyscallError("fcntl", err)
		}
		file := os.NewFile(uintptr(outer), "epoll")
		err = unix.EpollCtl(outer, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLONESHOT})
		if err == nil {
			p.conn, err = file.SyscallConn()
		}
		if err == nil {
			err = file.SetReadDeadline(time.Time{}) // it must be able to
		}
		if err != nil {
			_ = file.Close()
			return err
		}
		p.file, p.outer, p.inner, p.look = file, outer, fd, p.lookOut
		return nil
	}
	return os.ErrNotExist
}

// found reports whether init has found gnet's epoll instance.
func (p *parker) found() bool { return p.file != nil }

func (p *parker) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
}

// begin announces that the loop is about to park. It reports false when it must
// not.
func (p *parker) begin() bool {
	if p.file == nil {
		return false
	}
	if p.skip > 0 {
		p.skip--
		return false
	}
	if !p.busyUntil.IsZero() {
		if time.Now().Before(p.busyUntil) {
			return false
		}
		p.busyUntil = time.Time{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parking = !p.summoned && p.inhibitors == 0
	return p.parking
}

// end is what ends the parking.
type end uint8

const (
	byEvents end = iota // gnet has events; there may have been a Wake too
	byWake              // gnet had no events
	atOnce              // a Wake came before gnet was asked
)

// park waits until gnet has events or the loop is woken, and reports which.
// First it lets the goroutines run that the burst has started: often they wake
// the loop.
func (p *parker) park() (e end, woken bool) {
	begun := time.Now()
	runtime.Gosched()
	if now := time.Now(); now.Sub(begun) > longWait {
		p.busyUntil = now.Add(busyTime)
	}
	p.mu.Lock()
	p.asleep = !p.roused
	p.mu.Unlock()
	if p.asleep {
		p.await()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	woken = p.woken
	switch {
	case !p.asleep && woken:
		e = atOnce
	case p.asleep && p.slept && woken:
		e = byWake
	}
	if p.asleep && p.roused {
		_ = p.file.SetReadDeadline(time.Time{})
	}
	p.parking, p.asleep, p.roused, p.woken = false, false, false, false
	return e, woken
}

// await waits in the runtime's poller. slept stays false when there are events
// at once.
func (p *parker) await() {
	p.slept = false
	err := unix.EpollCtl(p.outer, unix.EPOLL_CTL_MOD, p.inner, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT})
	if err == nil {
		_ = p.conn.Read(p.look) // fails by the deadline that wakes it
	}
	if p.slept {
		p.immediate = 0
	} else if p.immediate++; p.immediate > maxImmediate {
		p.skip = min(1<<min(p.immediate-maxImmediate, 16), maxSkip)
	}
}

// lookOut reports whether gnet has events, and takes outer's notice of them.
func (p *parker) lookOut(outer uintptr) bool {
	var event unix.EpollEvent
	for {
		// Raw, as it does not block: see Send.
		n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, outer, uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
		if e != unix.EINTR {
			p.slept = p.slept || n == 0
			return n != 0
		}
	}
}

// ready reports whether gnet has events. It leaves the notice.
func (p *parker) ready() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.inner), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil
}

// wake ends the parking so that a turn is run. It reports false when the loop
// is not parked. mu is held.
func (p *parker) wake() bool {
	p.woken = p.rouse()
	return p.woken
}

// rouse ends the parking, if there is one, and reports whether there is. mu is
// held.
func (p *parker) rouse() (parked bool) {
	if p.parking && !p.roused {
		p.roused = true
		if p.asleep {
			_ = p.file.SetReadDeadline(past)
		}
	}
	return p.parking
}

// inhibit keeps the loop from parking until allow.
func (p *parker) inhibit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inhibitors++
	p.rouse()
}

func (p *parker) allow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inhibitors--
}
