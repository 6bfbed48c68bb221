package redisadapter

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// A master that Sentinels watch. If they replace a master that still runs, it
// stays a master for about ten seconds: its clients reach none of the new
// master's clients, and its new entries are lost. go-redis closes the
// connections of the client that asks the Sentinels, but not those of a client
// with its options, nor subscriptions. So this package makes a connection every
// second, and closes all others as soon as one leads to another address.

const (
	failoverAddr = "FailoverClient" // the address of such clients in go-redis
	masterTime   = time.Second      // between two questions for the master
)

var errMoved = errors.New("redisadapter: the master has changed")

// failoverClient is a client whose connections lead to the same master.
type failoverClient struct {
	*redis.Client
	stop context.CancelFunc
}

// newFailoverClient makes one of the options of a client that asks Sentinels.
// They are its own.
func newFailoverClient(o *redis.Options) failoverClient {
	m := &master{dialer: o.Dialer, conns: make(map[*masterConn]struct{})}
	o.Dialer = refusable(m.dial)
	ctx, stop := context.WithCancel(context.Background())
	go m.watch(ctx)
	return failoverClient{redis.NewClient(o), stop}
}

// Close ends the client.
func (c failoverClient) Close() error {
	c.stop()
	return c.Client.Close()
}

// master makes the connections of one client, and ends those to a former
// master. Safe for concurrent use.
type master struct {
	dialer dialer

	mu       sync.Mutex
	addr     string // where the last connection that has changed it leads
	dials    uint64 // that have begun
	decisive uint64 // the one that has changed addr
	conns    map[*masterConn]struct{}
}

// watch connects to the master every masterTime, until ctx ends.
func (m *master) watch(ctx context.Context) {
	for pause(ctx, masterTime) {
		limited, cancel := context.WithTimeout(ctx, answerTime)
		if conn, err := m.dial(limited, "tcp", failoverAddr); err == nil {
			conn.Close()
		}
		cancel()
	}
}

// dial connects to the master.
func (m *master) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	m.mu.Lock()
	m.dials++
	number := m.dials
	m.mu.Unlock()
	inner, err := m.dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn := &masterConn{Conn: inner, of: m}
	former, err := m.admit(conn, number)
	for c := range former {
		c.moved.Store(true)
		c.Conn.Close()
	}
	if err != nil {
		inner.Close()
		return nil, err
	}
	if raw, ok := inner.(syscall.Conn); ok { // go-redis checks whether it is open
		return struct {
			*masterConn
			syscall.Conn
		}{conn, raw}, nil
	}
	return conn, nil
}

// admit adds a new connection and returns those to close. It returns errMoved
// for a connection to the former master that was begun before the master
// changed.
func (m *master) admit(conn *masterConn, number uint64) (former map[*masterConn]struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if addr := conn.RemoteAddr().String(); addr != m.addr {
		if number < m.decisive {
			return nil, errMoved
		}
		m.addr, m.decisive = addr, number
		former, m.conns = m.conns, make(map[*masterConn]struct{})
	}
	m.conns[conn] = struct{}{}
	return former, nil
}

// masterConn is a connection whose errors are errMoved after the master has
// changed.
type masterConn struct {
	net.Conn
	of    *master
	moved atomic.Bool
}

// Read implements net.Conn.
func (c *masterConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.reason(err)
}

// Write implements net.Conn.
func (c *masterConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.reason(err)
}

func (c *masterConn) reason(err error) error {
	if err != nil && c.moved.Load() {
		return errMoved
	}
	return err
}

// Close implements net.Conn.
func (c *masterConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
