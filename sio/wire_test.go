package sio_test

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// fixture is a server under test and what its sockets go through.
type fixture struct {
	*sio.Server
	addr string

	connected    chan *sio.Socket
	disconnected chan string // namespace and reason
	errors       chan error
	unrecorded   atomic.Int64 // values that a channel had no room for
}

// serve starts a server with cfg. setup registers handlers before it listens.
func serve(t testing.TB, cfg sio.Config, setup func(f *fixture)) *fixture {
	t.Helper()
	f := &fixture{
		connected:    make(chan *sio.Socket, 100),
		disconnected: make(chan string, 100),
		errors:       make(chan error, 100),
	}
	if cfg.OnError == nil {
		cfg.OnError = func(_ *sio.Socket, _ string, err error) { record(f, f.errors, err) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// On a busy machine a test may take longer than the default interval. Its
	// clients don't expect pings.
	cfg.PingInterval = cmp.Or(cfg.PingInterval, time.Hour)
	server, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = server
	f.watch("/")
	if setup != nil {
		setup(f)
	}
	if err := f.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	f.addr = f.Addr().String()
	t.Cleanup(func() { f.end(t) })
	return f
}

// end closes the server. Close waits for the loops for a second; on a busy
// machine they may take longer to end.
func (f *fixture) end(t testing.TB) {
	t.Helper()
	if err := f.Close(); err != nil && !errors.Is(err, loop.ErrNotEnded) {
		t.Error(err)
	}
	wait.For(t, "the end of the loops", f.LoopsEnded())
	if n := f.unrecorded.Load(); n > 0 {
		t.Errorf("%d sockets or errors came when 100 had not been taken", n)
	}
}

// watch records the sockets of a namespace.
func (f *fixture) watch(namespace string) {
	ns := f.Of(namespace)
	ns.OnConnection(func(s *sio.Socket) { record(f, f.connected, s) })
	ns.OnDisconnect(func(s *sio.Socket, reason sio.Reason) {
		record(f, f.disconnected, s.Namespace().Name()+" "+string(reason))
	})
}

// record sends v to the test. It does not block handlers: values that the test
// has no room for make it fail in the end.
func record[T any](f *fixture, c chan<- T, v T) {
	select {
	case c <- v:
	default:
		f.unrecorded.Add(1)
	}
}

// empty fails when the channel holds something. What must not come has to be
// ruled out by an event that comes after it.
func empty[T any](t testing.TB, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("%s: got %v, want none", what, v)
	default:
	}
}

func wantReason(t testing.TB, f *fixture, want string) {
	t.Helper()
	if got := wait.For(t, "disconnection", f.disconnected); got != want {
		t.Errorf("disconnected with %q, want %q", got, want)
	}
}

// ws is a client that speaks Engine.IO over WebSocket.
type ws struct {
	t    testing.TB
	conn *eiotest.Conn
	sid  string
}

// dial opens a session and takes the open packet.
func (f *fixture) dial(t testing.TB) *ws {
	t.Helper()
	return f.dialEIO(t, 4)
}

// dialEIO is dial for a client of a protocol of Engine.IO.
func (f *fixture) dialEIO(t testing.TB, protocol int) *ws {
	t.Helper()
	w := f.rawDial(t, fmt.Sprintf("EIO=%d&token=abc", protocol))
	w.sid = openPacket(t, w.recv())
	return w
}

// rawDial opens a WebSocket.
func (f *fixture) rawDial(t testing.TB, query string) *ws {
	t.Helper()
	conn, err := net.DialTimeout("tcp", f.addr, wait.Patience)
	if err != nil {
		t.Fatal(err)
	}
	return f.upgrade(t, conn, query)
}

// upgrade makes a WebSocket of a connection.
func (f *fixture) upgrade(t testing.TB, conn net.Conn, query string) *ws {
	t.Helper()
	return f.upgradeAt(t, conn, "/socket.io/", query)
}

// upgradeAt is upgrade for a server with another path.
func (f *fixture) upgradeAt(t testing.TB, conn net.Conn, path, query string) *ws {
	t.Helper()
	w := &ws{t: t, conn: eiotest.NewConn(t, conn)}
	w.conn.Upgrade(path+"?"+query+"&transport=websocket", "X-Test", "yes")
	return w
}

func openPacket(t testing.TB, packet string) string {
	t.Helper()
	var open struct{ SID string }
	if !strings.HasPrefix(packet, "0{") || json.Unmarshal([]byte(packet[1:]), &open) != nil || len(open.SID) != 20 {
		t.Fatalf("got %q, want an open packet", packet)
	}
	return open.SID
}

// join dials and connects to namespaces ("/" when none is named).
func (f *fixture) join(t testing.TB, namespaces ...string) *ws {
	t.Helper()
	w := f.dial(t)
	if len(namespaces) == 0 {
		namespaces = []string{"/"}
	}
	for _, name := range namespaces {
		w.connect(name)
	}
	return w
}

// prefix is what names a namespace in a packet.
func prefix(namespace string) string {
	if namespace == "/" {
		return ""
	}
	return namespace + ","
}

// connect joins a namespace and returns the socket's id.
func (w *ws) connect(namespace string) string {
	w.t.Helper()
	w.send("40" + prefix(namespace))
	return connectReply(w.t, namespace, w.recv())
}

var idPattern = regexp.MustCompile(`^\{"sid":"([A-Za-z0-9_-]{20})"\}$`)

func connectReply(t testing.TB, namespace, packet string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(packet, "40"+prefix(namespace))
	match := idPattern.FindStringSubmatch(rest)
	if !ok || match == nil {
		t.Fatalf("got %q, want the reply to a CONNECT of %s", packet, namespace)
	}
	return match[1]
}

// send sends messages in one segment; those that begin with "b:" are binary,
// given in hexadecimal.
func (w *ws) send(messages ...string) {
	w.t.Helper()
	if _, err := w.conn.Write(w.frames(messages)); err != nil {
		w.t.Fatal(err)
	}
}

// sendAside is send on another goroutine, which ends before the test does. sent
// waits until all is written.
func (w *ws) sendAside(messages ...string) (sent func()) {
	w.t.Helper()
	b, result, done := w.frames(messages), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		_, err := w.conn.Write(b)
		result <- err
	}()
	w.t.Cleanup(func() {
		w.conn.Close() // ends Write
		<-done
	})
	return func() {
		w.t.Helper()
		if err := wait.For(w.t, "the end of sending", result); err != nil {
			w.t.Error(err)
		}
	}
}

