package sio

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/codec/socketio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest"
)

// record is a log that can be read.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(b)
}

// lines takes the lines that have come. Ids are replaced by names.
func (r *record) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := regexp.MustCompile(`(socket|client)=([\w-]{20}|[0-9a-f]{12}\b)`).ReplaceAllString(r.buf.String(), "$1=ID")
	text = regexp.MustCompile(`remote=[\d.]+:\d+`).ReplaceAllString(text, "remote=ADDR")
	r.buf.Reset()
	return text
}

func (r *record) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// logged is a server on an in-memory loop with a log.
func logged(t *testing.T, cfg Config, level slog.Level, setup func(srv *Server)) (*memory, *record) {
	t.Helper()
	r := new(record)
	cfg.Loops, cfg.Logger = 1, r.logger(level)
	srv, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	setup(srv)
	return &memory{srv, looptest.New(t)}, r
}

// talk is everything that a client may do and have done to it, with the lines
// that it must give.
var talk = []struct {
	name string
	send string // after the client has connected to "/"; "" for nothing
	do   func(m *memory, c *looptest.Conn)
	want string
}{
	{name: "unknown namespace", send: "40/nope,", want: `
msg="sio: unknown namespace" namespace=/nope client=ID reason="Invalid namespace"`},
	{name: "refused", send: "40/guarded,", want: `
msg="sio: namespace refused" namespace=/guarded client=ID reason="not you"`},
	{name: "another namespace", send: "40/open,", want: `
msg="sio: socket connected" namespace=/open socket=ID client=ID recovered=false`},
	{name: "leave", send: "41", want: `
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="client namespace disconnect"`},
	{name: "disconnect", do: func(m *memory, _ *looptest.Conn) { m.Sockets()[0].Disconnect(false) }, want: `
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="server namespace disconnect"`},
	{name: "invalid packet", send: `42["a"`, want: `
msg="sio: invalid packet" client=ID error="socketio: invalid payload"
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="forced close"
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="forced close" error="sio: invalid packet: socketio: invalid payload"`},
	{name: "out of order", send: `42/other,["a"]`, want: `
msg="sio: packet out of order" client=ID namespace=/other packet=EVENT state="not joined"
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="forced close"
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="forced close" error="sio: packet out of order"`},
	{name: "connected twice", send: `40`, want: `
msg="sio: packet out of order" client=ID namespace=/ packet=CONNECT state=connected
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="forced close"
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="forced close" error="sio: packet out of order"`},
	{name: "handler fails", send: `42["fail"]`, want: `
msg="sio: handler failed" namespace=/ socket=ID event=fail error="a failure"`},
	{name: "event rejected", send: `42["reject"]`, want: `
msg="sio: event rejected" namespace=/ socket=ID event=reject error="not this"`},
	{name: "lost", do: func(_ *memory, c *looptest.Conn) { c.PeerFail(errors.New("reset by peer")) }, want: `
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="transport close" error="reset by peer"
msg="sio: socket disconnected" namespace=/ socket=ID client=ID reason="transport close" error="reset by peer"`},
}

func talkative(srv *Server) {
	srv.Of("/guarded").Use(func(*Socket) error { return errors.New("not you") })
	srv.Of("/open")
	srv.On("fail", func(context.Context, *Event) error { return errors.New("a failure") }, Inline())
	srv.UsePacket(func(_ context.Context, e *Event) error {
		if e.Name() == "reject" {
			return errors.New("not this")
		}
		return nil
	}, Inline())
}

const opening = `msg="eio: connection opened" client=ID transport=websocket protocol=4 remote=ADDR
msg="sio: socket connected" namespace=/ socket=ID client=ID recovered=false
`

// TestLog checks each line of what becomes of a client, and that there is no
// other.
func TestLog(t *testing.T) {
	for _, tc := range talk {
		t.Run(tc.name, func(t *testing.T) {
			m, r := logged(t, Config{}, slog.LevelDebug, talkative)
			c := m.join(t)
			if got := r.lines(); got != opening {
				t.Errorf("the opening's lines are\n%s", got)
			}
			if tc.do != nil {
				tc.do(m, c)
			} else {
				c.Feed(eiotest.AppendText(nil, tc.send))
			}
			want := strings.TrimPrefix(tc.want, "\n") + "\n"
			got := ""
			m.loops.RunUntil(func() bool { // a middleware runs elsewhere
				got += r.lines()
				return len(got) >= len(want)
			})
			m.loops.Run()
			if got += r.lines(); got != want {
				t.Errorf("the lines are\n%swant\n%s", got, want)
			}
		})
	}
}

// TestLogConnectTimeout is a client that joins nothing.
func TestLogConnectTimeout(t *testing.T) {
	m, r := logged(t, Config{PingInterval: time.Hour}, slog.LevelDebug, talkative)
	m.loops.Connect(m.eio.Accept).Feed([]byte(upgradeRequest))
	m.loops.Run()
	m.loops.Advance(46 * time.Second)
	want := strings.SplitAfter(opening, "\n")[0] + `msg="sio: closing a connection" client=ID error="sio: no namespace was joined in time"
msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="forced close"
`
	if got := r.lines(); got != want {
		t.Errorf("the lines are\n%swant\n%s", got, want)
	}
}

// TestLogDefaultLevel: at the default level nothing of that is logged, and
// asking allocates nothing.
func TestLogDefaultLevel(t *testing.T) {
	m, r := logged(t, Config{}, slog.LevelInfo, talkative)
	for _, tc := range talk {
		c := m.join(t)
		if tc.do == nil {
			c.Feed(eiotest.AppendText(nil, tc.send))
			m.loops.Run()
		}
	}
	if got := r.lines(); got != "" {
		t.Errorf("there are lines:\n%s", got)
	}
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m.join(t)
	s := m.Sockets()[0]
	h := socketio.Header{Type: socketio.Event, Namespace: []byte("/x")}
	if n := testing.AllocsPerRun(100, func() {
		s.logConnected()
		s.logDisconnected(ForcedClose, errOutOfOrder)
		s.logFailed("sio: handler failed", "event", errOutOfOrder)
		s.client.logRefused("/x", invalidNamespace)
		s.client.logInvalid(errOutOfOrder)
		s.client.logOutOfOrder(h, s)
		s.client.logEnded(errOutOfOrder)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
