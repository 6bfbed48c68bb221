package deflate

import "strconv"

const (
	extension = "permessage-deflate"
	accepted  = extension + "; server_no_context_takeover; client_no_context_takeover"

	minWindowBits = 8
	maxWindowBits = 15
)

// Params is what was negotiated with a peer, in one byte. Immutable. The zero
// value stands for the largest window.
type Params struct {
	smaller uint8 // by how many bits the peer's window is smaller than the largest
}

// Window returns how many of the latest bytes the peer remembers while it
// inflates a message, 256 to 32768.
func (p Params) Window() int { return 1 << (maxWindowBits - p.smaller) }

// Negotiate picks the first acceptable offer of permessage-deflate from a
// Sec-WebSocket-Extensions value (borrowed; several fields are joined by
// commas). It returns the value of the answer (RFC 7692 sections 5 and 7.1). ""
// means that no offer is acceptable: the answer then has no such field, and
// nothing is compressed. The answer always excludes context takeover on both
// sides, and never restricts the client's window. The error is ErrOffers.
func Negotiate(offers []byte) (response string, p Params, err error) {
	s := scanner{offers}
	for !s.end() {
		if s.skip(',') {
			continue // an empty element (RFC 9110 section 5.6.1)
		}
		o, err := s.offer()
		if err != nil {
			return "", Params{}, err
		}
		if response == "" && !o.declined {
			response, p = o.response()
		}
	}
	return response, p, nil
}

// offer is one element of the list.
type offer struct {
	declined   bool
	seen       [4]bool // by the numbers of the parameters below
	windowBits int     // of the server; 0 when the offer has none
}

// The parameters of permessage-deflate.
const (
	serverNoContextTakeover = iota
	clientNoContextTakeover
	serverMaxWindowBits
	clientMaxWindowBits
)

// param judges a parameter (RFC 7692 section 7.1); value is nil when it has
// none. A parameter that is unknown, repeated, or has an undefined value
// declines the offer.
func (o *offer) param(name, value []byte) {
	var which int
	var valid bool
	switch string(name) {
	case "server_no_context_takeover":
		which, valid = serverNoContextTakeover, value == nil
	case "client_no_context_takeover":
		which, valid = clientNoContextTakeover, value == nil
	case "server_max_window_bits":
		which = serverMaxWindowBits
		o.windowBits, valid = windowBits(value)
	case "client_max_window_bits":
		which = clientMaxWindowBits
		_, valid = windowBits(value)
		valid = valid || value == nil
	}
	if !valid || o.seen[which] {
		o.declined = true
		return
	}
	o.seen[which] = true
}

// windowBits parses a decimal from 8 to 15 without leading zeros.
func windowBits(value []byte) (bits int, ok bool) {
	switch {
	case len(value) == 1:
		bits = int(value[0]) - '0'
	case len(value) == 2 && value[0] == '1' && '0' <= value[1] && value[1] <= '9':
		bits = 10 + int(value[1]) - '0'
	}
	return bits, minWindowBits <= bits && bits <= maxWindowBits
}

// response accepts the offer.
func (o *offer) response() (string, Params) {
	if o.windowBits == 0 {
		return accepted, Params{}
	}
	return accepted + "; server_max_window_bits=" + strconv.Itoa(o.windowBits), Params{uint8(maxWindowBits - o.windowBits)}
}
