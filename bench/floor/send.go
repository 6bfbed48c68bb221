//go:build linux

package floor

import "golang.org/x/sys/unix"

// send writes b to the connection now, or queues it for the end of the turn in
// the joined form. b is borrowed until return.
func (s *Server) send(fd int32, b []byte) {
	if !s.joined {
		s.write(fd, b)
		return
	}
	c := &s.conns[fd]
	if c.output == 0 {
		s.dirty = append(s.dirty, fd)
		c.output = int32(len(s.dirty))
		if len(s.outputs) < len(s.dirty) {
			s.outputs = append(s.outputs, nil)
		}
		s.outputs[c.output-1] = s.outputs[c.output-1][:0]
	}
	s.outputs[c.output-1] = append(s.outputs[c.output-1], b...)
}

// flush ends a turn: one send for every connection that has output.
func (s *Server) flush() {
	for i, fd := range s.dirty {
		c := &s.conns[fd]
		if c.output != int32(i+1) {
			continue
		}
		c.output = 0
		if c.state != stateClosed {
			s.write(fd, s.outputs[i])
		}
	}
	s.dirty = s.dirty[:0]
}

// write gives b to the kernel and keeps what the kernel does not take until the
// socket is writable.
func (s *Server) write(fd int32, b []byte) {
	if held, ok := s.stuck[fd]; ok {
		s.stuck[fd] = append(held, b...)
		return
	}
	n, errno := send(fd, b)
	if errno != 0 && errno != unix.EAGAIN {
		return // the read side sees the end of the connection
	}
	if n < 0 {
		n = 0
	}
	if n < len(b) {
		s.stuck[fd] = append([]byte(nil), b[n:]...)
		s.watch(fd, unix.EPOLLIN|unix.EPOLLOUT)
	}
}

// resume writes what was kept; it is called when the socket is writable again.
func (s *Server) resume(fd int32) {
	held := s.stuck[fd]
	delete(s.stuck, fd)
	s.watch(fd, unix.EPOLLIN)
	if len(held) > 0 {
		s.write(fd, held)
	}
}

func (s *Server) watch(fd int32, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: fd}
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, int(fd), &ev)
}
