package sio_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// wholeLog is a log of all levels.
type wholeLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *wholeLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *wholeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// secret marks what must not be in the log.
const secret = "SECRET"

// TestSecretsAreNotLogged has clients with secrets in all places do all that
// makes lines, and looks for the secrets and the ids that give access.
func TestSecretsAreNotLogged(t *testing.T) {
	log := new(wholeLog)
	own := func(r *http.Request) string { return r.URL.Query().Get("do") }
	f := serve(t, sio.Config{
		Logger:                  slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: sio.LevelTrace})),
		AllowEIO3:               true,
		Origins:                 []string{"https://a.example"},
		ConnectionStateRecovery: &sio.Recovery{},
		ConnectTimeout:          2 * time.Second,
		OnError:                 func(*sio.Socket, string, error) { panic("OnError") },
		AllowRequest: func(r *http.Request) error {
			switch own(r) {
			case "deny":
				return errors.New("not you")
			case "panic":
				panic("AllowRequest")
			}
			return nil
		},
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if own(r) == "middleware" {
					panic("Middleware")
				}
				next.ServeHTTP(w, r)
			})
		}},
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("Handler") }),
	}, func(f *fixture) {
		f.Of("/guarded").Use(func(s *sio.Socket) error {
			var auth struct{ Token int }
			return s.Handshake().BindAuth(&auth)
		})
		f.Of("/broken").Use(func(*sio.Socket) error { panic("middleware of a namespace") })
		sio.On(f.Server, "typed", func(context.Context, *sio.Socket, struct{ N int }) error { return nil })
		sio.On(f.Server, "inline", func(context.Context, *sio.Socket, []int) error { return nil }, sio.Inline())
		sio.On(f.Server, "panic", func(context.Context, *sio.Socket, string) error { panic("handler") })
		f.UsePacket(func(_ context.Context, e *sio.Event) error {
			if e.Name() == "reject" {
				return errors.New("not this")
			}
			return nil
		})
	})

	fields := []string{"Cookie", "session=" + secret + "-cookie", "Authorization", "Bearer " + secret + "-bearer", "X-Api-Key", secret + "-key"}
	const query = "&token=" + secret + "-query"
	request := func(method, target, body string, more ...string) string {
		t.Helper()
		c := eiotest.DialTCP(t, f.addr)
		defer c.Close()
		head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", method, target, len(body))
		for field := range slices.Chunk(fields, 2) {
			head += strings.Join(field, ": ") + "\r\n"
		}
		c.WriteString(head + strings.Join(more, "") + "\r\n" + body)
		if strings.HasPrefix(target, "/other") { // whose handler panics
			c.ExpectEOF()
			return ""
		}
		return c.ReadResponse().Body
	}
	const at = "/socket.io/?EIO=4&transport=polling" + query
	var ids []string // what else must not be in the log
	dial := func(target string) *eiotest.Conn { return eiotest.Dial(t, f.addr, target, fields...) }
	const auth = `{"token":"` + secret + `-auth","password":"` + secret + `-password"}`
	join := func() *eiotest.Conn {
		c := dial("/socket.io/?EIO=4&transport=websocket" + query)
		ids = append(ids, openPacket(t, string(c.Next().Payload)))
		c.Text("40" + auth)
		m := pidPattern.FindStringSubmatch(string(c.Next().Payload))
		if m == nil {
			t.Fatal("no pid")
		}
		ids = append(ids, m[2])
		return c
	}

	// Requests that are refused, fail, or are no HTTP.
	for _, target := range []string{
		at + "&do=deny", at + "&do=panic", at + "&do=middleware", "/other?token=" + secret + "-other",
		at + "&sid=" + secret + "-sid", strings.Replace(at, "polling", "none", 1), strings.Replace(at, "EIO=4", "EIO=2", 1),
	} {
		request("GET", target, "")
	}
	request("GET", at, "", "Origin: https://"+secret+".example\r\n")
	request("PUT", at, "")
	request("GET", at, "", secret+" no field\r\n")
	request("GET", at, "", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "+secret+"\r\n")

	// A session over polling, an upgrade that fails, and one that does not.
	sid := openPacket(t, request("GET", at, ""))
	ids = append(ids, sid)
	request("POST", at+"&sid="+sid, "40"+auth)
	request("DELETE", at+"&sid="+sid, "")
	request("GET", strings.Replace(at, "polling", "websocket", 1)+"&sid="+sid, "")
	target := strings.Replace(at, "polling", "websocket", 1) + "&sid=" + sid
	c := dial(target)
	c.Text("4" + secret)
	c.ExpectClose(0)
	c = dial(target)
	c.Text("2probe")
	c.Expect("3probe")
	c.Text("5", "1")
	wait.For(t, "the end of a client", f.disconnected)
	request("GET", at+"&sid="+sid, "")

	// What a client in a namespace can do wrong.
	c = join()
	c.Text(`40/guarded?token=`+secret+`,`+auth, "40/broken,"+auth, `40/nowhere?token=`+secret+`,`+auth,
		`42["typed","`+secret+`-arg"]`, `42["typed",{"N":"`+secret+`-arg"}]`, `42["inline",{"`+secret+`":1}]`,
		`42["panic","`+secret+`-arg"]`, `42["reject","`+secret+`-arg"]`)
	for _, last := range []string{
		`42["typed",{"` + secret + `":]`, `42["typed"` + secret, `42/nowhere,["` + secret + `"]`, `40` + auth, secret, `4` + secret,
		`451-["typed",{"_placeholder":true,"num":"` + secret + `"}]`, `451-["typed",{"_placeholder":true,"num":0}]` + secret,
		`40/?pid=` + secret + `,{"pid":"` + secret + `","offset":"` + secret + `"}`, `43["` + secret + `"]`, "b" + secret,
	} {
		c := join()
		c.Text(last)
		c.Close()
	}
	// Joins by recovery that fails.
	c = dial("/socket.io/?EIO=4&transport=websocket" + query)
	ids = append(ids, openPacket(t, string(c.Next().Payload)))
	c.Text(`40{"pid":"` + ids[1] + `","offset":"` + secret + `","token":"` + secret + `"}`)
	c.Next()
	c.WriteFrame(0x83, []byte(secret)) // a reserved opcode

	// Joins nothing.
	idle := dial("/socket.io/?EIO=4&transport=websocket" + query)
	ids = append(ids, openPacket(t, string(idle.Next().Payload)))

	for _, line := range []string{
		"eio: connection opened", "eio: connection upgraded", "eio: upgrade given up", "eio: connection closed",
		"eio: request refused", "eio: invalid request", "eio: a callback failed",
		"eio: packet in", "eio: packet out", "sio: packet in", "sio: packet out",
		"sio: socket connected", "sio: socket disconnected", "sio: namespace refused", "sio: unknown namespace", "sio: invalid packet",
		"sio: packet out of order", "sio: closing a connection", "sio: handler failed", "sio: event rejected", "sio: handler panicked", "sio: hook panicked",
	} {
		wait.Until(t, line, func() bool { return strings.Contains(log.String(), `msg="`+line+`"`) })
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	text := log.String()
	for _, id := range append(ids, secret, base64.StdEncoding.EncodeToString([]byte(secret))) {
		for line := range strings.Lines(text) {
			if strings.Contains(line, id) {
				t.Errorf("the log has %q: %s", id, line)
			}
		}
	}
}
