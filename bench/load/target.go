//go:build linux

package load

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// target is a server that clients dial; immutable.
type target struct {
	sockaddr           unix.SockaddrInet4
	path, host         string
	webSocket, polling []byte // a client's first request
}

func newTarget(addr netip.AddrPort, path string, deflate bool) (*target, error) {
	if !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("load: %s is not an IPv4 loopback address: this generator only loads servers of this machine", addr)
	}
	extensions := ""
	if deflate {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	host := addr.String()
	return &target{
		sockaddr: unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, path: path, host: host,
		webSocket: fmt.Appendf(nil, "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvc2VydmVyIGJlbmNoIQ==\r\n%s\r\n", path, host, extensions),
		polling: fmt.Appendf(nil, "GET %s?EIO=4&transport=polling HTTP/1.1\r\nHost: %s\r\n\r\n", path, host),
	}, nil
}
