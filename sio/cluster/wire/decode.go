package wire

import (
	"unicode/utf8"

	"github.com/sioserver/sioserver/sio/cluster"
)

// Decode reads a whole message: JSON if it starts with a brace, else
// MessagePack. It refuses a UID that is not Unicode, because no answer could
// name it. Ownership of b transfers: the message refers to it.
func Decode(b []byte) (*cluster.Message, error) {
	v, err := Parse(b)
	if err != nil {
		return nil, err
	}
	m := new(cluster.Message)
	var data Value
	err = v.Members(func(key string, v Value) (err error) {
		switch key {
		case "uid":
			if m.UID, err = v.Text(); err == nil && !utf8.ValidString(m.UID) {
				err = invalid("a UID that is not Unicode")
			}
		case "nsp":
			m.Namespace, err = v.Text()
		case "type":
			var t int
			t, err = v.Int()
			m.Type = cluster.MessageType(min(t, 255))
		case "data":
			data = v
		}
		return err
	})
	if err == nil {
		err = decodeData(m, data)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeData sets the fields of m that the member data of a message of type
// m.Type has. b is JSON if it starts with a brace, else MessagePack; it is
// empty if the message has no such member. Ownership of b transfers: the
// message refers to it. On an error m may be partly filled.
func DecodeData(m *cluster.Message, b []byte) error {
	if len(b) == 0 {
		return decodeData(m, Value{})
	}
	v, err := Parse(b)
	if err != nil {
		return err
	}
	return decodeData(m, v)
}

// decodeData ignores the data of unknown types.
func decodeData(m *cluster.Message, data Value) error {
	packet := Value{}
	err := data.Members(func(key string, v Value) (err error) {
		switch key {
		case "requestId":
			m.RequestID, err = v.Text()
		case "opts":
			m.Options, m.Timeout, err = v.Options()
		case "packet":
			packet = v
		case "rooms":
			m.Rooms, err = v.Texts()
		case "close":
			m.Close = v.Is(true)
		case "sockets":
			m.Sockets, err = v.Sockets()
		case "clientCount":
			m.ClientCount, err = v.Int()
			m.CountOnly = m.Type == cluster.FetchSocketsResponse
		case "parts":
			if isRequest(m.Type) {
				m.Parts, err = v.Int()
			}
		case "count":
			m.CountOnly = m.Type == cluster.FetchSockets && v.Is(true)
		}
		return err
	})
	if err != nil {
		return err
	}
	switch m.Type {
	case cluster.AnswerPart, cluster.NextPart:
		m.Part, err = data.Part()
	case cluster.Broadcast:
		var namespace string
		m.Packet, namespace, err = packet.Packet()
		if err == nil && namespace != "" && m.Namespace != "" && namespace != m.Namespace {
			err = invalid("a packet of another namespace")
		}
	case cluster.ServerSideEmit:
		m.Packet, err = packet.Event()
	case cluster.ServerSideEmitResponse, cluster.BroadcastAck:
		m.Answer, err = packet.Answer()
	}
	return err
}
