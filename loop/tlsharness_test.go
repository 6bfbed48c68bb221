package loop

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/internal/backend"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// tlsFixture is a loop whose backend is the test: it decides how the bytes of
// the peer are cut into reads, and how many the kernel takes.
type tlsFixture struct {
	t    testing.TB
	loop *Loop
	wake chan struct{}
	ends []*tlsEnds // by descriptor
}

// tlsEnds is a connection of a tlsFixture, and its client.
type tlsEnds struct {
	f      *tlsFixture
	fd     int
	client *tls.Conn
	conn   *Conn
	held   backend.Conn // as the backend holds it

	mu    sync.Mutex
	cond  *sync.Cond
	up    []byte // from the client, not read by the loop
	down  []byte // to the client
	first []byte // of all that was sent to the client
	room  int    // how many bytes the kernel takes; negative for all
	ended, closed,
	paused bool

	watched uint32
	far     net.Conn // the client's end, once the connection has left
}

func newTLSFixture(t testing.TB, cfg Config) *tlsFixture {
	t.Helper()
	cfg, err := cfg.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	f := &tlsFixture{t: t, wake: make(chan struct{}, 1)}
	e := &Engine{cfg: cfg, done: make(chan struct{})}
	e.places.init(cfg.MaxTLSHandshakes, func(run func()) { e.streaming.Go(run) })
	f.loop = newLoop(0, f, f, slog.New(slog.DiscardHandler), cfg.MaxQueued, cfg.MaxQueuedTotal)
	f.loop.engine, e.loops = e, []*Loop{f.loop}
	t.Cleanup(func() {
		f.loop.stopCoroutines()
		e.streaming.Wait()
	})
	return f
}

func (f *tlsFixture) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *tlsFixture) SetTimer(int64)    {}
func (f *tlsFixture) Now() int64        { return int64(time.Since(fixtureEpoch)) + 1 }
func (f *tlsFixture) Unread() bool      { return false }
func (f *tlsFixture) Idle(backend.Conn) {}

var fixtureEpoch = time.Now()

// turn runs the turns that the loop has asked for.
func (f *tlsFixture) turn() {
	for {
		select {
		case <-f.wake:
			(*upcalls)(f.loop).Turn()
		default:
			return
		}
	}
}

func (e *tlsEnds) Fd() int { return e.fd }

// connect makes a connection whose handshake has not begun.
func (f *tlsFixture) connect(server *TLS, client *tls.Config, accept func(*Conn) Handler) *tlsEnds {
	e := &tlsEnds{f: f, room: -1}
	e.cond = sync.NewCond(&e.mu)
	e.fd = len(f.ends)
	f.ends = append(f.ends, e)
	e.client = tls.Client((*clientSide)(e), client)
	e.held = f.loop.openTLS(e, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, &handoff{tls: server, accept: accept})
	e.conn = (*Conn)(e.held.(*sealed))
	f.t.Cleanup(func() { e.lose(nil) })
	return e
}

// lose ends the stream.
func (e *tlsEnds) lose(err error) {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.cond.Broadcast()
	e.mu.Unlock()
	if !closed {
		(*upcalls)(e.f.loop).Lose(e.held, err)
		e.f.turn()
	}
}

// read has the loop read b.
func (e *tlsEnds) read(b []byte) {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if !closed {
		(*upcalls)(e.f.loop).Receive(e.held, b)
	}
	e.f.turn()
}

// take returns what the client has sent.
func (e *tlsEnds) take() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.up
	e.up = nil
	return b
}

// pump has the loop read what the client sends, in pieces as cut says, until
// done returns true.
func (e *tlsEnds) pump(what string, cut func(b []byte) int, done func() bool) {
	e.f.t.Helper()
	wait.Until(e.f.t, what, func() bool {
		e.f.turn()
		for b := e.take(); len(b) > 0; {
			n := min(max(cut(b), 1), len(b))
			e.read(bytes.Clone(b[:n]))
			b = b[n:]
		}
		return done()
	})
}

func whole(b []byte) int { return len(b) }

// shake makes the handshake.
func (e *tlsEnds) shake(cut func(b []byte) int) error {
	e.f.t.Helper()
	result := make(chan error, 1)
	go func() { result <- e.client.Handshake() }()
	var err error
	over := false
	e.pump("handshake", cut, func() bool {
		select {
		case err = <-result:
			over = true
		default:
		}
		return over && (err != nil || e.conn.sock == nil || e.conn.sock.(*tlsSocket).shake == nil)
	})
	return err
}

