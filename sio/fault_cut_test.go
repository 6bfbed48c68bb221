package sio_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

var errCut = errors.New("the connection is cut")

// cutting is a client whose connections are cut when a number of bytes have
// gone in one direction.
type cutting struct {
	addr    string
	tls     bool
	reset   bool // end by RST instead of FIN
	sending bool // count what is sent instead of what is received
	left    int  // bytes up to the cut; negative for never
	counted int

	conns   []net.Conn // below TLS
	poll    *bufferedConn
	ws      *bufferedConn // nil before the upgrade
	sid     string
	packets []string // have come by polling
}

type bufferedConn struct {
	net.Conn
	*bufio.Reader
}

func (c bufferedConn) Read(b []byte) (int, error) { return c.Reader.Read(b) }

// counted is a connection of a cutting client.
type countedConn struct {
	net.Conn
	c *cutting
}

func (c countedConn) Read(b []byte) (int, error) {
	if c.c.sending {
		return c.Conn.Read(b)
	}
	b = b[:c.c.allow(len(b))]
	if len(b) == 0 {
		return 0, errCut
	}
	n, err := c.Conn.Read(b)
	c.c.spend(n)
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	if !c.c.sending {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:c.c.allow(len(b))])
	c.c.spend(n)
	if err == nil && n < len(b) {
		err = errCut
	}
	return n, err
}

func (c *cutting) allow(n int) int {
	if c.left < 0 {
		return n
	}
	return min(n, c.left)
}

func (c *cutting) spend(n int) {
	c.counted += n
	if c.left >= 0 {
		c.left -= n
	}
}

// cut ends all connections.
func (c *cutting) cut() {
	for _, conn := range c.conns {
		tcp := conn.(*net.TCPConn)
		if c.reset {
			tcp.SetLinger(0)
		} else {
			tcp.CloseWrite()
			io.Copy(io.Discard, tcp) // else the rest would be answered by RST
		}
		tcp.Close()
	}
}

func (c *cutting) dial() (*bufferedConn, error) {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(wait.Patience))
	c.conns = append(c.conns, conn)
	var counted net.Conn = countedConn{conn, c}
	if c.tls {
		counted = tls.Client(counted, &tls.Config{InsecureSkipVerify: true})
	}
	return &bufferedConn{counted, bufio.NewReader(counted)}, nil
}

// openWebSocket opens the WebSocket of a new session, or of the session that is
// open.
func (c *cutting) openWebSocket() error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	target := "/socket.io/?EIO=4&transport=websocket"
	if c.sid != "" {
		target += "&sid=" + c.sid
	}
	if _, err := io.WriteString(conn, eiotest.UpgradeRequest(target)); err != nil {
		return err
	}
	res, err := http.ReadResponse(conn.Reader, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the upgrade is answered %s", res.Status)
	}
	c.ws = conn
	return nil
}

// request makes an HTTP request on the connection for polling.
func (c *cutting) request(method, body string) (string, error) {
	if c.poll == nil {
		conn, err := c.dial()
		if err != nil {
			return "", err
		}
		c.poll = conn
	}
	target := "/socket.io/?EIO=4&transport=polling"
	if c.sid != "" {
		target += "&sid=" + c.sid
	}
	if _, err := fmt.Fprintf(c.poll, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(c.poll.Reader, nil)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != 200 {
		err = fmt.Errorf("%s is answered %s %s", method, res.Status, b)
	}
	return string(b), err
}

func (c *cutting) send(packet string) error {
	if c.ws == nil {
		_, err := c.request("POST", packet)
		return err
	}
	_, err := c.ws.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte(packet)))
	return err
}

// next returns the next packet that is no ping.
func (c *cutting) next() (string, error) {
	for {
		p, err := c.nextOfAny()
		if err != nil || p != "2" {
			return p, err
		}
	}
}

func (c *cutting) nextOfAny() (string, error) {
	if c.ws != nil {
		f, err := eiotest.ReadFrame(c.ws.Reader)
		return string(f.Payload), err
	}
	if len(c.packets) == 0 {
		body, err := c.request("GET", "")
		if err != nil {
			return "", err
		}
		c.packets = strings.Split(body, "\x1e")
	}
	p := c.packets[0]
	c.packets = c.packets[1:]
	return p, nil
}

// want takes the next packet, of which it knows the beginning.
func (c *cutting) want(prefix string) error {
	p, err := c.next()
	if err == nil && !strings.HasPrefix(p, prefix) {
		err = fmt.Errorf("got %q, want %q", p, prefix)
	}
	return err
}

// open takes the open packet.
func (c *cutting) open() error {
	p, err := c.next()
	if err != nil {
		return err
	}
	var open struct{ SID string }
	if !strings.HasPrefix(p, "0{") || json.Unmarshal([]byte(p[1:]), &open) != nil {
		return fmt.Errorf("got %q, want an open packet", p)
	}
	c.sid = open.SID
	return nil
}

// talk connects to the namespace, and exchanges events, acknowledgements and
// bytes.
func (c *cutting) talk() error {
	image := "\x01\x02\x03"
	if c.ws == nil {
		image = "bAQID"
	}
	return firstOf(func() error { return c.send("40") }, func() error { return c.want("40{") },
		func() error { return c.want(`451-["image",`) }, func() error { return c.want(image) }, c.acknowledge,
		func() error { return c.send(`421["echo","x"]`) }, func() error { return c.want(`431["x"]`) })
}

