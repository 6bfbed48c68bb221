package eio

import (
	"strconv"

	"github.com/sioserver/sioserver/eio/http1"
)

// refusal is an answer of the engine to a request that it does not serve
// (Engine.IO protocol, "error responses").
type refusal struct {
	code    int
	status  int
	message string
}

var (
	refuseTransport  = refusal{0, 400, "Transport unknown"}
	refuseSession    = refusal{1, 400, "Session ID unknown"}
	refuseMethod     = refusal{2, 400, "Bad handshake method"}
	refuseRequest    = refusal{3, 400, "Bad request"}
	refuseProtocol   = refusal{5, 400, "Unsupported protocol version"}
	refuseOverloaded = refusal{3, 503, "Server overloaded"}
)

// appendBody appends the JSON object that a plain request is refused with.
func (r refusal) appendBody(dst []byte) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(r.code), 10)
	dst = append(dst, `,"message":`...)
	dst = strconv.AppendQuote(dst, r.message)
	return append(dst, '}')
}

// appendUpgrade appends the whole answer to a WebSocket upgrade.
func (r refusal) appendUpgrade(dst []byte) []byte {
	return appendRawRefusal(dst, r.message)
}

// appendRawRefusal answers an upgrade with 400 and a text, after which the
// connection is closed.
func appendRawRefusal(dst []byte, text string, extra ...http1.Field) []byte {
	return http1.AppendResponse(dst, 400, "text/html", []byte(text), false, extra...)
}
