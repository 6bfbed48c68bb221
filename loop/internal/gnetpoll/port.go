//go:build linux

package gnetpoll

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// port is a bound socket that holds a port until gnet's sockets are bound to
// it. gnet shares the port among its loops with SO_REUSEPORT, with which
// binding succeeds although another server has the port. Binding this one fails
// then.
type port struct {
	fd     int
	addr   netip.AddrPort
	listen string // what gnet is to listen on
}

// reservePort takes addr, or a free port when its port is 0.
func reservePort(addr string) (*port, error) {
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

func bind(ip netip.Addr, zone, number int, dual bool) (*port, error) {
	family, sa := unix.AF_INET, unix.Sockaddr(nil)
	if ip.Is4() {
		sa = &unix.SockaddrInet4{Port: number, Addr: ip.As4()}
	} else {
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: number, Addr: ip.As16(), ZoneId: uint32(zone)}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &port{fd: fd}
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
	// From now on sockets with SO_REUSEPORT, as gnet's, may bind the port too.
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err == nil {
		p.addr, err = localAddr(fd)
	}
	if err != nil {
		p.release()
		return nil, err
	}
	host := ip.String()
	if dual {
		host = "" // gnet takes "::" for IPv6 only
	}
	p.listen = net.JoinHostPort(host, strconv.Itoa(int(p.addr.Port())))
	return p, nil
}

func (p *port) release() { _ = unix.Close(p.fd) }
