package engineio

import (
	"strconv"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Handshake is the data of the open packet (protocol, "Handshake").
type Handshake struct {
	SID          string        // used verbatim
	Upgrades     []string      // transports that the client may move to; nil is []
	PingInterval time.Duration // sent in whole milliseconds
	PingTimeout  time.Duration // sent in whole milliseconds
	MaxPayload   int64         // bytes
}

// AppendHandshake appends the JSON object of h to dst, without the packet's
// type. The order of the keys is fixed: sid, upgrades, pingInterval,
// pingTimeout, maxPayload. It does not allocate when dst has room.
func AppendHandshake(dst []byte, h Handshake) []byte {
	dst = append(dst, `{"sid":`...)
	dst = jsonenc.AppendString(dst, h.SID)
	dst = append(dst, `,"upgrades":[`...)
	for i, u := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonenc.AppendString(dst, u)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, h.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, h.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, h.MaxPayload, 10)
	return append(dst, '}')
}
