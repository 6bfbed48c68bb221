package wire

import (
	"errors"

	"github.com/sioserver/sioserver/sio/cluster"
)

var errUnfinished = errors.New("wire: unfinished")

// Append appends m as the reference's sharded adapter does: as JSON, unless its
// type is one that may hold binary values and it does; then as MessagePack. On
// an error dst comes back unchanged.
func Append(dst []byte, m *cluster.Message) ([]byte, error) { return dst, errUnfinished }

// AppendMessagePack appends m as MessagePack. On an error dst comes back unchanged.
func AppendMessagePack(dst []byte, m *cluster.Message) ([]byte, error) { return dst, errUnfinished }

// AppendData appends the member data of m alone, as Append does, and reports
// whether that is JSON. It appends nothing for types without data. On an error dst
// comes back unchanged.
func AppendData(dst []byte, m *cluster.Message) (out []byte, json bool, err error) {
	return dst, true, errUnfinished
}

// AppendDataJSON is AppendData without MessagePack: binary values go out as base64.
func AppendDataJSON(dst []byte, m *cluster.Message) ([]byte, error) { return dst, errUnfinished }
