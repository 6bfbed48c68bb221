//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10

	compressedBit = 0x40 // RSV1 of a message's first frame (RFC 7692)
)

var errFragmented = errors.New("the server sent a fragmented WebSocket message, which this client does not join")

// frame handles the first WebSocket frame in data; n is 0 until it is whole.
func (c *conn) frame(data []byte) (n int, err error) {
	if len(data) < 2 {
		return 0, nil
	}
	if data[1]&0x80 != 0 {
		return 0, errors.New("the server sent a masked frame")
	}
	length, head := uint64(data[1]), 2
	switch {
	case length == 126 && len(data) >= 4:
		length, head = uint64(binary.BigEndian.Uint16(data[2:])), 4
	case length == 127 && len(data) >= 10:
		length, head = binary.BigEndian.Uint64(data[2:]), 10
	case length >= 126:
		return 0, nil
	}
	if length > maxHeld {
		return 0, fmt.Errorf("a frame of %d bytes", length)
	}
	n = head + int(length)
	if len(data) < n {
		return 0, nil
	}
	payload := data[head:n]
	opcode := data[0]
	if opcode&compressedBit != 0 {
		if c.g.inflate == nil {
			return n, errCompressed
		}
		c.g.Compressed++
		if payload, err = c.g.inflate.message(payload); err != nil {
			return n, err
		}
		opcode &^= compressedBit
	}
	switch opcode {
	case 0x80 | opText:
		return n, c.client.packet(c, payload)
	case 0x80 | opBinary:
		return n, c.client.attachment(payload)
	case 0x80 | opPing:
		c.out = appendFrame(c.queue(), opPong, c.g.nextMask(), "", payload)
		return n, nil
	case 0x80 | opPong:
		return n, nil
	case 0x80 | opClose:
		return n, errServerClosed
	default:
		if opcode&0x80 == 0 {
			return n, errFragmented
		}
		return n, fmt.Errorf("an unexpected frame, first byte %#x", opcode)
	}
}

func (g *Generator) nextMask() uint32 {
	g.mask = g.mask*1664525 + 1013904223
	return g.mask | 1
}

// appendFrame appends a masked frame whose payload is head and payload.
func appendFrame(dst []byte, opcode byte, mask uint32, head string, payload []byte) []byte {
	size := len(head) + len(payload)
	dst = append(dst, 0x80|opcode)
	switch {
	case size < 126:
		dst = append(dst, 0x80|byte(size))
	case size <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(size))
	}
	dst = binary.LittleEndian.AppendUint32(dst, mask)
	start := len(dst)
	dst = append(append(dst, head...), payload...)
	xor(dst[start:], mask)
	return dst
}

// xor masks or unmasks b.
func xor(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
}
