// Package sockets takes the listening sockets that systemd has opened for the
// program: systemd.socket(5), sd_listen_fds(3).
package sockets

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// Prefix begins an address that stands for sockets of systemd: "systemd:" for
// all of them, "systemd:name" for those with a FileDescriptorName.
const Prefix = "systemd:"

// Activated returns the sockets of an address that begins with Prefix, by the
// order of their names. It takes them out of the environment, so it can be
// called once. It must be called before other goroutines run programs.
func Activated(addr string) ([]net.Listener, error) {
	byName, err := activation.ListenersWithNames()
	if err != nil {
		return nil, err
	}
	wanted := strings.TrimPrefix(addr, Prefix)
	var list []net.Listener
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, l := range byName[name] {
			if wanted == "" || wanted == name {
				list = append(list, l)
			} else {
				_ = l.Close()
			}
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case len(byName) > 0:
		return nil, fmt.Errorf("systemd has passed on no socket of the name %q; it has %q", wanted, slices.Sorted(maps.Keys(byName)))
	}
	return nil, fmt.Errorf("systemd has passed on no stream sockets: start the program by a .socket unit (LISTEN_FDS and LISTEN_PID are not set for it)")
}
