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

// Events receives what happens to clients. Its methods run inside Generator.Poll and may call any method of the
// generator and of clients.
type Events interface {
	// Opened is called once, when the main namespace is connected and, for the Upgrade transport, the upgrade is done.
	Opened(c *Client)
	// Packet is called for every Socket.IO packet after that, without the Engine.IO type in front. The packet is
	// borrowed until return.
	Packet(c *Client, packet []byte)
	// Attachment is called for every binary message after that, likewise.
	Attachment(c *Client, data []byte)
	// Closed is called once for a client that failed or that the server closed, never after Client.Close.
	Closed(c *Client, err error)
}

// Config says which server the clients dial.
type Config struct {
	Addr   netip.AddrPort // an IPv4 loopback address
	Path   string         // the Engine.IO path; "" is /socket.io/
	Events Events
	// Deflate offers permessage-deflate, without context takeover. What the clients send is not compressed.
	Deflate bool
}

// Generator owns the clients. It belongs to one goroutine, best locked to its thread.
type Generator struct {
	events  Events
	epoll   int
	server  unix.SockaddrInet4
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

	requestWebSocket, requestPolling []byte
	path, host                       string

	// Pings counts the heartbeats answered, Compressed the compressed messages.
	Pings, Compressed uint64
}

// New makes a generator without clients.
func New(cfg Config) (*Generator, error) {
	if !cfg.Addr.Addr().Is4() || !cfg.Addr.Addr().IsLoopback() {
		return nil, fmt.Errorf("load: %s is not an IPv4 loopback address: this generator only loads servers of this machine", cfg.Addr)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	path := cfg.Path
	if path == "" {
		path = "/socket.io/"
	}
	g := &Generator{
		events: cfg.Events, epoll: epoll,
		server:  unix.SockaddrInet4{Port: int(cfg.Addr.Port()), Addr: cfg.Addr.Addr().As4()},
		clients: map[*Client]struct{}{},
		ready:   make([]unix.EpollEvent, batchSize),
		buf:     make([]byte, readSize),
		mask:    0x9d3a51c7,
		start:   time.Now(),
		path:    path, host: cfg.Addr.String(),
	}
	extensions := ""
	if cfg.Deflate {
		g.inflate = &inflater{}
		extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	}
	g.requestWebSocket = fmt.Appendf(nil, "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvc2VydmVyIGJlbmNoIQ==\r\n%s\r\n", path, g.host, extensions)
	g.requestPolling = fmt.Appendf(nil, "GET %s?EIO=4&transport=polling HTTP/1.1\r\nHost: %s\r\n\r\n", path, g.host)
	return g, nil
}

// Len is the number of clients that are dialling or open.
func (g *Generator) Len() int { return len(g.clients) }

// Now is the generator's monotonic time since New.
func (g *Generator) Now() time.Duration { return time.Since(g.start) }

// Poll writes what was sent outside of callbacks, waits up to timeout for something to happen, and handles all of it.
// Zero does not wait. An error is one of the generator, not of a client.
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
