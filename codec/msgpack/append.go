package msgpack

import "github.com/sioserver/sioserver/codec/socketio"

// AppendPacket appends the packet h to dst, data included; its type is one of
// Connect to ConnectError. It is the inverse of ParsePacket, and like all of
// this file does not allocate when dst has room.
func AppendPacket(dst []byte, h socketio.Header) []byte {
	dst = appendMembers(dst, h.Type, h.Namespace, h.ID, h.HasID, h.Data != nil)
	return append(dst, h.Data...)
}

// AppendConnect appends the server's reply to a CONNECT, with the socket's id
// and, unless it is empty, the private id that lets the client recover.
func AppendConnect(dst []byte, nsp, sid, pid string) []byte {
	dst = appendMembers(dst, socketio.Connect, nsp, 0, false, true)
	if pid == "" {
		return AppendString(AppendString(AppendMapHeader(dst, 1), "sid"), sid)
	}
	dst = AppendString(AppendString(AppendMapHeader(dst, 2), "sid"), sid)
	return AppendString(AppendString(dst, "pid"), pid)
}

// AppendConnectError appends the refusal of a CONNECT. data is what AppendEvent
// takes as an argument, nil when there is none. On an error dst comes back
// unchanged.
func AppendConnectError(dst []byte, nsp, message string, data any) ([]byte, error) {
	n := 1
	if data != nil {
		n = 2
	}
	b := AppendMapHeader(appendMembers(dst, socketio.ConnectError, nsp, 0, false, true), n)
	b = AppendString(AppendString(b, "message"), message)
	if data == nil {
		return b, nil
	}
	e := encoder{b: AppendString(b, "data"), dates: notepackDates}
	if err := e.append(data); err != nil {
		return dst, err
	}
	return e.b, nil
}

// AppendDisconnect appends a DISCONNECT packet.
func AppendDisconnect(dst []byte, nsp string) []byte {
	return appendMembers(dst, socketio.Disconnect, nsp, 0, false, false)
}

// AppendEvent appends an EVENT packet to dst.
//
// An arg is read as AppendValue reads it, but dates go out as the parser's
// JavaScript side reads them, with the precision of a millisecond. Strings,
// numbers, booleans, nil and []byte do not allocate when dst has room. The
// event's name is not checked, see socketio.Reserved. On an error dst comes
// back unchanged.
func AppendEvent(dst []byte, nsp string, id uint64, hasID bool, event string, args []any) ([]byte, error) {
	b := appendMembers(dst, socketio.Event, nsp, id, hasID, true)
	b = AppendString(AppendArrayHeader(b, 1+len(args)), event)
	return appendArgs(dst, b, args)
}

// AppendAck appends an ACK packet to dst: see AppendEvent.
func AppendAck(dst []byte, nsp string, id uint64, args []any) ([]byte, error) {
	b := appendMembers(dst, socketio.Ack, nsp, id, true, true)
	return appendArgs(dst, AppendArrayHeader(b, len(args)), args)
}

// appendArgs appends args to b, or returns dst on an error.
func appendArgs(dst, b []byte, args []any) ([]byte, error) {
	e := encoder{b: b, dates: notepackDates}
	for _, arg := range args {
		if err := e.append(arg); err != nil {
			return dst, err
		}
	}
	return e.b, nil
}

// appendMembers appends a packet up to the data, of which only the key is
// written.
func appendMembers[T []byte | string](dst []byte, t socketio.PacketType, nsp T, id uint64, hasID, hasData bool) []byte {
	n := 2
	if hasID {
		n++
	}
	if hasData {
		n++
	}
	dst = append(append(AppendMapHeader(dst, n), "\xa4type"...), byte(t))
	dst = AppendString(append(dst, "\xa3nsp"...), nsp)
	if hasID {
		dst = AppendUint(append(dst, "\xa2id"...), id)
	}
	if hasData {
		dst = append(dst, "\xa4data"...)
	}
	return dst
}
