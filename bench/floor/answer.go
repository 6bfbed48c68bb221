//go:build linux

package floor

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strconv"
)

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// handshake answers a WebSocket upgrade with the Engine.IO handshake behind it;
// false when it is no upgrade.
func (s *Server) handshake(fd int32, head []byte) bool {
	key, found := header(head, "sec-websocket-key")
	if !found {
		return false
	}
	var joined [64 + len(acceptGUID)]byte
	sum := sha1.Sum(append(append(joined[:0], key...), acceptGUID...))
	s.nextID++
	b := append(s.frame[:0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = base64.StdEncoding.AppendEncode(b, sum[:])
	b = append(b, "\r\n\r\n\x81\x00"...)
	start := len(b)
	b = append(b, `0{"sid":"`...)
	b = strconv.AppendUint(b, s.nextID, 36)
	b = append(b, `","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`...)
	b[start-1] = byte(len(b) - start)
	s.frame = b
	s.conns[fd].state = stateFrames
	s.send(fd, b)
	return true
}

// header returns the value of the named header (given in lower case) in a
// request's head.
func header(head []byte, name string) ([]byte, bool) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:]), true
		}
	}
	return nil, false
}

// message answers one Engine.IO packet. See bench/peers/README.md for the
// events.
func (s *Server) message(fd int32, p []byte) {
	if len(p) < 2 || p[0] != '4' {
		return
	}
	switch p[1] {
	case '0':
		s.send(fd, s.text(`40{"sid":"floor"}`))
	case '2':
		digits := 2
		for digits < len(p) && p[digits] >= '0' && p[digits] <= '9' {
			digits++
		}
		s.event(fd, p[2:digits], p[digits:])
	}
}

var (
	echoPrefix      = []byte(`["echo",`)
	joinPrefix      = []byte(`["join","`)
	broadcastPrefix = []byte(`["broadcast",`)
	roomPrefix      = []byte(`["room","`)
)

func (s *Server) event(fd int32, id, data []byte) {
	if args, ok := bytes.CutPrefix(data, echoPrefix); ok {
		s.send(fd, s.text("43", id, []byte("["), args))
		return
	}
	if payload, ok := bytes.CutPrefix(data, broadcastPrefix); ok {
		frame := s.text(`42["message",`, payload)
		for to := range s.conns {
			if s.conns[to].state == stateFrames {
				s.send(int32(to), frame)
			}
		}
		return
	}
	if rest, ok := bytes.CutPrefix(data, roomPrefix); ok {
		name, payload, _ := bytes.Cut(rest, []byte(`",`))
		frame := s.text(`42["message",`, payload)
		for _, to := range s.rooms[string(name)] {
			s.send(to, frame)
		}
		return
	}
	if name, ok := bytes.CutPrefix(data, joinPrefix); ok {
		s.leave(fd)
		room := string(bytes.TrimSuffix(name, []byte(`"]`)))
		s.rooms[room] = append(s.rooms[room], fd)
		s.conns[fd].room = room
		s.send(fd, s.text("43", id, []byte("[]")))
	}
}

func (s *Server) leave(fd int32) {
	room := s.conns[fd].room
	if room == "" {
		return
	}
	members := s.rooms[room]
	if i := slices.Index(members, fd); i >= 0 {
		s.rooms[room] = slices.Delete(members, i, i+1)
	}
	s.conns[fd].room = ""
}

// text builds a text frame in the server's scratch buffer; it is valid until
// the next call.
func (s *Server) text(head string, parts ...[]byte) []byte {
	size := len(head)
	for _, p := range parts {
		size += len(p)
	}
	b := append(s.frame[:0], 0x81)
	if size < 126 {
		b = append(b, byte(size))
	} else {
		b = append(b, 126, byte(size>>8), byte(size))
	}
	b = append(b, head...)
	for _, p := range parts {
		b = append(b, p...)
	}
	s.frame = b
	return b
}
