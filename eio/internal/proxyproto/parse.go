package proxyproto

import (
	"bytes"
	"errors"
	"net/netip"
)

// Header is what a proxy says of a connection.
type Header struct {
	// Source is the client's address, unmapped. It is not valid if the proxy
	// does not say: the connection is the proxy's own (LOCAL), such as a health
	// check, or of an address family without addresses, such as unix.
	Source netip.AddrPort
	// Encrypted reports whether the client's connection to the proxy is
	// encrypted. Only version 2 can say so.
	Encrypted bool
}

// MaxLength is the length of the longest header that is accepted. One of
// version 1 has at most 107 bytes, one of version 2 at most 231 and what the
// proxy adds about TLS and itself.
const MaxLength = 4096

// Errors of headers that are not valid.
var (
	ErrNoHeader  = errors.New("proxyproto: no PROXY header")
	ErrMalformed = errors.New("proxyproto: malformed PROXY header")
	ErrTooLong   = errors.New("proxyproto: the PROXY header is too long")
	ErrChecksum  = errors.New("proxyproto: the checksum of the PROXY header is wrong")
)

// Parse parses the header that b, the first bytes of a connection, begins with.
// It returns the header's length n; 0 when more bytes are needed, of which
// there are fewer than MaxLength then. b is borrowed until return.
func Parse(b []byte) (h Header, n int, err error) {
	switch {
	case begins(b, signature):
		return parseV2(b)
	case begins(b, prefixV1):
		return parseV1(b)
	}
	return Header{}, 0, ErrNoHeader
}

// begins reports whether b begins with prefix as far as b goes.
func begins(b, prefix []byte) bool {
	k := min(len(b), len(prefix))
	return bytes.Equal(b[:k], prefix[:k])
}