// frames are messages as send sends them.
func (w *ws) frames(messages []string) (b []byte) {
	w.t.Helper()
	for _, m := range messages {
		if digits, ok := strings.CutPrefix(m, "b:"); ok {
			raw, err := hex.DecodeString(digits)
			if err != nil {
				w.t.Fatal(err)
			}
			b = eiotest.AppendFrame(b, 0x80|eiotest.OpBinary, raw)
		} else {
			b = eiotest.AppendText(b, m)
		}
	}
	return b
}

// recv returns the next message, in the form that send takes.
func (w *ws) recv() string {
	w.t.Helper()
	switch f := w.conn.Next(); f.Opcode() {
	case eiotest.OpText:
		return string(f.Payload)
	case eiotest.OpBinary:
		return "b:" + hex.EncodeToString(f.Payload)
	default:
		w.t.Fatalf("got %v, want a message", f)
		return ""
	}
}

func (w *ws) want(messages ...string) {
	w.t.Helper()
	for _, want := range messages {
		if got := w.recv(); got != want {
			w.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// wantClosed takes the end of the connection; a close frame has no status.
func (w *ws) wantClosed() {
	w.t.Helper()
	f, err := w.conn.ReadFrame()
	switch {
	case err == nil && f.Opcode() == eiotest.OpClose:
		if len(f.Payload) != 0 {
			w.t.Errorf("got %v, want no status", f)
		}
	case err == nil:
		w.t.Fatalf("got %v, want the end of the connection", f)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.t.Fatal("the connection was not closed")
	}
}

// alive shows that the connection is up and that nothing else was sent: the
// event "echo" comes back.
func (w *ws) alive() {
	w.t.Helper()
	w.send(`42["echo","alive"]`)
	w.want(`42["echo","alive"]`)
}

// polling is a client that speaks Engine.IO over HTTP.
type polling struct {
	t    testing.TB
	url  string
	http *http.Client
}

var pollingClient = &http.Client{Timeout: wait.Patience, Transport: &http.Transport{MaxIdleConnsPerHost: 10}}

func closeIdle() { pollingClient.CloseIdleConnections() }

// polling opens a session over polling.
func (f *fixture) polling(t testing.TB) *polling {
	t.Helper()
	p := &polling{t: t, url: "http://" + f.addr + "/socket.io/?EIO=4&transport=polling", http: pollingClient}
	p.url += "&sid=" + openPacket(t, p.poll())
	return p
}

func (p *polling) do(method, body string) (status int, answer string) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// poll fetches what has been sent.
func (p *polling) poll() string {
	p.t.Helper()
	status, body := p.do(http.MethodGet, "")
	if status != http.StatusOK {
		p.t.Fatalf("the poll was answered %d %s", status, body)
	}
	return body
}

// parked polls in the background; the channel gets the answer.
func (p *polling) parked() <-chan string {
	answer := make(chan string, 1)
	go func() { answer <- p.poll() }()
	return answer
}

func (p *polling) post(body string) {
	p.t.Helper()
	if status, answer := p.do(http.MethodPost, body); status != http.StatusOK || answer != "ok" {
		p.t.Fatalf("the post was answered %d %q", status, answer)
	}
}

func (p *polling) want(body string) {
	p.t.Helper()
	if got := p.poll(); got != body {
		p.t.Fatalf("polled %q, want %q", got, body)
	}
}

// connect joins "/" and returns the socket's id.
func (p *polling) connect() string {
	p.t.Helper()
	p.post("40")
	return connectReply(p.t, "/", p.poll())
}

// wantGone shows that the session is over.
func (p *polling) wantGone() {
	p.t.Helper()
	if status, body := p.do(http.MethodPost, "3"); status != http.StatusBadRequest {
		p.t.Errorf("a post to a closed session was answered %d %s", status, body)
	}
}

// exampleTB is what examples use in place of a test.
type exampleTB struct{ testing.TB }

func (*exampleTB) Helper()                   {}
func (*exampleTB) Cleanup(func())            {}
func (*exampleTB) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (*exampleTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
