package eio

import "net/netip"

// endpoint is a netip.AddrPort in 20 bytes instead of 32, without the zone.
type endpoint struct {
	addr [16]byte
	port uint16
	v4   bool
}

func makeEndpoint(ap netip.AddrPort) endpoint {
	a := ap.Addr().Unmap()
	return endpoint{addr: a.As16(), port: ap.Port(), v4: a.Is4()}
}

func (e endpoint) addrPort() netip.AddrPort {
	a := netip.AddrFrom16(e.addr)
	if e.v4 {
		a = a.Unmap()
	}
	return netip.AddrPortFrom(a, e.port)
}
