package wsframe

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// event returns the event of the current frame, or of the message that it ends.
// data is the payload.
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

// closeEvent judges a close frame's payload (RFC 6455 section 5.5.1).
func closeEvent(data []byte) (Event, error) {
	if len(data) == 0 {
		return Event{Type: Close}, nil
	}
	code, reason := ws.ParseCloseFrameDataUnsafe(data) // a payload of one byte gives code 0
	err := ws.CheckCloseFrameData(code, reason)
	if lateStatus(code) {
		err = nil
		if !utf8.ValidString(reason) {
			err = ws.ErrProtocolInvalidUTF8
		}
	}
	switch {
	case code > ws.StatusRangePrivate.Max: // which the library lets pass
		return Event{}, ErrProtocol
	case err == ws.ErrProtocolInvalidUTF8:
		return Event{}, ErrUTF8
	case err != nil:
		return Event{}, ErrProtocol
	}
	return Event{Type: Close, Code: uint16(code), Payload: data[2:]}, nil
}

// lateStatus reports whether code was registered after RFC 6455 (1012 service
// restart, 1013 try again later, 1014 bad gateway), so that the library takes
// it for undefined.
func lateStatus(code ws.StatusCode) bool { return 1012 <= code && code <= 1014 }
