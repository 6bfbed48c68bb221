package simulation

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// frame is an Engine.IO packet as it travels: text, or binary.
type frame struct {
	binary bool
	data   string
}

// payload joins frames to the body of a polling request.
func payload(version int, frames []frame) string {
	parts := make([]string, len(frames))
	for i, f := range frames {
		switch {
		case f.binary && version == 4:
			parts[i] = "b" + base64.StdEncoding.EncodeToString([]byte(f.data))
		case f.binary:
			parts[i] = "b4" + base64.StdEncoding.EncodeToString([]byte(f.data))
		default:
			parts[i] = f.data
		}
		if version == 3 {
			parts[i] = strconv.Itoa(len(parts[i])) + ":" + parts[i]
		}
	}
	if version == 3 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts, "\x1e")
}

// frames splits the body of a polling answer.
func frames(version int, body string) ([]frame, error) {
	var parts []string
	if version == 4 {
		parts = strings.Split(body, "\x1e")
	} else {
		for body != "" {
			length, rest, ok := strings.Cut(body, ":")
			n, err := strconv.Atoi(length)
			if !ok || err != nil || n < 1 || n > len(rest) {
				return nil, fmt.Errorf("invalid payload %.60q", body)
			}
			parts = append(parts, rest[:n])
			body = rest[n:]
		}
	}
	all := make([]frame, len(parts))
	for i, p := range parts {
		all[i].data = p
		prefix := "b"
		if version == 3 {
			prefix = "b4"
		}
		if coded, ok := strings.CutPrefix(p, prefix); ok {
			b, err := base64.StdEncoding.DecodeString(coded)
			if err != nil {
				return nil, err
			}
			all[i] = frame{true, string(b)}
		}
	}
	return all, nil
}

// webSocketFrame is a masked frame of a client.
func webSocketFrame(first byte, mask uint32, b string) []byte {
	f := []byte{first}
	switch n := len(b); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	f = binary.BigEndian.AppendUint32(f, mask)
	key := f[len(f)-4:]
	for i := range len(b) {
		f = append(f, b[i]^key[i%4])
	}
	return f
}

// parseFrame reads a server's frame, which is whole and not masked. n is 0 when
// more bytes are needed.
func parseFrame(b []byte) (opcode byte, body string, n int, err error) {
	if len(b) < 2 {
		return 0, "", 0, nil
	}
	if b[0]&0xf0 != 0x80 || b[1]&0x80 != 0 {
		return 0, "", 0, fmt.Errorf("frame begins with %x", b[:2])
	}
	head, size := 2, int(b[1])
	switch {
	case size == 126 && len(b) >= 4:
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		head, size = 10, int(binary.BigEndian.Uint64(b[2:]))
	case size > 125:
		return 0, "", 0, nil
	}
	if len(b) < head+size {
		return 0, "", 0, nil
	}
	return b[0] & 0x0f, string(b[head : head+size]), head + size, nil
}

// parseResponse reads an HTTP response with a Content-Length, or one of status
// 101. n is 0 when more bytes are needed.
func parseResponse(b []byte) (status int, body string, n int, err error) {
	head, rest, ok := strings.Cut(string(b), "\r\n\r\n")
	if !ok {
		return 0, "", 0, nil
	}
	lines := strings.Split(head, "\r\n")
	if len(lines[0]) < 12 || !strings.HasPrefix(lines[0], "HTTP/1.1 ") {
		return 0, "", 0, fmt.Errorf("response begins with %.40q", lines[0])
	}
	if status, err = strconv.Atoi(lines[0][9:12]); err != nil {
		return 0, "", 0, err
	}
	size := -1
	for _, line := range lines[1:] {
		if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "Content-Length") {
			if size, err = strconv.Atoi(value); err != nil {
				return 0, "", 0, err
			}
		}
	}
	switch {
	case status == 101:
		size = 0
	case size < 0:
		return 0, "", 0, fmt.Errorf("no length in %q", head)
	case len(rest) < size:
		return 0, "", 0, nil
	}
	return status, rest[:size], len(head) + 4 + size, nil
}

// packet is a Socket.IO packet.
type packet struct {
	kind        byte // '0' to '6'
	attachments int
	nsp         string
	id          int // -1 for none
	args        json.RawMessage
	binary      []string
}

func (p packet) encode() []frame {
	var b strings.Builder
	b.WriteByte('4')
	b.WriteByte(p.kind)
	if p.kind == '5' || p.kind == '6' {
		fmt.Fprintf(&b, "%d-", len(p.binary))
	}
	if p.nsp != "/" {
		b.WriteString(p.nsp + ",")
	}
	if p.id >= 0 {
		b.WriteString(strconv.Itoa(p.id))
	}
	b.Write(p.args)
	all := []frame{{false, b.String()}}
	for _, a := range p.binary {
		all = append(all, frame{true, a})
	}
	return all
}

// parsePacket reads what follows the Engine.IO type.
func parsePacket(s string) (p packet, err error) {
	if s == "" {
		return p, fmt.Errorf("empty packet")
	}
	p = packet{kind: s[0], nsp: "/", id: -1}
	whole := s
	s = s[1:]
	if p.kind == '5' || p.kind == '6' {
		count, rest, ok := strings.Cut(s, "-")
		if p.attachments, err = strconv.Atoi(count); !ok || err != nil {
			return p, fmt.Errorf("packet %.60q", whole)
		}
		s = rest
	}
	if strings.HasPrefix(s, "/") {
		p.nsp, s, _ = strings.Cut(s, ",")
	}
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		if p.id, err = strconv.Atoi(s[:digits]); err != nil {
			return p, err
		}
	}
	if s = s[digits:]; s != "" {
		if !json.Valid([]byte(s)) {
			return p, fmt.Errorf("packet %.60q", whole)
		}
		p.args = json.RawMessage(s)
	}
	return p, nil
}

// fill is the text of a message, which depends on its sender and number alone,
// so that a receiver can check every byte.
func fill(key string, size int) string {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	b := make([]byte, size)
	for i := range b {
		h = h*1664525 + 1013904223
		b[i] = 'a' + byte(h>>24)%26
	}
	return string(b)
}
