//go:build linux

package load

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// When one source address has made its share of connections, the next one is
// used.
func TestDialMovesToTheNextSourceAddress(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := New(Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.dialled = dialsPerAddress - 1
	for _, want := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.2"} {
		if _, err := g.Dial(WebSocket, 0); err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := net.SplitHostPort(conn.RemoteAddr().String()); got != want {
			t.Errorf("dialled from %s, want %s", got, want)
		}
		conn.Close()
	}
}

func TestDescriptorLimit(t *testing.T) {
	if err := RaiseDescriptorLimit(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if got := DescriptorLimit(); uint64(got) != limit.Max {
		t.Errorf("limit %d after raising it, the hard limit is %d", got, limit.Max)
	}
}
