package proxyfields

import "net/netip"

// Fields are the values of a request's fields, one for each line, in the order
// of the lines.
type Fields struct {
	For, Proto []string // X-Forwarded-For and X-Forwarded-Proto
	Forwarded  []string
	Single     []string // a field with one address, instead of For and Forwarded
}

// Source says which fields the proxies write.
type Source uint8

const (
	// Any is For and Forwarded, whichever there is. A client may send the one
	// that its proxy does not write, so if there are both, both must say the
	// same.
	Any       Source = iota
	For              // For and Proto
	Forwarded        // Forwarded alone
	Single           // Single and Proto
)

// Origin is where a request came from.
type Origin struct {
	// Addr is the client's address. The port is 0 if no proxy has named it.
	Addr netip.AddrPort
	// Encrypted reports whether the client's connection to the outermost
	// trusted proxy is encrypted.
	Encrypted bool
	// Malformed reports that a trusted proxy has written something that is no
	// address, or that the fields contradict each other.
	Malformed bool
}

// Resolve returns where a request came from. peer is the address that sent it,
// which must be a trusted one; trusts reports which others are. What no field
// says is peer's: of a malformed field the nearest address that is well-formed
// counts.
func (f *Fields) Resolve(source Source, peer netip.AddrPort, trusts func(netip.Addr) bool) Origin {
	switch source {
	case For:
		o, _ := f.byList(peer, trusts)
		return o
	case Forwarded:
		return f.byForwarded(peer, trusts)
	case Single:
		return f.bySingle(peer)
	}
	if len(f.Forwarded) == 0 {
		o, _ := f.byList(peer, trusts)
		return o
	}
	o := f.byForwarded(peer, trusts)
	if len(f.For) == 0 && len(f.Proto) == 0 {
		return o
	}
	list, said := f.byList(peer, trusts)
	o.Encrypted = o.Encrypted && (list.Encrypted || !said)
	o.Malformed = o.Malformed || list.Malformed
	switch {
	case len(f.For) == 0:
	case list.Addr.Addr() != o.Addr.Addr():
		o.Addr, o.Malformed = peer, true
	case o.Addr.Port() == 0:
		o.Addr = list.Addr
	}
	return o
}

// byList reads X-Forwarded-For and X-Forwarded-Proto. If both have as many
// elements, those at the same place belong together; otherwise the last proxy
// has written the whole of X-Forwarded-Proto. said reports whether there is
// one.
func (f *Fields) byList(peer netip.AddrPort, trusts func(netip.Addr) bool) (o Origin, said bool) {
	list, protos := elements(f.For, ','), elements(f.Proto, ',')
	hop := 0
	o.Addr = peer
	for i, e := range list {
		if !trusts(o.Addr.Addr()) {
			break
		}
		hop = i
		addr, ok := parseAddr(e)
		if !ok {
			o.Malformed = true
			break
		}
		o.Addr = addr
	}
	if len(protos) == 0 {
		return o, false
	}
	if len(protos) != len(list) {
		hop = 0
	}
	o.Encrypted = isEncrypted(protos[hop])
	return o, true
}

// byForwarded reads Forwarded.
func (f *Fields) byForwarded(peer netip.AddrPort, trusts func(netip.Addr) bool) (o Origin) {
	o.Addr = peer
	for _, e := range elements(f.Forwarded, ',') {
		if !trusts(o.Addr.Addr()) {
			break
		}
		node, ok := parameter(e, "for")
		proto, _ := parameter(e, "proto")
		o.Encrypted = isEncrypted(proto)
		if !ok || isHidden(node) {
			break // the proxy does not say
		}
		addr, ok := parseAddr(node)
		if !ok {
			o.Malformed = true
			break
		}
		o.Addr = addr
	}
	return o
}

// bySingle reads a field that the proxy replaces, so it has one line.
func (f *Fields) bySingle(peer netip.AddrPort) (o Origin) {
	o.Addr = peer
	if len(f.Single) > 0 {
		addr, ok := parseAddr(f.Single[0])
		if ok && len(f.Single) == 1 {
			o.Addr = addr
		} else {
			o.Malformed = true
		}
	}
	if protos := elements(f.Proto, ','); len(protos) > 0 {
		o.Encrypted = isEncrypted(protos[0])
	}
	return o
}
