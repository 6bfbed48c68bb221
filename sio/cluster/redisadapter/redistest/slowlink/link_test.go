package slowlink

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestLink has an echo server behind a link that is slow, stands still, and is
// cut.
func TestLink(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	const speed = 1 << 20
	l, err := New(server.Addr().String(), speed)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// pass sends n bytes and waits until they are back.
	pass := func(n int) time.Duration {
		start := time.Now()
		go c.Write(make([]byte, n))
		if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	// Two directions work at once, and the last piece is not waited for.
	if took, least := pass(speed/2), 450*time.Millisecond; took < least {
		t.Errorf("%d bytes took %v, want %v at least", speed/2, took, least)
	}
	l.SetSpeed(0)
	const pause = 300 * time.Millisecond
	l.Pause(pause)
	if took := pass(1); took < pause {
		t.Errorf("a byte took %v, want %v at least", took, pause)
	}
	l.Cut()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection lives after a cut")
	}
	if c, err = net.Dial("tcp", l.Addr); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pass(1)
	// A pause does not outlast the link.
	const long = time.Hour
	l.Pause(long)
	if _, err := c.Write(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
