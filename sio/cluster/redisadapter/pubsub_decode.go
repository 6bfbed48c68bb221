package redisadapter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// decodeBroadcast parses a message of a channel of broadcasts. Ownership of b
// transfers.
func decodeBroadcast(b []byte) (*cluster.Message, error) {
	v, err := wire.Parse(b)
	if err != nil {
		return nil, err
	}
	items, err := v.Items()
	if err != nil {
		return nil, err
	}
	if len(items) < 3 {
		return nil, fmt.Errorf("%w: a broadcast of %d parts", wire.ErrInvalid, len(items))
	}
	m := &cluster.Message{Type: cluster.Broadcast}
	if m.UID, err = items[0].Text(); err != nil {
		return nil, err
	}
	if m.Packet, m.Namespace, err = items[1].Packet(); err != nil {
		return nil, err
	}
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	m.Options, _, err = items[2].Options()
	return m, err
}

// fields are the members of requests and responses.
type fields struct {
	uid, requestID, sid                string
	kind                               int
	opts, packet, data, room, rooms    wire.Value
	sockets, close, count, clientCount wire.Value
	parts                              wire.Value
	all                                wire.Value
}

func parseFields(b []byte) (f fields, err error) {
	v, err := wire.Parse(b)
	if err != nil {
		return f, err
	}
	f.kind, f.all = untyped, v
	err = v.Members(func(key string, v wire.Value) (err error) {
		switch key {
		case "uid":
			f.uid, err = v.Text()
		case "requestId":
			f.requestID, err = v.Text()
		case "sid":
			f.sid, err = v.Text()
		case "type":
			f.kind, err = v.Int()
		case "opts":
			f.opts = v
		case "packet":
			f.packet = v
		case "data":
			f.data = v
		case "room":
			f.room = v
		case "rooms":
			f.rooms = v
		case "sockets":
			f.sockets = v
		case "close":
			f.close = v
		case "count":
			f.count = v
		case "clientCount":
			f.clientCount = v
		case "parts":
			f.parts = v
		}
		return err
	})
	return f, err
}

// request is a request of another server. message is nil for the requests that
// only older versions of the reference send.
type request struct {
	kind           int
	uid, requestID string
	message        *cluster.Message
	sid            string   // the socket of a request about one socket, which is confirmed
	rooms          []string // of a socketsRequest
}

var errRequest = errors.New("redisadapter: an unknown request")

// decodeRequest parses a message of the channel of requests to a namespace.
// Ownership of b transfers.
func decodeRequest(b []byte, namespace string) (r request, err error) {
	f, err := parseFields(b)
	if err != nil {
		return r, err
	}
	m := &cluster.Message{UID: f.uid, Namespace: namespace, RequestID: f.requestID}
	r = request{kind: f.kind, uid: f.uid, requestID: f.requestID}
	switch f.kind {
	case socketsRequest:
		r.rooms, err = f.rooms.Texts()
		return r, err
	case allRoomsRequest:
		return r, nil
	case joinRequest:
		m.Type = cluster.SocketsJoin
	case leaveRequest:
		m.Type = cluster.SocketsLeave
	case disconnectRequest:
		m.Type, m.Close = cluster.DisconnectSockets, f.close.Is(true)
	case fetchRequest:
		m.Type, m.CountOnly = cluster.FetchSockets, f.count.Is(true)
	case serverSideType:
		m.Type = cluster.ServerSideEmit
		m.Packet, err = f.data.Event()
	case broadcastRequest:
		var to string
		m.Type = cluster.Broadcast
		if m.Packet, to, err = f.packet.Packet(); to != "" {
			m.Namespace = to
		}
		if f.requestID == "" {
			err = fmt.Errorf("%w: a request without an id", wire.ErrInvalid)
		}
	default:
		err = fmt.Errorf("%w: type %d", errRequest, f.kind)
	}
	if err != nil {
		return r, err
	}
	if m.Parts, err = f.parts.Int(); err != nil {
		return r, err
	}
	r.message = m
	if single := f.kind == joinRequest || f.kind == leaveRequest || f.kind == disconnectRequest; single && f.opts.IsNull() {
		return r, r.about(&f)
	}
	if m.Options, m.Timeout, err = f.opts.Options(); err != nil {
		return r, err
	}
	m.Rooms, err = f.rooms.Texts()
	return r, err
}

// about completes a request about one socket.
func (r *request) about(f *fields) error {
	if f.sid == "" {
		return fmt.Errorf("%w: a request without rooms or a socket", wire.ErrInvalid)
	}
	r.sid = f.sid
	r.message.RequestID = ""
	r.message.Options = adapter.Options{Rooms: []string{f.sid}}
	if r.kind == disconnectRequest {
		return nil
	}
	rooms, err := f.room.Text()
	if err == nil && f.room.IsNull() {
		err = fmt.Errorf("%w: no room", wire.ErrInvalid)
	}
	r.message.Rooms = []string{rooms}
	return err
}

// decodeResponse parses a message of a channel of responses. It returns nil
// unless the id of the request begins with prefix. Ownership of b transfers.
func decodeResponse(b []byte, namespace, prefix string) (*cluster.Message, error) {
	f, err := parseFields(b)
	if err != nil || !strings.HasPrefix(f.requestID, prefix) {
		return nil, err
	}
	m := &cluster.Message{UID: f.uid, Namespace: namespace, RequestID: f.requestID}
	switch f.kind {
	case int(cluster.AnswerPart), int(cluster.NextPart):
		m.Type = cluster.MessageType(f.kind)
		m.Part, err = f.all.Part()
	case untyped:
		m.Type = cluster.FetchSocketsResponse
		if m.CountOnly = !f.clientCount.IsNull(); m.CountOnly {
			m.ClientCount, err = f.clientCount.Int()
		} else {
			m.Sockets, err = f.sockets.Sockets()
		}
	case serverSideType:
		m.Type = cluster.ServerSideEmitResponse
		m.Answer, err = f.data.Answer()
	case clientCountResponse:
		m.Type = cluster.BroadcastClientCount
		m.ClientCount, err = f.clientCount.Int()
	case ackResponse:
		m.Type = cluster.BroadcastAck
		m.Answer, err = f.packet.Answer()
	default:
		err = fmt.Errorf("%w: a response of type %d", wire.ErrInvalid, f.kind)
	}
	return m, err
}