// clientSide is the client's net.Conn.
type clientSide tlsEnds

func (c *clientSide) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.down) == 0 {
		if c.ended || c.closed {
			return 0, io.EOF
		}
		c.cond.Wait()
	}
	n := copy(b, c.down)
	c.down = c.down[n:]
	return n, nil
}

func (c *clientSide) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = append(c.up, b...)
	return len(b), nil
}

func (c *clientSide) Close() error                     { return nil }
func (c *clientSide) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *clientSide) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *clientSide) SetDeadline(time.Time) error      { return nil }
func (c *clientSide) SetReadDeadline(time.Time) error  { return nil }
func (c *clientSide) SetWriteDeadline(time.Time) error { return nil }

func (f *tlsFixture) Send(fd int, b []byte) (int, error) {
	e := f.ends[fd]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, net.ErrClosed
	}
	n := len(b)
	if e.room >= 0 {
		n = min(n, e.room)
		e.room -= n
	}
	e.down = append(e.down, b[:n]...)
	if len(e.first) < 100 {
		e.first = append(e.first, b[:n]...)
	}
	e.cond.Broadcast()
	return n, nil
}

// allow has the kernel take n bytes more, or all if n is negative, and gives
// the notice.
func (e *tlsEnds) allow(n int) {
	e.mu.Lock()
	e.room = n
	id := e.watched
	e.watched = 0
	e.mu.Unlock()
	if id != 0 {
		(*upcalls)(e.f.loop).Writable(id)
	}
	e.f.turn()
}

func (f *tlsFixture) Sendv(fd int, bufs [][]byte) (n int, err error) {
	panic("a TLS connection sends records")
}

func (f *tlsFixture) CloseWrite(fd int) error {
	e := f.ends[fd]
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.cond.Broadcast()
	return nil
}

func (f *tlsFixture) HungUp(int) bool                  { return false }
func (f *tlsFixture) Unacknowledged(int) time.Duration { return 0 }
func (f *tlsFixture) Pause(s backend.Socket) error     { s.(*tlsEnds).paused = true; return nil }
func (f *tlsFixture) Resume(s backend.Socket) error    { s.(*tlsEnds).paused = false; return nil }
func (f *tlsFixture) Watch(fd int, id uint32, _ bool) error {
	f.ends[fd].watched = id
	return nil
}
func (f *tlsFixture) Unwatch(fd int) { f.ends[fd].watched = 0 }
func (f *tlsFixture) Close(s backend.Socket) {
	e := s.(*tlsEnds)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.cond.Broadcast()
}
func (f *tlsFixture) Holds(net.Conn) bool                { return false }
func (f *tlsFixture) Enroll(net.Conn, any) error         { panic("not used") }
func (f *tlsFixture) Detach(backend.Socket) (any, error) { panic("not used") }
func (f *tlsFixture) Attach(_, _ any, _ func(error))     { panic("not used") }
func (f *tlsFixture) Release(s backend.Socket, taken func(net.Conn, error)) {
	e := s.(*tlsEnds)
	near, far := net.Pipe()
	e.closed, e.far = true, far
	go taken(near, nil)
}

// keeper is a handler that keeps what it gets.
type keeper struct {
	got     bytes.Buffer
	flushed int
	closed  int
	err     error
	data    func(c *Conn, b []byte)
}

func (k *keeper) accept(*Conn) Handler { return k }
func (k *keeper) Data(c *Conn, b []byte) {
	k.got.Write(b)
	if k.data != nil {
		k.data(c, b)
	}
}
func (k *keeper) Flushed(*Conn)             { k.flushed++ }
func (k *keeper) Closed(_ *Conn, err error) { k.closed++; k.err = err }

// testTLS is a certificate, and a client that does not check it.
var testTLS = sync.OnceValue(func() *TLS {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	c, err := NewTLS(&tls.Config{Certificates: s.TLS.Certificates})
	if err != nil {
		panic(err)
	}
	return c
})

// queued is the connection's Queued.
func (e *tlsEnds) queued() (n int) {
	e.f.loop.PostFunc(func() { n = e.conn.Queued() })
	e.f.turn()
	return n
}

// serverRandom is what the server's first message has (RFC 5246, section 7.4.1).
func (e *tlsEnds) serverRandom() []byte { return e.first[recordHead+4+2:][:32] }
