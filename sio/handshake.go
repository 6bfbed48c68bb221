package sio

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Handshake is what a client has told when it connected, from the first HTTP
// request of its connection and from the CONNECT packet of the namespace
// (socketio.md section 11). It is made anew by each call of [Socket.Handshake];
// once [Config.DiscardRequest] has had its effect only Address and Auth are set.
type Handshake struct {
	// Headers are the request's header fields by lower-cased name; the values of a
	// repeated one are joined.
	Headers map[string]string
	// Query are the parameters of the URL; of a repeated one the last value.
	Query map[string]string
	// URL is the raw request target.
	URL string
	// Address is the peer's address.
	Address netip.AddrPort
	// Issued is when the connection was opened.
	Issued time.Time
	// CrossDomain reports whether the request had an Origin field.
	CrossDomain bool
	// Auth is the JSON object that the client has sent along; "{}" when none.
	Auth json.RawMessage
}

// BindAuth decodes Auth into what v points to.
func (h *Handshake) BindAuth(v any) error { return jsonenc.Unmarshal(h.Auth, v) }
