package redisadapter

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"

	"github.com/sioserver/sioserver/sio/cluster"
	"github.com/sioserver/sioserver/sio/cluster/wire"
)

// entry is an entry of a stream. Its fields are uid, nsp, type and data, which
// is JSON, or MessagePack in base64. The fields sw and sn are of this package:
// the writer and the number of the entry, by which duplicates are detected.
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

// maxName bounds the bytes of the writer and of the UID in an entry.
const maxName = 128

// parseEntry reports false if the namespace or the type is missing, or a name
// is too long.
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

// data returns the field data of a message: JSON, or MessagePack in base64 if
// the message has binary values and onlyPlaintext is not set.
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

// message decodes the entry. The message does not refer to it. It refuses the
// parts of answers, which go through channels only.
func (e *entry) message() (*cluster.Message, error) {
	if e.kind == cluster.AnswerPart || e.kind == cluster.NextPart {
		return nil, fmt.Errorf("redisadapter: a message of type %d in a stream", e.kind)
	}
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

// streamKey returns the key of the stream of a namespace. The remainder keeps
// the sign of the hash, as in the reference, whose servers never read the
// streams with a negative number. Servers of this package do.
func streamKey(name string, count int, namespace string) string {
	if count == 1 {
		return name
	}
	var h int32
	for _, u := range utf16.Encode([]rune(namespace)) {
		h = 31*h + int32(u)
	}
	return name + "-" + strconv.Itoa(int(h)%count)
}

// parseID parses the id of an entry.
func parseID(id string) (ms, count uint64, ok bool) {
	for i := range len(id) {
		if id[i] == '-' {
			ms, err1 := strconv.ParseUint(id[:i], 10, 64)
			count, err2 := strconv.ParseUint(id[i+1:], 10, 64)
			return ms, count, err1 == nil && err2 == nil
		}
	}
	return 0, 0, false
}

// before reports whether id a is less than b.
func before(a, b string) bool {
	ams, acount, _ := parseID(a)
	bms, bcount, _ := parseID(b)
	return ams < bms || ams == bms && acount < bcount
}

// predecessor returns the greatest id less than id.
func predecessor(id string) string {
	ms, count, _ := parseID(id)
	switch {
	case count > 0:
		count--
	case ms > 0:
		ms, count = ms-1, math.MaxUint64
	}
	return fmt.Sprintf("%d-%d", ms, count)
}

// successor returns the least id greater than id.
func successor(id string) string {
	ms, count, _ := parseID(id)
	if count++; count == 0 {
		ms++
	}
	return fmt.Sprintf("%d-%d", ms, count)
}
