//go:build linux

package floor

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	readSize  = 64 << 10
	batchSize = 256
	backlog   = 4096
	maxFiles  = 1 << 20
)

// Config says where the floor listens and how it sends.
type Config struct {
	Port   int  // TCP port on every IPv4 address; 0 picks one
	Joined bool // one send a connection and turn of the loop, instead of one a message
}

// Server is a listening floor. It is owned by the goroutine that calls Serve;
// Stop may be called from any other.
type Server struct {
	joined   bool
	epoll    int
	listener int
	wake     int
	port     int

	conns   []conn           // by descriptor
	partial map[int32][]byte // input that does not hold a whole frame or request yet
	stuck   map[int32][]byte // output that the kernel did not take
	rooms   map[string][]int32
	dirty   []int32  // connections with output of this turn; joined form only
	outputs [][]byte // their buffers, by position in dirty; kept for the next turn
	buf     []byte
	frame   []byte
	nextID  uint64
}

// conn is what one connection owns. Its size is the floor's memory per
// connection.
type conn struct {
	room   string
	output int32 // position in dirty plus one; 0 when nothing is queued
	state  state
}

type state uint8

const (
	stateClosed state = iota
	stateRequest
	stateFrames
)

// Listen binds the port. The caller runs Serve next, which also releases
// everything when it returns.
func Listen(cfg Config) (*Server, error) {
	s := &Server{
		joined: cfg.Joined, epoll: -1, listener: -1, wake: -1,
		partial: map[int32][]byte{}, stuck: map[int32][]byte{}, rooms: map[string][]int32{},
		buf: make([]byte, readSize),
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("floor: limit on open files: %w", err)
	}
	s.conns = make([]conn, min(limit.Cur, maxFiles)) // only what is used becomes resident
	if err := s.listen(cfg.Port); err != nil {
		s.release()
		return nil, fmt.Errorf("floor: listen on port %d: %w", cfg.Port, err)
	}
	return s, nil
}

func (s *Server) listen(port int) (err error) {
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return err
	}
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err = unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if err = unix.Bind(s.listener, &unix.SockaddrInet4{Port: port}); err != nil {
		return err
	}
	if err = unix.Listen(s.listener, backlog); err != nil {
		return err
	}
	name, err := unix.Getsockname(s.listener)
	if err != nil {
		return err
	}
	s.port = name.(*unix.SockaddrInet4).Port
	for _, fd := range []int{s.listener, s.wake} {
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return err
		}
	}
	return nil
}

// Addr is the loopback address that clients reach the server at.
func (s *Server) Addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(s.port))
}

// Stop makes Serve return. It may be called from any goroutine, while Serve
// runs.
func (s *Server) Stop() {
	one := [8]byte{7: 1, 0: 1}
	_, _ = unix.Write(s.wake, one[:])
}

// Serve runs the loop until Stop. It blocks its thread in raw system calls, so
// a program that serves should do little else.
func (s *Server) Serve() error {
	defer s.release()
	events := make([]unix.EpollEvent, batchSize)
	for {
		n, err := epollWait(s.epoll, events)
		if err != nil {
			return fmt.Errorf("floor: epoll_wait: %w", err)
		}
		for _, ev := range events[:n] {
			switch fd := int(ev.Fd); {
			case fd == s.wake:
				return nil
			case fd == s.listener:
				if err := s.accept(); err != nil {
					return fmt.Errorf("floor: accept: %w", err)
				}
			default:
				s.ready(ev.Fd, ev.Events)
			}
		}
		s.flush()
	}
}

func (s *Server) ready(fd int32, events uint32) {
	if events&unix.EPOLLOUT != 0 {
		s.resume(fd)
	}
	if events&^unix.EPOLLOUT != 0 {
		s.read(fd)
	}
}

func (s *Server) accept() error {
	for {
		fd, errno := accept(s.listener)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return nil
		case unix.ECONNABORTED, unix.EINTR:
			continue
		default:
			return errno
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			unix.Close(fd)
			continue
		}
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if fd >= len(s.conns) || unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &ev) != nil {
			unix.Close(fd)
			continue
		}
		s.conns[fd] = conn{state: stateRequest}
	}
}

func (s *Server) close(fd int32) {
	s.leave(fd)
	s.conns[fd] = conn{output: s.conns[fd].output}
	delete(s.partial, fd)
	delete(s.stuck, fd)
	unix.Close(int(fd))
}

func (s *Server) release() {
	for fd := range s.conns {
		if s.conns[fd].state != stateClosed {
			unix.Close(fd)
		}
	}
	for _, fd := range []int{s.listener, s.wake, s.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
