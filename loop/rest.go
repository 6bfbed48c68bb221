package loop

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rest is where a loop waits when it has nothing to do.
//
// gnet waits in epoll_wait, which to Go's scheduler is a system call that blocks: the
// processor is taken away from the loop, another thread is started to watch the
// network, and all is undone when something happens. At some thousand events a
// second that costs several times what the events do. Therefore the loop does not
// return to gnet at the end of a burst that leaves nothing to do, but waits as
// goroutines wait for sockets, in the runtime's own poller:
//
//	the runtime's epoll ─▶ outer ─▶ gnet's epoll ─▶ sockets, and gnet's eventfd
//
// It goes back to gnet when gnet has events. A Wake is noticed right here, without a
// system call, and the turn is run on the spot. outer is armed for one event at each
// rest, so that the runtime is not told of every event while the loop is busy.
//
// The danger is a task that waits in gnet's queue while the loop rests: gnet does not
// signal its eventfd when it believes its loop to be running tasks, and an event that
// it has taken is not there to be seen. All that puts tasks there is the engine's own,
// so it is counted: the loop does not rest while a turn is in gnet's hands (summoned)
// or a connection is being enrolled, nor before the start is complete or once gnet
// ends (visits).
//
// When there are events at once, the loop has asked in vain. The more often that
// happens in a row, the less often it asks: a busy loop is none the slower for it.
//
// Where goroutines compete for the processors, what rests comes back late: it waits in a
// queue behind the others, and the runtime looks at its poller every 10 ms only. A loop
// that finds it so stays with gnet for a while.
type rest struct {
	file  *os.File // outer; nil before init
	conn  syscall.RawConn
	outer int // file's descriptor
	inner int // gnet's epoll
	look  func(fd uintptr) bool
	slept bool // in the last sleep there was nothing to do for a moment

	vain, pass int       // how often it was in vain in a row, and how often not to ask
	crowded    time.Time // until when there is no rest; zero when there was no crowd

	mu       sync.Mutex // guards what follows
	resting  bool
	asleep   bool // so much so that it takes a deadline to rouse it
	roused   bool // the rest is to end
	woken    bool // because of Wake
	summoned bool // gnet has a turn to run
	visits   int
}

// A loop that has asked in vain more than patience times in a row passes over twice as
// many bursts each time, up to longestPass.
const (
	patience    = 4
	longestPass = 32
)

// When others have kept the loop waiting for longer than longTurn, it does not rest for
// crowdTime.
const (
	longTurn  = 2 * time.Millisecond
	crowdTime = time.Second
)

// past is a deadline that ends a rest.
var past = time.Unix(1, 0)

// init finds gnet's epoll instance, to which the socket with descriptor probe was
// added, among the descriptors up to maxFD: gnet does not tell it. Only where the
// socket is, its registration can be set to what it is.
func (r *rest) init(probe, maxFD int) error {
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
			r.conn, err = file.SyscallConn()
		}
		if err == nil {
			err = file.SetReadDeadline(time.Time{}) // it must be able to
		}
		if err != nil {
			_ = file.Close()
			return err
		}
		r.file, r.outer, r.inner, r.look = file, outer, fd, r.lookOut
		return nil
	}
	return os.ErrNotExist
}

func (r *rest) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// begin tells that the loop is about to rest. It reports false when it must not.
func (r *rest) begin() bool {
	if r.file == nil {
		return false
	}
	if r.pass > 0 {
		r.pass--
		return false
	}
	if !r.crowded.IsZero() {
		if time.Now().Before(r.crowded) {
			return false
		}
		r.crowded = time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting = !r.summoned && r.visits == 0
	return r.resting
}

// end is what ends a rest.
type end uint8

const (
	byEvents end = iota // gnet has some, and there may have been a Wake
	byWake              // gnet had none
	atOnce              // by a Wake before gnet was asked
)

// sleep waits until gnet has events or the loop is woken, which it tells too. First it
// lets the goroutines run that the burst has started: often that is all it takes.
func (r *rest) sleep() (e end, woken bool) {
	begun := time.Now()
	runtime.Gosched()
	if now := time.Now(); now.Sub(begun) > longTurn {
		r.crowded = now.Add(crowdTime)
	}
	r.mu.Lock()
	r.asleep = !r.roused
	r.mu.Unlock()
	if r.asleep {
		r.await()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	woken = r.woken
	switch {
	case !r.asleep && woken:
		e = atOnce
	case r.asleep && r.slept && woken:
		e = byWake
	}
	if r.asleep && r.roused {
		_ = r.file.SetReadDeadline(time.Time{})
	}
	r.resting, r.asleep, r.roused, r.woken = false, false, false, false
	return e, woken
}

// await is the sleep proper. It was asked for in vain (slept is false) when there are
// events at once.
func (r *rest) await() {
	r.slept = false
	err := unix.EpollCtl(r.outer, unix.EPOLL_CTL_MOD, r.inner, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT})
	if err == nil {
		_ = r.conn.Read(r.look) // its error is the deadline's, by which the loop is woken
	}
	if r.slept {
		r.vain = 0
	} else if r.vain++; r.vain > patience {
		r.pass = min(1<<min(r.vain-patience, 16), longestPass)
	}
}

// lookOut reports whether gnet has events, and takes the notice of them.
func (r *rest) lookOut(outer uintptr) bool {
	var event unix.EpollEvent
	for {
		// Raw, as it does not block: see Send.
		n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, outer, uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
		if e != unix.EINTR {
			r.slept = r.slept || n == 0
			return n != 0
		}
	}
}

// ready reports whether gnet has events, without taking them.
func (r *rest) ready() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.inner), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil
}

// wake ends a rest so that a turn is run. It reports false when there is no rest. mu
// is held.
func (r *rest) wake() bool {
	r.woken = r.rouse()
	return r.woken
}

// rouse ends a rest, if there is one. mu is held.
func (r *rest) rouse() (rested bool) {
	if r.resting && !r.roused {
		r.roused = true
		if r.asleep {
			_ = r.file.SetReadDeadline(past)
		}
	}
	return r.resting
}

// visit keeps the loop from resting until leave.
func (r *rest) visit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visits++
	r.rouse()
}

func (r *rest) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.visits--
}
