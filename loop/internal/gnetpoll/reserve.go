//go:build linux

package gnetpoll

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// A connection that moves to another loop needs descriptors beside its own,
// which other parts of the process may have taken. So that it is not lost, it
// leaves its loop in a descriptor from the reserve and waits for the others
// that it needs to enter the new loop.

const (
	// moveRetry is how long a move waits until it tries again.
	moveRetry = 10 * time.Millisecond
	// moveTries bounds the tries: 30 s.
	moveTries = int(30 * time.Second / moveRetry)
)

// scarce reports whether err is a shortage that may pass.
func scarce(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) ||
		errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM) || errors.Is(err, errUnwatched)
}

// reserve holds descriptors that are open for their numbers alone: another file
// can take the place of one when no number is free. Safe for concurrent use.
type reserve chan int

// fill opens what is missing, as far as there are descriptors.
func (r reserve) fill() {
	for len(r) < cap(r) {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return
		}
		select {
		case r <- fd:
		default:
			_ = unix.Close(fd)
		}
	}
}

// dup duplicates a descriptor.
func (r reserve) dup(fd int) (int, error) {
	second, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != unix.EMFILE && err != unix.ENOMEM {
		return second, err
	}
	select {
	case second = <-r:
		if err = unix.Dup3(fd, second, unix.O_CLOEXEC); err != nil {
			_ = unix.Close(second)
		}
	default:
	}
	return second, err
}

func (r reserve) close() {
	for {
		select {
		case fd := <-r:
			_ = unix.Close(fd)
		default:
			return
		}
	}
}
