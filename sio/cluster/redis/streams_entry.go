package redis

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/msgpack"
	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// entry is what a stream's entry says. Its fields are uid, nsp, type and data; data
// is JSON, or MessagePack in base64. The fields sw and sn are our own: who has
// added the entry, and as which of its entries, so that one that was added twice
// can be told.
type entry struct {
	uid, namespace string
	kind           cluster.MessageType
	data           string
	writer         string
	number         uint64
}

func (e *entry) values() []any {
	return []any{
		"uid", e.uid, "nsp", e.namespace, "type", strconv.Itoa(int(e.kind)), "data", e.data,
		"sw", e.writer, "sn", strconv.FormatUint(e.number, 10),
	}
}

// parseEntry reports false for what has no namespace or no type.
func parseEntry(values map[string]any) (e entry, ok bool) {
	field := func(name string) string {
		text, _ := values[name].(string)
		return text
	}
	kind, err := strconv.ParseUint(field("type"), 10, 8)
	e = entry{field("uid"), field("nsp"), cluster.MessageType(kind), field("data"), field("sw"), 0}
	if e.writer != "" {
		e.number, _ = strconv.ParseUint(field("sn"), 10, 64)
	}
	return e, err == nil && e.namespace != ""
}

type wireFlags struct {
	Volatile bool  `json:"volatile"`
	Compress *bool `json:"compress"`
}

type wireOptions struct {
	Rooms  []string  `json:"rooms"`
	Except []string  `json:"except"`
	Flags  wireFlags `json:"flags"`
}

func (w wireOptions) options() adapter.Options {
	return adapter.Options{
		Rooms: w.Rooms, Except: w.Except, Volatile: w.Flags.Volatile, NoCompress: w.Flags.Compress != nil && !*w.Flags.Compress,
	}
}

// wirePacket is an event; Data is a list whose first item is the name.
type wirePacket struct {
	Type int `json:"type"`
	Data any `json:"data"`
}

// wireData is what is read of the data of all types of messages that go through streams.
type wireData struct {
	Packet    *wirePacket `json:"packet"`
	Options   wireOptions `json:"opts"`
	RequestID string      `json:"requestId"`
	Rooms     []string    `json:"rooms"`
	Close     bool        `json:"close"`
}

// data is the field data of a message: JSON, or MessagePack in base64 if there are
// binary values in it, unless onlyPlaintext is set.
func data(m *cluster.Message, onlyPlaintext bool) (string, error) {
	if onlyPlaintext {
		b, err := wire.AppendDataJSON(nil, m)
		return string(b), err
	}
	b, text, err := wire.AppendData(nil, m)
	if err != nil || text {
		return string(b), err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// broadcastData is the data of a broadcast.
func broadcastData(namespace string, p adapter.Packet, o adapter.Options, onlyPlaintext bool) (string, error) {
	return data(&cluster.Message{Type: cluster.Broadcast, Namespace: namespace, Packet: p, Options: o}, onlyPlaintext)
}

var errEntry = errors.New("redis: the data of a stream's entry can't be understood")

// parseData decodes an entry's data. The arguments of an event in JSON stay
// json.RawMessage.
func parseData(data string) (w wireData, p adapter.Packet, err error) {
	if strings.HasPrefix(data, "{") {
		packet := struct {
			wireData
			Packet *struct {
				Type int             `json:"type"`
				Data json.RawMessage `json:"data"`
			} `json:"packet"`
		}{}
		if err := jsonenc.Unmarshal([]byte(data), &packet); err != nil {
			return w, p, err
		}
		w = packet.wireData
		if packet.Packet == nil {
			return w, p, nil
		}
		w.Packet = &wirePacket{Type: packet.Packet.Type}
		var list []json.RawMessage
		if err := jsonenc.Unmarshal(packet.Packet.Data, &list); err != nil || len(list) == 0 {
			return w, p, errEntry
		}
		p.Args = make([]any, len(list)-1)
		for i, arg := range list[1:] {
			p.Args[i] = arg
		}
		return w, p, eventName(&p, list[0])
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return w, p, err
	}
	if err := msgpack.DecodeValue(b, &w); err != nil || w.Packet == nil {
		return w, p, err
	}
	list, _ := w.Packet.Data.([]any)
	if len(list) == 0 {
		return w, p, errEntry
	}
	p.Args = list[1:]
	switch name := list[0].(type) {
	case string:
		p.Event = name
	case float64:
		p.Event = strconv.FormatFloat(name, 'f', -1, 64)
	default:
		return w, p, errEntry
	}
	return w, p, nil
}

// eventName takes the name from JSON, where it may be a number.
func eventName(p *adapter.Packet, raw json.RawMessage) error {
	if len(raw) > 0 && raw[0] != '"' {
		if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
			return errEntry
		}
		p.Event = string(raw)
		return nil
	}
	return jsonenc.Unmarshal(raw, &p.Event)
}
