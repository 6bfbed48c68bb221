package redisadapter

import (
	"encoding/base64"
	"strconv"

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
	list := make([]any, 0, 12)
	list = append(list, "uid", e.uid, "nsp", e.namespace, "type", strconv.Itoa(int(e.kind)))
	if e.data != "" {
		list = append(list, "data", e.data)
	}
	if e.writer != "" {
		list = append(list, "sw", e.writer, "sn", strconv.FormatUint(e.number, 10))
	}
	return list
}

// maxName is how long the names in an entry of who has written it may be.
const maxName = 128

// parseEntry reports false for what has no namespace or no type, or too long a name.
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
	return e, err == nil && e.namespace != "" && len(e.writer) <= maxName && len(e.uid) <= maxName
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

// message is what the entry says. It refers to memory of its own.
func (e *entry) message() (*cluster.Message, error) {
	m := &cluster.Message{Type: e.kind, UID: e.uid, Namespace: e.namespace}
	b := []byte(e.data)
	if len(b) > 0 && b[0] != '{' {
		n, err := base64.StdEncoding.Decode(b, b)
		if err != nil {
			return nil, err
		}
		b = b[:n]
	}
	if err := wire.DecodeData(m, b); err != nil {
		return nil, err
	}
	return m, nil
}
