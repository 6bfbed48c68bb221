package eio_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// record is a log that can be read.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
	new chan struct{}
}

func newRecord() *record { return &record{new: make(chan struct{}, 1000)} }

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.new <- struct{}{}
	return r.buf.Write(b)
}

func (r *record) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// want waits for as many lines as are wanted and compares. Ids and addresses
// are replaced by names.
func (r *record) want(t *testing.T, lines ...string) {
	t.Helper()
	for range lines {
		eiotest.Receive(t, r.new)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	got := regexp.MustCompile(`client=[0-9a-f]{12}\b`).ReplaceAllString(r.buf.String(), "client=ID")
	got = regexp.MustCompile(`remote=[\d.]+:\d+`).ReplaceAllString(got, "remote=ADDR")
	r.buf.Reset()
	if want := strings.Join(lines, "\n") + "\n"; got != want {
		t.Errorf("the lines are\n%swant\n%s", got, want)
	}
}

// TestLog checks each line of what becomes of a connection.
func TestLog(t *testing.T) {
	r := newRecord()
	s := start(t, eio.Config{
		Logger: r.logger(slog.LevelDebug),
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("refuse") {
				return errors.New("not you")
			}
			return nil
		},
	})
	const opened = `msg="eio: connection opened" client=ID transport=polling protocol=4 remote=ADDR`
	t.Run("refused", func(t *testing.T) {
		eiotest.Get(t, s.url+"?EIO=4&transport=polling&refuse")
		r.want(t, `msg="eio: request refused" code=4 reason="not you" method=GET path=/engine.io/ transport=polling protocol=4 remote=ADDR`)
		eiotest.Get(t, s.url+"?EIO=3&transport=polling")
		r.want(t, `msg="eio: request refused" code=5 reason="Unsupported protocol version" method=GET path=/engine.io/ transport=polling protocol=3 remote=ADDR`)
		eiotest.Get(t, s.url+"?EIO=4&transport=polling&sid=x")
		r.want(t, `msg="eio: request refused" code=1 reason="Session ID unknown" method=GET path=/engine.io/ transport=polling protocol=4 client=ID remote=ADDR`)
	})
	t.Run("invalid", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("nonsense\r\n\r\n")
		c.ReadResponse()
		r.want(t, `msg="eio: invalid request" error="http1: malformed request line" remote=ADDR`)
		eiotest.Get(t, s.url+"?EIO=4&transport=websocket", "Connection", "Upgrade", "Upgrade", "websocket")
		r.want(t, `msg="eio: invalid request" error="wsframe: Missing or invalid Sec-WebSocket-Key header" remote=ADDR`)
	})
	t.Run("closed by the peer", func(t *testing.T) {
		url := s.polling(t)
		r.want(t, opened)
		eiotest.Post(t, url, "1")
		r.want(t, `msg="eio: connection closed" client=ID transport=polling remote=ADDR reason="transport close"`)
	})
	t.Run("protocol errors", func(t *testing.T) {
		for body, line := range map[string]string{
			"x": `reason="parse error" error="engineio: unknown packet type"`,
			"2": `reason="transport error" error="eio: invalid heartbeat direction"`,
		} {
			url := s.polling(t)
			r.want(t, opened)
			eiotest.Post(t, url, body)
			r.want(t, `msg="eio: connection closed" client=ID transport=polling remote=ADDR `+line)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		target := strings.TrimPrefix(s.polling(t), "http://"+s.addr)
		target = strings.Replace(target, "transport=polling", "transport=websocket", 1)
		r.want(t, opened)
		failed := eiotest.Dial(t, s.addr, target)
		failed.Text("4too early")
		failed.ExpectClose(0)
		r.want(t, `msg="eio: upgrade given up" client=ID`)
		c := eiotest.Dial(t, s.addr, target)
		c.Text("2probe")
		c.Expect("3probe")
		c.Text("5")
		r.want(t, `msg="eio: connection upgraded" client=ID transport=websocket`)
		c.WriteFrame(0x83, nil) // a reserved opcode
		r.want(t, `msg="eio: connection closed" client=ID transport=websocket remote=ADDR reason="transport error" error="wsframe: protocol violation"`)
	})
}

// TestLogDefaultLevel: at the default level nothing of that is logged.
func TestLogDefaultLevel(t *testing.T) {
	r := newRecord()
	s := start(t, eio.Config{Logger: r.logger(slog.LevelInfo)})
	eiotest.Get(t, s.url+"?EIO=4&transport=none")
	url := s.polling(t)
	eiotest.Post(t, url, "x")
	s.wantClosed(t, eio.ParseError)
	if len(r.new) > 0 {
		t.Errorf("%d lines", len(r.new))
	}
}

// TestConnectionErrorText: what the context knows is said once.
func TestConnectionErrorText(t *testing.T) {
	for _, tc := range []struct {
		err  eio.ConnectionError
		want string
	}{
		{eio.ConnectionError{Code: 0, Message: "Transport unknown"}, "eio: request refused with code 0: Transport unknown"},
		{eio.ConnectionError{Code: 4, Message: "m", Context: eio.ErrorContext{Err: errors.New("m")}}, "eio: request refused with code 4: m"},
		{eio.ConnectionError{Code: 4, Message: "Forbidden", Context: eio.ErrorContext{Err: eio.ErrForbidden}}, "eio: request refused with code 4: Forbidden"},
		{
			eio.ConnectionError{Code: 3, Message: "Bad request", Context: eio.ErrorContext{Name: "ID_GENERATION_ERROR", Err: errors.New("none left")}},
			"eio: request refused with code 3: Bad request: ID_GENERATION_ERROR: none left",
		},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
