package wsframe

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// event is what the complete frame or message with this payload means.
func (r *Reader) event(data []byte) (Event, error) {
	switch ws.OpCode(r.first & opBits) {
	case ws.OpPing:
		return Event{Type: Ping, Payload: data}, nil
	case ws.OpPong:
		return Event{Type: Pong, Payload: data}, nil
	case ws.OpClose:
		return closeEvent(data)
	}
	ev := Event{Type: Binary, Compressed: r.opening&rsv1Bit != 0, Payload: data}
	if ws.OpCode(r.opening&opBits) == ws.OpText {
		ev.Type = Text
		if !ev.Compressed && !utf8.Valid(data) {
			return Event{}, ErrUTF8
		}
	}
	r.opening, r.message, r.frames = 0, 0, 0
	return ev, nil
}

// closeEvent is RFC 6455 section 5.5.1.
func closeEvent(data []byte) (Event, error) {
	if len(data) == 0 {
		return Event{Type: Close}, nil
	}
	if len(data) == 1 {
		return Event{}, ErrProtocol
	}
	code, reason := binary.BigEndian.Uint16(data), data[2:]
	if !validStatus(code) {
		return Event{}, ErrProtocol
	}
	if !utf8.Valid(reason) {
		return Event{}, ErrUTF8
	}
	return Event{Type: Close, Code: code, Payload: reason}, nil
}

// validStatus admits what may be sent (RFC 6455 section 7.4 and the registry): 1004 to 1006 and 1015 are reserved.
func validStatus(code uint16) bool {
	return 1000 <= code && code <= 1003 || 1007 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
