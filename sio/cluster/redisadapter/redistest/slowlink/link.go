package slowlink

import (
	"errors"
	"net"
	"sync"
	"time"
)

// buffer is the size of a piece that passes a [Link], and about what the kernel
// keeps on either side of it.
const buffer = 16 << 10

// Link is a line to a server whose speed is limited: a TCP proxy. The
// connections that pass it share the speed, which each direction has for
// itself. Link is safe for concurrent use.
type Link struct {
	// Addr is the host:port that clients connect to.
	Addr string

	listener net.Listener
	target   string
	there    lane // to the server
	back     lane
	ended    chan struct{} // closed by Close

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // of both sides; nil when closed
	served sync.WaitGroup
}

// New starts a link to the server at target, a host:port. bytesPerSecond limits
// each direction; 0 is no limit. Close ends it.
func New(target string, bytesPerSecond int) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{
		Addr: listener.Addr().String(), listener: listener, target: target,
		conns: make(map[net.Conn]struct{}), ended: make(chan struct{}),
	}
	l.SetSpeed(bytesPerSecond)
	l.served.Go(l.accept)
	return l, nil
}

// SetSpeed changes the speed for what has not passed yet; 0 is no limit.
func (l *Link) SetSpeed(bytesPerSecond int) {
	l.there.setSpeed(bytesPerSecond)
	l.back.setSpeed(bytesPerSecond)
}

// Pause stops the link for d: connections stay, and nothing passes.
func (l *Link) Pause(d time.Duration) {
	l.there.delay(d)
	l.back.delay(d)
}

// Cut ends the connections that pass the link. New ones may come.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
}

// Close ends the link and its connections. It is called once.
func (l *Link) Close() error {
	err := l.listener.Close()
	close(l.ended)
	l.mu.Lock()
	for c := range l.conns {
		c.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	l.served.Wait()
	return err
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.served.Go(func() { l.serve(client) })
	}
}

func (l *Link) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer server.Close()
	if l.add(client, server) != nil {
		return
	}
	defer l.remove(client, server)
	var answers sync.WaitGroup
	answers.Go(func() { l.back.copy(client, server, l.ended) })
	l.there.copy(server, client, l.ended)
	answers.Wait()
}

func (l *Link) add(conns ...net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		return errors.New("slowlink: link closed")
	}
	for _, c := range conns {
		c.(*net.TCPConn).SetReadBuffer(4 * buffer)
		c.(*net.TCPConn).SetWriteBuffer(4 * buffer)
		l.conns[c] = struct{}{}
	}
	return nil
}

func (l *Link) remove(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// lane is one direction of a link.
type lane struct {
	mu    sync.Mutex
	speed int       // bytes a second; 0: no limit
	free  time.Time // when the next piece may pass
}

func (w *lane) setSpeed(bytesPerSecond int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.speed = bytesPerSecond
}

func (w *lane) delay(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = later(w.free, time.Now()).Add(d)
}

// take books n bytes and returns when they may pass.
func (w *lane) take(n int) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := later(w.free, time.Now())
	w.free = at
	if w.speed > 0 {
		w.free = at.Add(time.Duration(n) * time.Second / time.Duration(w.speed))
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// copy ends both connections when one of them, or the link, has ended.
func (w *lane) copy(to, from net.Conn, ended <-chan struct{}) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, buffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			select {
			case <-time.After(time.Until(w.take(n))):
			case <-ended:
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
