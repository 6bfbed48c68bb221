package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
)

// place returns the URL to open in a browser.
func place(s settings.Settings, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	page, note := "/", ""
	if s.NoDemo {
		page = s.Path
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host, note = "localhost", " (all addresses)"
	}
	scheme := "http://"
	if s.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port) + page + note
}

// unable says why the program can't listen on the address of a flag.
func unable(err error, flag, addr string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s already; choose another address with -%s", addr, flag)
	}
	return fmt.Errorf("can't listen on %s: %v", addr, reason(err))
}

// reason is why listening failed, without the address.
func reason(err error) string {
	var address *net.AddrError
	var name *net.DNSError
	switch inner := errors.Unwrap(err); {
	case errors.As(err, &address):
		return address.Err
	case errors.As(err, &name):
		return name.Err
	case inner != nil:
		return inner.Error()
	}
	return err.Error()
}
