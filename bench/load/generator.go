//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	batchSize       = 512
	readSize        = 256 << 10
	maxHeld         = 64 << 20 // a message that is larger fails its client
	dialsPerAddress = 12_000   // then the next loopback source address is used, so that ports in TIME_WAIT don't run out
	sourceAddresses = 200
)

// Events receives what happens to clients. Its methods run inside
// Generator.Poll and may call any method of the generator and of clients.
type Events interface {
	// Opened is called once, when the main namespace is connected and, for the
	// Upgrade transport, the upgrade is done.
	Opened(c *Client)
	// Packet is called for every Socket.IO packet after that, without the
	// Engine.IO type in front. The packet is borrowed until return.
	Packet(c *Client, packet []byte)
	// Attachment is called for every binary message after that, likewise.
	Attachment(c *Client, data []byte)
	// Closed is called once for a client that failed or that the server closed,
	// never after Client.Close.
	Closed(c *Client, err error)
}

// Config says which servers the clients dial.
type Config struct {
	Addrs  []netip.AddrPort // IPv4 loopback addresses
	Path   string           // the Engine.IO path of all; "" is /socket.io/
	Events Events
	// Deflate offers permessage-deflate, without context takeover. What the
	// clients send is not compressed.
	Deflate bool
}

// Generator owns the clients. It belongs to one goroutine, best locked to its
// thread.
type Generator struct {
	events  Events
	epoll   int
	targets []*target
	conns   []*conn // by descriptor
	clients map[*Client]struct{}
	dirty   []*conn
	ready   []unix.EpollEvent
	buf     []byte
	scratch []byte
	free    [][]byte // buffers between uses
	source  int      // last byte of the source address, less one
	dialled int      // with that source address
	seq     uint32
	mask    uint32
	start   time.Time
	inflate *inflater // nil unless permessage-deflate was offered

	// Pings counts the heartbeats answered, Compressed the compressed messages.
	Pings, Compressed uint64
}

// New makes a generator without clients.
func New(cfg Config) (*Generator, error) {
	path := cfg.Path
	if path == "" {
		path = "/socket.io/"
	}
	g := &Generator{
		events:  cfg.Events,
		clients: map[*Client]struct{}{},
		ready:   make([]unix.EpollEvent, batchSize),
		buf:     make([]byte, readSize),
		mask:    0x9d3a51c7,
		start:   time.Now(),
	}
	for _, addr := range cfg.Addrs {
		t, err := newTarget(addr, path, cfg.Deflate)
		if err != nil {
			return nil, err
		}
		g.targets = append(g.targets, t)
	}
	if cfg.Deflate {
		g.inflate = &inflater{}
	}
	var err error
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	return g, nil
}

// Len is the number of clients that are dialling or open.
func (g *Generator) Len() int { return len(g.clients) }

// Now is the generator's monotonic time since New.
func (g *Generator) Now() time.Duration { return time.Since(g.start) }

// Poll writes what was sent outside of callbacks, waits up to timeout for
// something to happen, and handles all of it. Zero does not wait. An error is
// one of the generator, not of a client.
func (g *Generator) Poll(timeout time.Duration) error {
	g.flush()
	n, errno := epollWait(g.epoll, g.ready, 0)
	if n == 0 && timeout > 0 && errno == 0 {
		n, errno = epollWait(g.epoll, g.ready, timeout)
	}
	if errno == unix.EINTR {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("load: epoll_wait: %w", errno)
	}
	for _, ev := range g.ready[:n] {
		c := g.conns[ev.Fd]
		if c == nil || c.seq != uint32(ev.Pad) {
			continue // closed earlier in this batch
		}
		g.handle(c, ev.Events)
		g.flush()
	}
	return nil
}

func (g *Generator) handle(c *conn, events uint32) {
	if c.phase == phaseConnecting {
		code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			c.fail(fmt.Errorf("connect: %w", err))
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		c.phase = phaseHTTP
		g.markDirty(c)
	}
	if events&unix.EPOLLOUT != 0 && len(c.out) > 0 {
		g.markDirty(c)
	}
	if events&^unix.EPOLLOUT != 0 {
		c.readable(events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	}
}

// Close closes every client and the generator.
func (g *Generator) Close() error {
	for c := range g.clients {
		c.Close()
	}
	return unix.Close(g.epoll)
}

func (g *Generator) markDirty(c *conn) {
	if !c.dirty {
		c.dirty = true
		g.dirty = append(g.dirty, c)
	}
}

func (g *Generator) flush() {
	for len(g.dirty) > 0 {
		batch := g.dirty
		g.dirty = nil
		for _, c := range batch {
			c.dirty = false
			if c.fd >= 0 && c.phase != phaseConnecting {
				c.write()
			}
		}
		if g.dirty == nil {
			g.dirty = batch[:0]
		}
	}
}

// buffer returns an empty buffer that goes back with recycle.
func (g *Generator) buffer() []byte {
	if n := len(g.free); n > 0 {
		b := g.free[n-1]
		g.free = g.free[:n-1]
		return b
	}
	return make([]byte, 0, 512)
}

func (g *Generator) recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= readSize && len(g.free) < 1024 {
		g.free = append(g.free, b[:0])
	}
}

var errServerClosed = errors.New("the server closed the connection")
