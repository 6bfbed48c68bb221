package goroutine

import (
	"sync"

	"github.com/sioserver/sioserver/loop/internal/backend"
)

const (
	// idleChunk is the read buffer of an idle stream.
	idleChunk = 1 << 10
	// busyChunk is the read buffer of a stream whose last read filled its
	// buffer. It holds two full TLS records.
	busyChunk = 32 << 10
)

var busyChunks = sync.Pool{New: func() any { return new([busyChunk]byte) }}

// read is the reading goroutine.
func (s *Stream) read(group *sync.WaitGroup) {
	defer group.Done()
	idle := make([]byte, idleChunk)
	var busy *[busyChunk]byte
	defer func() {
		if busy != nil {
			busyChunks.Put(busy)
		}
	}()
	finished := false
	defer s.recoverCall("Read", &finished, func() {
		s.chunk, s.chunkErr = nil, backend.ErrPanic
		s.announce()
	})
	defer s.endRead() // before the buffer is put back
	for {
		b := idle
		if busy != nil {
			b = busy[:]
		}
		s.chunk = nil
		n, err := s.nc.Read(b)
		if n > 0 {
			s.chunk = b[:n]
			if !s.announce() {
				break
			}
			<-s.taken
			if s.leaves() {
				break
			}
		}
		if err != nil {
			s.chunk, s.chunkErr = nil, err
			s.announce()
			break
		}
		switch {
		case busy == nil && n == idleChunk:
			busy = busyChunks.Get().(*[busyChunk]byte)
		case busy != nil && n < idleChunk:
			busyChunks.Put(busy)
			busy = nil
		}
	}
	finished = true
}

// announce has the owner take what was read. It returns false if the stream is
// closed or released, or the loop has ended.
func (s *Stream) announce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit == nil && s.owner.Readable()
}

// leaves reports whether the stream is closed or released.
func (s *Stream) leaves() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit != nil
}

// endRead marks the reading goroutine as ended.
func (s *Stream) endRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state &^= reading
	if s.exit.released() {
		s.exit.unread = append(s.exit.unread, s.chunk...)
	}
	s.tryGive()
}
