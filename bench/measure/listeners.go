//go:build linux

package measure

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// listening is TCP_LISTEN as /proc/net/tcp writes it.
const listening = "0A"

// Listeners counts the TCP sockets that listen on the port at 127.0.0.1 or at
// every address: those that the process has open, and all others.
func Listeners(pid int, port uint16) (own, others int, err error) {
	var inodes []string
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) { // a machine without IPv6
			return 0, 0, err
		}
		inodes = append(inodes, listenersIn(b, port)...)
	}
	if len(inodes) == 0 {
		return 0, 0, nil
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	open := map[string]bool{}
	for _, entry := range entries {
		if to, err := os.Readlink(dir + "/" + entry.Name()); err == nil {
			open[to] = true
		}
	}
	for _, inode := range inodes {
		if open["socket:["+inode+"]"] {
			own++
		} else {
			others++
		}
	}
	return own, others, nil
}

// listenersIn returns the inodes of a table such as /proc/net/tcp. Its
// addresses are hexadecimal, each four bytes of them in the order of the
// machine.
func listenersIn(table []byte, port uint16) (inodes []string) {
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		address, hex, _ := strings.Cut(fields[1], ":")
		at, err := strconv.ParseUint(hex, 16, 16)
		if err != nil || uint16(at) != port {
			continue
		}
		if strings.Trim(address, "0") == "" || strings.HasSuffix(address, loopback) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

// loopback is 127.0.0.1 in such a table, also behind the prefix of an IPv4
// address in IPv6.
var loopback = fmt.Sprintf("%08X", binary.NativeEndian.Uint32([]byte{127, 0, 0, 1}))
