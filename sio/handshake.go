package sio

import (
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Handshake is what a client sent when it connected: the first HTTP request of
// its connection and the CONNECT packet of the namespace. Each call of
// [Socket.Handshake] makes a new one. Once [Config.DiscardRequest] has had its
// effect only Address and Auth are set.
type Handshake struct {
	// Headers are the request's header fields by lower-cased name; the values
	// of a repeated one are joined.
	Headers map[string]string
	// Query are the parameters of the URL; of a repeated one the last value.
	Query map[string]string
	// URL is the raw request target.
	URL string
	// Address is the client's address: the peer's or, behind a proxy of
	// [Config.TrustedProxies] or [Config.ProxyProtocol], the one that the proxy
	// has named.
	Address netip.AddrPort
	// Issued is when the connection was opened.
	Issued time.Time
	// CrossDomain reports whether the request had an Origin field.
	CrossDomain bool
	// Secure reports whether the connection is encrypted: up to the server, with
	// [Config.TLS] or behind [Server.Handler], or up to one of
	// [Config.TrustedProxies] or [Config.ProxyProtocol].
	Secure bool
	// TLS is the state of the TLS connection: the server's name that the client
	// has asked for, the client's certificate. It is nil without Config.TLS,
	// except over WebSocket behind [Server.Handler], and for sockets of other
	// servers. It must not be changed.
	TLS *tls.ConnectionState
	// Auth is the JSON object that the client has sent along; "{}" when none.
	Auth json.RawMessage

	conn *Conn // nil for a client of another server
}

// Value is [Conn.Value]; nil for a client of another server.
func (h *Handshake) Value(key any) any {
	if h.conn == nil {
		return nil
	}
	return h.conn.Value(key)
}

// BindAuth decodes Auth into what v points to.
func (h *Handshake) BindAuth(v any) error { return jsonenc.Unmarshal(h.Auth, v) }

// handshakeJSON is the form in which servers tell each other of a handshake.
type handshakeJSON struct {
	Headers map[string]string `json:"headers"`
	Time    string            `json:"time"`
	Address string            `json:"address"`
	XDomain bool              `json:"xdomain"`
	Secure  bool              `json:"secure"`
	Issued  int64             `json:"issued"` // ms
	URL     string            `json:"url"`
	Query   map[string]string `json:"query"`
	Auth    json.RawMessage   `json:"auth"`
}

// dateFormat is that of JavaScript's Date.toString.
const dateFormat = "Mon Jan 02 2006 15:04:05 GMT-0700"

// MarshalJSON gives the handshake the reference's form.
func (h *Handshake) MarshalJSON() ([]byte, error) {
	issued := h.Issued.UTC()
	return json.Marshal(handshakeJSON{
		Headers: h.Headers,
		Time:    issued.Format(dateFormat) + " (Coordinated Universal Time)",
		Address: h.Address.Addr().String(),
		XDomain: h.CrossDomain,
		Secure:  h.Secure,
		Issued:  issued.UnixMilli(),
		URL:     h.URL,
		Query:   h.Query,
		Auth:    h.Auth,
	})
}

// UnmarshalJSON reads the reference's form, which lacks the port of Address. An
// address that is none is left out.
func (h *Handshake) UnmarshalJSON(b []byte) error {
	var j handshakeJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	address, _ := netip.ParseAddr(j.Address)
	*h = Handshake{
		Headers:     j.Headers,
		Query:       j.Query,
		URL:         j.URL,
		Address:     netip.AddrPortFrom(address, 0),
		Issued:      time.UnixMilli(j.Issued),
		CrossDomain: j.XDomain,
		Secure:      j.Secure,
		Auth:        j.Auth,
	}
	return nil
}

// Handshake returns how the socket's client has connected.
func (s *Socket) Handshake() *Handshake {
	h := &Handshake{Address: s.client.RemoteAddr(), conn: s.Conn()}
	if r := s.client.Request(); r != nil {
		h.Issued = r.Issued()
		h.Secure = r.Secure()
		h.TLS = r.TLS()
		h.URL = r.Target()
		h.Headers = r.Headers()
		h.Query = r.Query()
		_, h.CrossDomain = h.Headers["origin"]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra != nil && s.extra.auth != nil {
		h.Auth = append(json.RawMessage(nil), s.extra.auth...)
	} else {
		h.Auth = json.RawMessage("{}")
	}
	return h
}
