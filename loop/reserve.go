package loop

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// reservation is a bound socket that holds a port until gnet's sockets are
// bound to it. gnet shares its port among its loops with SO_REUSEPORT, with
// which binding succeeds although another server has the port; a reservation
// does not.
type reservation struct {
	fd     int
	addr   netip.AddrPort
	listen string // what gnet is to listen on
}

// reserve takes addr, or a free port when its port is 0.
func reserve(addr string) (*reservation, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	ip = ip.Unmap()
	zone := 0
	if a.Zone != "" {
		iface, err := net.InterfaceByName(a.Zone)
		if err != nil {
			return nil, err
		}
		zone = iface.Index
		ip = ip.WithZone(a.Zone)
	}
	if ip.IsValid() && !(ip.Is6() && ip.IsUnspecified()) {
		return bind(ip, zone, a.Port, false)
	}
	r, err := bind(netip.IPv6Unspecified(), 0, a.Port, true)
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return bind(netip.IPv4Unspecified(), 0, a.Port, false) // no IPv6 here
	}
	return r, err
}

func bind(ip netip.Addr, zone, port int, dual bool) (*reservation, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(nil)
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: port, Addr: ip.As16(), ZoneId: uint32(zone)}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	r := &reservation{fd: fd}
	set := func(level, opt, value int) {
		if err == nil {
			err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, opt, value))
		}
	}
	if family == unix.AF_INET6 {
		v6only := 1
		if dual {
			v6only = 0
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only)
	}
	// Connections of an earlier server in TIME_WAIT do not make the port busy.
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	// From here on only gnet's kind of sockets may join.
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err == nil {
		r.addr, err = localAddr(fd)
	}
	if err != nil {
		r.release()
		return nil, err
	}
	host := ip.String()
	if dual {
		host = "" // gnet takes "::" for IPv6 only
	}
	r.listen = net.JoinHostPort(host, portString(r.addr))
	return r, nil
}

func (r *reservation) release() { _ = unix.Close(r.fd) }