// acknowledge takes the event "hello" and acknowledges it.
func (c *cutting) acknowledge() error {
	p, err := c.next()
	if err != nil {
		return err
	}
	id, ok := strings.CutSuffix(strings.TrimPrefix(p, "42"), `["hello"]`)
	if !ok {
		return fmt.Errorf("got %q, want an event", p)
	}
	return c.send("43" + id + `["thanks"]`)
}

func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// cutDialogues are complete visits of a client.
var cutDialogues = map[string]func(c *cutting) error{
	"polling": func(c *cutting) error {
		return firstOf(c.open, c.talk, func() error { return c.send("41\x1e1") })
	},
	"websocket": func(c *cutting) error {
		return firstOf(c.openWebSocket, c.open, c.talk, func() error { return c.send("41") }, func() error { return c.send("1") })
	},
	"upgrade": func(c *cutting) error {
		return firstOf(c.open, c.openWebSocket, func() error { return c.send("2probe") }, func() error { return c.want("3probe") },
			func() error { return c.send("5") }, c.talk, func() error { return c.send("1") })
	},
}

// serveCut starts a server whose connection handler joins rooms, and waits for
// an acknowledgement, on a goroutine that is counted.
func serveCut(t *testing.T, waiting *atomic.Int64) *sio.Server {
	srv, err := sio.New(sio.Config{
		Loops: 2, PingInterval: 4 * time.Second, PingTimeout: 4 * time.Second,
		Logger:  slog.New(slog.DiscardHandler),
		OnError: func(*sio.Socket, string, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.OnConnection(func(s *sio.Socket) {
		s.Join("room", "of "+string(s.ID()))
		s.Emit("image", []byte{1, 2, 3})
		waiting.Add(1)
		go func() {
			defer waiting.Add(-1)
			// The socket may go.
			_, _ = sio.EmitAck[string](context.Background(), s, "hello")
		}()
	})
	sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, x string) (string, error) { return x, nil })
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv
}

// TestCutAtEveryByte cuts the connections of a client, by RST and by FIN, after
// each byte that it sends and after each byte that it gets. Nothing of it is
// left, as soon as a session without a connection has expired, and others are
// served.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	var waiting atomic.Int64
	srv := serveCut(t, &waiting)
	h, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewUnstartedServer(h)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	// Of TLS, each connection of which costs a key exchange.
	stride := map[bool]int{false: 1, true: 17}
	if cutSeldom {
		stride = map[bool]int{false: 7, true: 101}
	}
	var early atomic.Int64
	addrs := map[bool]string{false: srv.Addr().String(), true: secure.Listener.Addr().String()}
	cuts := make(chan func())
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for cut := range cuts {
				cut()
			}
		})
	}
	done := 0
	for name, dialogue := range cutDialogues {
		for _, tls := range []bool{false, true} {
			for _, sending := range []bool{false, true} {
				whole := &cutting{addr: addrs[tls], tls: tls, sending: sending, left: -1}
				if err := dialogue(whole); err != nil {
					t.Fatalf("%s, TLS %t, without a cut: %v", name, tls, err)
				}
				whole.cut()
				for at := done % stride[tls]; at < whole.counted; at += stride[tls] {
					done++
					reset := done%2 == 0
					cuts <- func() {
						c := &cutting{addr: addrs[tls], tls: tls, reset: reset, sending: sending, left: at}
						err := dialogue(c)
						if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
							t.Errorf("%s, TLS %t, sending %t, cut at %d of %d: %v", name, tls, sending, at, whole.counted, err)
						}
						if err == nil { // the packets came in fewer polls
							early.Add(1)
						}
						c.cut()
					}
				}
			}
		}
	}
	close(cuts)
	workers.Wait()
	t.Log(done, "cuts")
	if n := int(early.Load()); n > done/10 {
		t.Errorf("%d of %d dialogues have ended before the cut", n, done)
	}
	nothingLeft(t, srv)
	wait.Until(t, "no handler waits for an acknowledgement", func() bool { return waiting.Load() == 0 })
	for name, dialogue := range cutDialogues {
		c := &cutting{addr: srv.Addr().String(), left: -1}
		if err := dialogue(c); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
		c.cut()
	}
	nothingLeft(t, srv)
}

// nothingLeft waits until the server has nothing of any client.
func nothingLeft(t *testing.T, srv *sio.Server) {
	t.Helper()
	var left string
	defer func() {
		if left != "" {
			t.Log("left: ", left)
		}
	}()
	wait.Until(t, "nothing is left of the clients", func() bool {
		st := srv.Stats()
		var b bytes.Buffer
		for _, figure := range []struct {
			name string
			n    int
		}{
			{"clients", st.Clients}, {"unjoined", st.Unjoined}, {"sockets", st.Sockets}, {"connections", int(st.Loop.Connections)},
			{"rooms", len(srv.Of("/").Rooms())}, {"pending", st.Pending + st.PendingBytes + st.PendingStranded + st.PendingLate + st.PendingLateBytes},
			{"handlers", st.HandlersRunning + st.HandlersWaiting}, {"held", st.Held},
			{"receiving", int(st.Receiving.Bytes) + int(st.Receiving.Connections) + int(st.Receiving.Waiting)},
			{"handshakes", int(st.Handshakes.Bytes)},
		} {
			if figure.n != 0 {
				fmt.Fprintf(&b, "%d %s; ", figure.n, figure.name)
			}
		}
		left = b.String()
		runtime.Gosched()
		return left == ""
	})
	if st := srv.Stats(); st.HandlerPanics > 0 || st.Loop.Panics > 0 {
		t.Errorf("%d and %d panics", st.HandlerPanics, st.Loop.Panics)
	}
}
