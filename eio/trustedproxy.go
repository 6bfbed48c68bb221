package eio

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/eio/internal/proxyfields"
)

// ProxyStats are the figures of what proxies say of their clients. They are
// those of all servers that share a port, except for Fields.
type ProxyStats struct {
	// Headers is how many connections began with a header of the PROXY
	// protocol, HeadersRejected how many were closed because they should have
	// and did not, or not in time.
	Headers, HeadersRejected uint64
	// FieldsMalformed is how many handshakes came from one of
	// Config.TrustedProxies with an address that is none, or with fields that
	// contradict each other.
	FieldsMalformed uint64
}

// proxyCounters are the counters of ProxyStats. Safe for concurrent use.
type proxyCounters struct{ headers, rejected, malformed atomic.Uint64 }

// ProxyStats returns the figures. Safe for concurrent use.
func (srv *Server) ProxyStats() ProxyStats {
	root := srv
	if srv.root != nil {
		root = srv.root
	}
	return ProxyStats{
		Headers:         root.proxies.headers.Load(),
		HeadersRejected: root.proxies.rejected.Load(),
		FieldsMalformed: srv.proxies.malformed.Load(),
	}
}

// addressFields are the values of Config.AddressField that have a form of their
// own.
var addressFields = map[string]proxyfields.Source{
	"":                proxyfields.Any,
	"x-forwarded-for": proxyfields.For,
	"forwarded":       proxyfields.Forwarded,
}

// addressSource returns which fields Config.AddressField means.
func (cfg *Config) addressSource() proxyfields.Source {
	if source, ok := addressFields[strings.ToLower(cfg.AddressField)]; ok {
		return source
	}
	return proxyfields.Single
}

// checkPrefixes checks the prefixes of a field of Config.
func checkPrefixes(field string, prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if !p.IsValid() || p.Addr().Is4In6() {
			return fmt.Errorf("eio: %s has %v; it must be a range of IPv4 or IPv6 addresses", field, p)
		}
	}
	return nil
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func (srv *Server) trusts(proxy netip.Addr) bool { return contains(srv.cfg.TrustedProxies, proxy) }

// origin returns where r came from: the address of the peer or, behind
// Config.TrustedProxies, of their client.
func (h *httpConn) origin(r *http1.Request) proxyfields.Origin {
	srv, peer := h.home.srv, h.c.RemoteAddr()
	if len(srv.cfg.TrustedProxies) == 0 || !srv.trusts(peer.Addr()) {
		return proxyfields.Origin{Addr: peer, Encrypted: h.secure}
	}
	var f proxyfields.Fields
	for name, value := range r.Headers() {
		switch {
		case srv.addresses == proxyfields.Single && isOneOf(name, srv.cfg.AddressField):
			f.Single = append(f.Single, string(value))
		case isOneOf(name, "X-Forwarded-For"):
			f.For = append(f.For, string(value))
		case isOneOf(name, "X-Forwarded-Proto"):
			f.Proto = append(f.Proto, string(value))
		case isOneOf(name, "Forwarded"):
			f.Forwarded = append(f.Forwarded, string(value))
		}
	}
	o := f.Resolve(srv.addresses, peer, srv.trusts)
	o.Encrypted = o.Encrypted || h.secure
	return o
}

// remoteAddr is the address of origin.
func (h *httpConn) remoteAddr(r *http1.Request) netip.AddrPort { return h.origin(r).Addr }

// encrypted reports whether r came encrypted to this server, or to a proxy of
// Config.TrustedProxies.
func (h *httpConn) encrypted(r *http1.Request) bool { return h.origin(r).Encrypted }

// encryptedHTTP is encrypted for a request of net/http.
func (srv *Server) encryptedHTTP(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	ip, _ := netip.ParseAddr(hostOf(r.RemoteAddr))
	peer := netip.AddrPortFrom(ip.Unmap(), 0)
	if !srv.trusts(peer.Addr()) {
		return false
	}
	f := proxyfields.Fields{
		For:       r.Header["X-Forwarded-For"],
		Proto:     r.Header["X-Forwarded-Proto"],
		Forwarded: r.Header["Forwarded"],
	}
	return f.Resolve(srv.addresses, peer, srv.trusts).Encrypted
}
