package goroutine

import (
	"io"
	"net"
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const (
	// writeBuffer is the size at which the buffer that the loop fills is full.
	// The buffer that is being written has the same size.
	writeBuffer = 64 << 10
	// closeTimeout bounds how long closing a stream takes: the writing of what
	// it has, and what the net.Conn's own Close sends.
	closeTimeout = backend.StopGrace / 2
)

var buffers bytebufferpool.Pool

// Send implements backend.Wire, as the following methods do.
func (s *Stream) Send(_ int, b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accept(b)
}

// Sendv accepts several buffers.
func (s *Stream) Sendv(_ int, bufs [][]byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range bufs {
		var taken int
		taken, err = s.accept(b)
		if n += taken; taken < len(b) {
			break
		}
	}
	return n, err
}

// accept appends what there is room for of b. The caller holds mu.
func (s *Stream) accept(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.out == nil {
		s.out = buffers.Get()
	}
	n := min(len(b), max(writeBuffer-s.out.Len(), 0))
	s.out.B = append(s.out.B, b[:n]...)
	s.startWrite()
	return n, nil
}

// startWrite makes sure that the writing goroutine exists. The caller is the
// owning loop and holds mu.
func (s *Stream) startWrite() {
	if s.state&writing == 0 {
		s.state |= writing
		group := s.owner.Group()
		group.beginWrite()
		go s.write(group)
	}
}

// CloseWrite has the writing goroutine end the sending half.
func (s *Stream) CloseWrite(int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.state |= ending
		s.startWrite()
	}
	return s.err
}

// HungUp asks the kernel if the stream is Plain. Otherwise only the reading
// goroutine notices the end, and reports it at once.
func (s *Stream) HungUp(int) bool { return s.Plain() && hungUp(s.nc) }

// Unacknowledged asks the kernel if the stream is Plain.
func (s *Stream) Unacknowledged(int) time.Duration {
	if !s.Plain() {
		return 0
	}
	return unacknowledged(s.nc)
}

// Watch gives the notice when the writing goroutine has taken the buffer, which
// may have happened already.
func (s *Stream) Watch(_ int, id uint32, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice = id
	if s.out == nil {
		s.notify()
	}
	return s.err
}

// notify gives the notice that was asked for. The caller holds mu.
func (s *Stream) notify() {
	if s.notice != 0 {
		s.owner.Writable(s.notice)
		s.notice = 0
	}
}

// Unwatch cancels the notice.
func (s *Stream) Unwatch(int) {
	s.mu.Lock()
	s.notice = 0
	s.mu.Unlock()
}

// write is the writing goroutine, which group counts.
func (s *Stream) write(group *Group) {
	over := false
	defer func() {
		if over {
			group.endWrite()
		}
	}()
	defer s.recoverCall("Write", &over, func() {
		s.fail(backend.ErrPanic)
		go s.write(group) // has the stream closed or released
	})
	for {
		s.mu.Lock()
		out, exit := s.out, s.exit
		s.out = nil
		switch {
		case exit.released():
			if out != nil {
				exit.unsent = append(exit.unsent, out.B...)
				buffers.Put(out)
			}
			s.state &^= writing
			s.tryGive()
			s.mu.Unlock()
			over = true
			return
		case out != nil:
			s.notify()
			failed := s.err != nil
			s.mu.Unlock()
			if !failed {
				n, err := s.nc.Write(out.B)
				rest := out.B[min(max(n, 0), len(out.B)):]
				if err == nil && len(rest) > 0 {
					err = io.ErrShortWrite // a foreign net.Conn may break io.Writer's contract
				}
				s.written(rest, err)
			}
			buffers.Put(out)
		case exit != nil:
			s.mu.Unlock()
			over = true
			defer exit.timer.Stop()
			s.close()
			return
		case s.state&ending != 0:
			s.state &^= ending
			s.mu.Unlock()
			s.fail(closeWrite(s.nc))
		default:
			s.state &^= writing
			s.mu.Unlock()
			over = true
			return
		}
	}
}

// written handles the result of a Write that has left rest. A release
// interrupts a Write: then rest is what the receiver of the net.Conn has to
// write.
func (s *Stream) written(rest []byte, err error) {
	s.mu.Lock()
	if s.exit.released() && isTimeout(err) {
		s.exit.unsent = append(s.exit.unsent, rest...)
		err = nil
	}
	s.mu.Unlock()
	s.fail(err)
}

// fail has the loop close the connection because of err, unless err is nil.
func (s *Stream) fail(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.owner.Failed()
}

// closeWrite ends nc's sending half, or closes nc if that is not possible.
func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nc.Close()
}
