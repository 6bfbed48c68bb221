package redisadapter

import (
	"fmt"
	"strconv"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// The types of the Pub/Sub adapter's requests and responses. Only older
// versions of the reference send the first two. Responses to these, to
// fetchRequest and to requests about one socket have no type.
const (
	socketsRequest = iota
	allRoomsRequest
	joinRequest
	leaveRequest
	disconnectRequest
	fetchRequest
	serverSideType // of the response, too
	broadcastRequest
	clientCountResponse
	ackResponse
	untyped = -1
)

// pubsubNames are the channels of a namespace. Immutable.
type pubsubNames struct {
	broadcast, request, response string
	specific                     bool // responses go to the node that has asked
}

func newPubSubNames(key, namespace string, specific bool) pubsubNames {
	return pubsubNames{
		broadcast: key + "#" + namespace + "#",
		request:   key + "-request#" + namespace + "#",
		response:  key + "-response#" + namespace + "#",
		specific:  specific,
	}
}

// pattern returns the pattern that matches all channels of broadcasts and no
// others. The name of the namespace may have glob characters.
func (n pubsubNames) pattern() string {
	var b []byte
	for i := range len(n.broadcast) {
		switch c := n.broadcast[i]; c {
		case '*', '?', '[', ']', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '*'))
}

// of returns the channel of responses to one node.
func (n pubsubNames) of(uid string) string { return n.response + uid + "#" }

// encode returns the channel and the payload of a message.
func (n pubsubNames) encode(m *cluster.Message) (channel string, payload []byte, err error) {
	switch b := make([]byte, 0, 256); m.Type {
	case cluster.Broadcast:
		if m.RequestID != "" {
			channel = n.request
			payload, err = appendBroadcastRequest(b, m)
			break
		}
		channel = n.broadcast
		if len(m.Options.Rooms) == 1 {
			channel += m.Options.Rooms[0] + "#"
		}
		payload, err = appendBroadcast(b, m)
	case cluster.FetchSocketsResponse, cluster.ServerSideEmitResponse, cluster.BroadcastClientCount, cluster.BroadcastAck:
		channel = n.response
		if n.specific && m.To != "" && m.Type != cluster.ServerSideEmitResponse {
			channel = n.of(m.To)
		}
		payload, err = appendResponse(b, m)
	case cluster.AnswerPart, cluster.NextPart:
		// Only nodes of this kind get parts, and they listen there.
		payload, err = wire.AppendPart(b, m)
		return n.of(m.To), payload, err
	default:
		channel = n.request
		payload, err = appendRequest(b, m)
	}
	if err == nil {
		err = wire.Check(payload)
	}
	return channel, payload, err
}

// appendBroadcast appends a message for a channel of broadcasts.
func appendBroadcast(b []byte, m *cluster.Message) ([]byte, error) {
	b = msgpack.AppendArrayHeader(b, 3)
	b = msgpack.AppendString(b, m.UID)
	b, err := wire.AppendPacket(b, m.Namespace, m.Packet)
	if err != nil {
		return nil, err
	}
	return wire.AppendOptions(b, m.Options, 0), nil
}

// appendBroadcastRequest appends the request for a broadcast that is
// acknowledged.
func appendBroadcastRequest(b []byte, m *cluster.Message) ([]byte, error) {
	members := 5
	if m.Parts > 0 {
		members++
	}
	b = msgpack.AppendMapHeader(b, members)
	b = msgpack.AppendString(msgpack.AppendString(b, "uid"), m.UID)
	b = msgpack.AppendString(msgpack.AppendString(b, "requestId"), m.RequestID)
	b = msgpack.AppendInt(msgpack.AppendString(b, "type"), broadcastRequest)
	if m.Parts > 0 {
		b = msgpack.AppendInt(msgpack.AppendString(b, "parts"), int64(m.Parts))
	}
	b, err := wire.AppendPacket(msgpack.AppendString(b, "packet"), m.Namespace, m.Packet)
	if err != nil {
		return nil, err
	}
	return wire.AppendOptions(msgpack.AppendString(b, "opts"), m.Options, m.Timeout), nil
}

// appendRequest appends any other request, as JSON. The reference does not know
// its members count and parts: a node of this kind answers with the number of
// sockets, and in parts.
func appendRequest(b []byte, m *cluster.Message) (_ []byte, err error) {
	b = append(b, '{')
	if m.UID != "" {
		b = append(jsonenc.AppendString(append(b, `"uid":`...), m.UID), ',')
	}
	if m.RequestID != "" {
		b = append(jsonenc.AppendString(append(b, `"requestId":`...), m.RequestID), ',')
		if m.Parts > 0 {
			b = append(strconv.AppendInt(append(b, `"parts":`...), int64(m.Parts), 10), ',')
		}
	}
	b = append(b, `"type":`...)
	switch m.Type {
	case cluster.SocketsJoin:
		b = appendRooms(appendOptions(b, joinRequest, m), m.Rooms)
	case cluster.SocketsLeave:
		b = appendRooms(appendOptions(b, leaveRequest, m), m.Rooms)
	case cluster.DisconnectSockets:
		b = append(appendOptions(b, disconnectRequest, m), `,"close":`...)
		b = strconv.AppendBool(b, m.Close)
	case cluster.FetchSockets:
		if b = appendOptions(b, fetchRequest, m); m.CountOnly {
			b = append(b, `,"count":true`...)
		}
	case cluster.ServerSideEmit:
		b = append(strconv.AppendInt(b, serverSideType, 10), `,"data":`...)
		b, err = wire.AppendEventJSON(b, m.Packet)
	default:
		return nil, fmt.Errorf("%w: there is no such request: %d", cluster.ErrUnencodable, m.Type)
	}
	return append(b, '}'), err
}

func appendOptions(b []byte, kind int64, m *cluster.Message) []byte {
	b = append(strconv.AppendInt(b, kind, 10), `,"opts":`...)
	return wire.AppendOptionsJSON(b, m.Options, 0)
}

func appendRooms(b []byte, rooms []string) []byte {
	b = append(b, `,"rooms":[`...)
	for i, room := range rooms {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonenc.AppendString(b, room)
	}
	return append(b, ']')
}

// appendResponse appends a response: MessagePack if it is a client's
// acknowledgement, else JSON. The reference does not know its member uid: a
// node that takes parts needs the sender.
func appendResponse(b []byte, m *cluster.Message) (_ []byte, err error) {
	if m.Type == cluster.BroadcastAck {
		if m.Parts > 0 {
			b = msgpack.AppendMapHeader(b, 4)
			b = msgpack.AppendString(msgpack.AppendString(b, "uid"), m.UID)
		} else {
			b = msgpack.AppendMapHeader(b, 3)
		}
		b = msgpack.AppendInt(msgpack.AppendString(b, "type"), ackResponse)
		b = msgpack.AppendString(msgpack.AppendString(b, "requestId"), m.RequestID)
		return wire.AppendAnswer(msgpack.AppendString(b, "packet"), m.Answer)
	}
	b = append(b, `{"requestId":`...)
	b = jsonenc.AppendString(b, m.RequestID)
	if m.Parts > 0 {
		b = jsonenc.AppendString(append(b, `,"uid":`...), m.UID)
	}
	switch m.Type {
	case cluster.ServerSideEmitResponse:
		b = append(b, `,"type":6`...)
		if m.Answer.Data != nil {
			b, err = wire.AppendAnswerJSON(append(b, `,"data":`...), m.Answer)
		}
	case cluster.BroadcastClientCount:
		b = append(b, `,"type":8,"clientCount":`...)
		b = strconv.AppendInt(b, int64(m.ClientCount), 10)
	case cluster.FetchSocketsResponse:
		b, err = wire.AppendSocketsJSON(append(b, `,"sockets":`...), m.Sockets)
		if m.CountOnly {
			b = strconv.AppendInt(append(b, `,"clientCount":`...), int64(m.ClientCount), 10)
		}
	}
	return append(b, '}'), err
}

// appendSocketIDs appends the response to a socketsRequest.
func appendSocketIDs(b []byte, requestID string, sockets []adapter.Details) []byte {
	b = append(b, `{"requestId":`...)
	b = append(jsonenc.AppendString(b, requestID), `,"sockets":[`...)
	for i := range sockets {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonenc.AppendString(b, sockets[i].ID)
	}
	return append(b, "]}"...)
}

// appendAllRooms appends the response to an allRoomsRequest.
func appendAllRooms(b []byte, requestID string, rooms []string) []byte {
	b = append(b, `{"requestId":`...)
	return append(appendRooms(jsonenc.AppendString(b, requestID), rooms), '}')
}

// appendDone appends the response to a request about one socket.
func appendDone(b []byte, requestID string) []byte {
	return append(jsonenc.AppendString(append(b, `{"requestId":`...), requestID), '}')
}
