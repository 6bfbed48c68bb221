package redisadapter

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// addressed is a connection that leads to an address.
type addressed struct {
	net.Conn
	addr net.TCPAddr
}

func (c *addressed) RemoteAddr() net.Addr { return &c.addr }

// dialed is the outcome of a dial.
type dialed struct {
	conn net.Conn
	err  error
}

// TestMaster changes the master while connections are made.
func TestMaster(t *testing.T) {
	ports := map[string]chan int{"1": make(chan int), "2": make(chan int), "3": make(chan int), "4": make(chan int)}
	m := &master{conns: make(map[*masterConn]struct{}), dialer: func(_ context.Context, _, name string) (net.Conn, error) {
		a, b := net.Pipe()
		t.Cleanup(func() { b.Close() })
		return &addressed{a, net.TCPAddr{Port: <-ports[name]}}, nil
	}}
	begun := uint64(0)
	begin := func(name string) chan dialed {
		done := make(chan dialed, 1)
		go func() {
			conn, err := m.dial(t.Context(), "tcp", name)
			done <- dialed{conn, err}
		}()
		begun++
		wait.Until(t, "begun", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.dials == begun
		})
		return done
	}
	open := func(want int) {
		t.Helper()
		m.mu.Lock()
		defer m.mu.Unlock()
		if n := len(m.conns); n != want {
			t.Errorf("%d connections are open, want %d", n, want)
		}
	}

	first, second := begin("1"), begin("2")
	ports["1"] <- 7001
	former := (<-first).conn
	ports["2"] <- 7001
	(<-second).conn.Close()
	open(1)

	// The third asks before the fourth, and has an old answer.
	third, fourth := begin("3"), begin("4")
	ports["4"] <- 7002
	current := (<-fourth).conn
	open(1)
	if _, err := former.Read(make([]byte, 1)); !errors.Is(err, errMoved) {
		t.Errorf("reading from the former master: %v", err)
	}
	if _, err := former.Write([]byte{1}); !errors.Is(err, errMoved) {
		t.Errorf("writing to the former master: %v", err)
	}
	former.Close()
	ports["3"] <- 7001
	if d := <-third; !errors.Is(d.err, errMoved) {
		t.Errorf("a connection to the former master: %v", d.err)
	}
	open(1)
	current.Close()
	open(0)
}
