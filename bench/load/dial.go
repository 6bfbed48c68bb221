//go:build linux

package load

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ipBindAddressNoPort lets the kernel pick the port at connect time, when it
// knows the whole four-tuple, so that one port serves several servers and
// addresses.
const ipBindAddressNoPort = 24

// Dial starts a client of the server with that place in Config.Addrs; Events
// reports how it went. The error is one of this machine (descriptors, ports),
// not of the server.
func (g *Generator) Dial(t Transport, server int) (*Client, error) {
	return g.DialWith(t, server, nil)
}

// DialWith starts a client that sends the JSON object as its authentication
// data, and keeps the server's answer. A client that comes back may get events
// before it is opened.
func (g *Generator) DialWith(t Transport, server int, auth []byte) (*Client, error) {
	c := &Client{g: g, transport: t, target: g.targets[server], auth: auth}
	var err error
	switch t {
	case WebSocket:
		c.main, err = g.open(c, roleWebSocket, c.target.webSocket)
	case Polling, Upgrade:
		c.main, err = g.open(c, rolePoll, c.target.polling)
	default:
		err = fmt.Errorf("load: unknown transport %d", t)
	}
	if err != nil {
		return nil, err
	}
	g.clients[c] = struct{}{}
	return c, nil
}

// open connects a socket of the client and queues the request that is sent when
// it is connected.
func (g *Generator) open(client *Client, r role, request []byte) (*conn, error) {
	fd, err := g.connect(&client.target.sockaddr)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("load: out of descriptors with %d clients (limit %d, see ulimit -n): %w", len(g.clients), DescriptorLimit(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("load: connect with %d clients: %w", len(g.clients), err)
	}
	g.seq++
	c := &conn{g: g, client: client, fd: int32(fd), seq: g.seq, role: r, out: append(g.buffer(), request...)}
	for fd >= len(g.conns) {
		g.conns = append(g.conns, nil)
	}
	g.conns[fd] = c
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(fd), Pad: int32(c.seq)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		c.close()
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	return c, nil
}

// connect starts a connection from the current source address, or from the next
// one that has a port to spare.
func (g *Generator) connect(to *unix.SockaddrInet4) (fd int, err error) {
	if g.dialled++; g.dialled > dialsPerAddress {
		g.nextSource()
	}
	for range sourceAddresses {
		fd, err = connectFrom([4]byte{127, 0, 0, byte(g.source + 1)}, to)
		if !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fd, err
		}
		g.nextSource()
	}
	return -1, err
}

func connectFrom(source [4]byte, to *unix.SockaddrInet4) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, ipBindAddressNoPort, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: source})
	}
	if err == nil {
		err = unix.Connect(fd, to)
	}
	if err == nil || errors.Is(err, unix.EINPROGRESS) {
		return fd, nil
	}
	unix.Close(fd)
	return -1, err
}

func (g *Generator) nextSource() {
	g.source = (g.source + 1) % sourceAddresses
	g.dialled = 0
}
