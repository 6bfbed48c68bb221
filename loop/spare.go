package loop

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// A connection that moves to another loop needs descriptors beside its own,
// which other parts of the process may have taken. It must not be lost for
// that: it leaves its loop in a descriptor that was kept for it, and waits for
// those that it needs to enter the other.

const (
	// moveRetry is how long a move waits until it tries again.
	moveRetry = 10 * time.Millisecond
	// moveTries bounds the tries: 30 s.
	moveTries = int(30 * time.Second / moveRetry)
)

// scarce reports whether err is a lack that may pass.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// spares are descriptors that are open for nothing but their numbers: another
// file can be put in the place of one without the need for a free number. Safe
// for concurrent use.
type spares chan int

// fill opens what is missing, as far as there are descriptors.
func (s spares) fill() {
	for len(s) < cap(s) {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return
		}
		select {
		case s <- fd:
		default:
			_ = unix.Close(fd)
		}
	}
}

// dup duplicates a descriptor.
func (s spares) dup(fd int) (int, error) {
	second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != unix.EMFILE {
		return second, err
	}
	select {
	case second = <-s:
		if err = unix.Dup3(fd, second, unix.O_CLOEXEC); err != nil {
			_ = unix.Close(second)
		}
	default:
	}
	return second, err
}

func (s spares) close() {
	for {
		select {
		case fd := <-s:
			_ = unix.Close(fd)
		default:
			return
		}
	}
}
