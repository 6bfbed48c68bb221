//go:build linux

package floor

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// read takes what the kernel holds for the connection and answers every whole
// request or frame in it.
func (s *Server) read(fd int32) {
	held := copy(s.buf, s.partial[fd])
	n, errno := read(fd, s.buf[held:])
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return
	}
	if n <= 0 || errno != 0 {
		s.close(fd)
		return
	}
	data := s.buf[:held+n]
	rest, ok := s.consume(fd, data)
	switch {
	case !ok || len(rest) == len(s.buf):
		s.close(fd)
	case len(rest) > 0:
		s.partial[fd] = append(s.partial[fd][:0], rest...)
	case held > 0:
		delete(s.partial, fd)
	}
}

// consume answers the complete messages in data and returns the rest; ok is
// false when the connection must be closed.
func (s *Server) consume(fd int32, data []byte) (rest []byte, ok bool) {
	if s.conns[fd].state == stateRequest {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return data, true
		}
		if !s.handshake(fd, data[:end+2]) {
			return nil, false
		}
		data = data[end+4:]
	}
	for {
		opcode, payload, size := parseFrame(data)
		if size <= 0 {
			return data, size == 0
		}
		data = data[size:]
		switch opcode {
		case opText:
			s.message(fd, payload)
		case opClose:
			return nil, false
		}
	}
}

const (
	opText  = 1
	opClose = 8
)

// parseFrame unmasks the first frame of b in place. size is 0 when b does not
// hold it whole and -1 when it is not a masked, unfragmented frame.
func parseFrame(b []byte) (opcode byte, payload []byte, size int) {
	if len(b) < 6 {
		return 0, nil, 0
	}
	if b[0]&0x80 == 0 || b[1]&0x80 == 0 {
		return 0, nil, -1
	}
	length, head := int(b[1]&0x7f), 2
	switch length {
	case 126:
		length, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		return 0, nil, -1
	}
	if len(b) < head+4+length {
		return 0, nil, 0
	}
	payload = b[head+4 : head+4+length]
	unmask(payload, binary.LittleEndian.Uint32(b[head:]))
	return b[0] & 0x0f, payload, head + 4 + length
}

func unmask(b []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
}
