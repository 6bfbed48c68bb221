package sio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// greet makes a namespace send the handshake's auth on connection.
func greet(f *fixture, namespace string) {
	f.watch(namespace)
	f.Of(namespace).OnConnection(func(s *sio.Socket) {
		if err := s.Emit("auth", s.Handshake().Auth); err != nil {
			record(f, f.errors, err)
		}
	})
}

func TestConnect(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) { s.Emit("auth", s.Handshake().Auth) })
		greet(f, "/custom")
		echo(f)
	})
	t.Run("a socket has an id of its own", func(t *testing.T) {
		w := f.dial(t)
		if id := w.connect("/"); id == w.sid {
			t.Error("the socket has the id of the session")
		}
		w.want(`42["auth",{}]`)
	})
	t.Run("auth", func(t *testing.T) {
		w := f.dial(t)
		w.send(`40{"token":"123"}`)
		connectReply(t, "/", w.recv())
		w.want(`42["auth",{"token":"123"}]`)
	})
	t.Run("a namespace", func(t *testing.T) {
		w := f.dial(t)
		w.connect("/custom")
		w.want(`42/custom,["auth",{}]`)
	})
	t.Run("auth for a namespace", func(t *testing.T) {
		w := f.dial(t)
		w.send(`40/custom,{"token":"abc"}`)
		connectReply(t, "/custom", w.recv())
		w.want(`42/custom,["auth",{"token":"abc"}]`)
	})
	t.Run("an unknown namespace is refused", func(t *testing.T) {
		w := f.dial(t)
		w.send("40/random", "40/a?b=c")
		w.want(`44/random,{"message":"Invalid namespace"}`, `44/a?b=c,{"message":"Invalid namespace"}`)
		w.connect("/")
		w.want(`42["auth",{}]`)
		w.alive()
	})
	t.Run("two namespaces have sockets of their own", func(t *testing.T) {
		w := f.dial(t)
		a := w.connect("/")
		w.want(`42["auth",{}]`)
		b := w.connect("/custom")
		w.want(`42/custom,["auth",{}]`)
		if a == b {
			t.Error("two sockets have the same id")
		}
	})
	for _, first := range []string{`42["x"]`, `41`, `4abc`, `4`, `40/custom,"x"`} {
		t.Run("first "+first, func(t *testing.T) {
			w := f.dial(t)
			w.send(first)
			w.wantClosed()
		})
	}
}

func TestOutOfOrder(t *testing.T) {
	hold := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.watch("/slow")
		f.Of("/slow").Use(func(*sio.Socket) error { <-hold; return nil })
	})
	defer close(hold)
	t.Run("a second CONNECT closes", func(t *testing.T) {
		w := f.join(t)
		w.send("40")
		w.wantClosed()
		wantReason(t, f, "/ forced close")
	})
	t.Run("an event before the answer closes a WebSocket", func(t *testing.T) {
		w := f.dial(t)
		w.send("40", `42["x"]`)
		w.wantClosed()
	})
	t.Run("an event before the answer closes a polling session", func(t *testing.T) {
		p := f.polling(t)
		p.post("40\x1e" + `42["x"]`)
		p.want("6\x1e1")
		p.wantGone()
	})
	t.Run("an event during a middleware closes", func(t *testing.T) {
		w := f.dial(t)
		w.send("40/slow,")
		w.send(`42/slow,["x"]`)
		w.wantClosed()
	})
	t.Run("two connects", func(t *testing.T) {
		w := f.dial(t)
		w.send("40/slow,", "40/slow,")
		w.wantClosed()
	})
	if n := f.Stats().OutOfOrder; n != 5 {
		t.Errorf("%d connections were out of order, want 5", n)
	}
}

func TestConnectTimeout(t *testing.T) {
	closed := make(chan sio.Reason, 10)
	f := serve(t, sio.Config{
		ConnectTimeout: 50 * time.Millisecond,
		OnClose:        func(_ *sio.Conn, reason sio.Reason) { closed <- reason },
	}, echo)
	wantForced := func(t *testing.T) {
		t.Helper()
		if reason := wait.For(t, "end", closed); reason != sio.ForcedClose {
			t.Errorf("closed with %q", reason)
		}
	}
	t.Run("silence closes", func(t *testing.T) {
		f.dial(t).wantClosed()
		wantForced(t)
	})
	t.Run("polling", func(t *testing.T) {
		f.polling(t).want("1")
		wantForced(t)
	})
	t.Run("only refusals close", func(t *testing.T) {
		w := f.dial(t)
		w.send("40/nope")
		w.want(`44/nope,{"message":"Invalid namespace"}`)
		w.wantClosed()
	})
	t.Run("joined", func(t *testing.T) {
		w := f.join(t)
		other := f.dial(t) // opened later, so its timeout comes later
		other.wantClosed()
		w.alive()
	})
	if n := f.Stats().ConnectTimeouts; n != 4 {
		t.Errorf("%d timeouts were counted, want 4", n)
	}
}

func TestMiddleware(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.watch("/chatty")
		f.Of("/chatty").Use(func(s *sio.Socket) error {
			if s.Connected() {
				record(f, f.errors, errors.New("connected in a middleware"))
			}
			s.Join("room")
			s.Namespace().Emit("broadcasts don't reach it")
			return s.Emit("welcome", 1)
		})
		refused := 0
		f.watch("/strict")
		f.Of("/strict").Use(func(s *sio.Socket) error {
			s.Join("waiting")
			switch refused++; refused {
			case 1:
				return errors.New("bad")
			case 2:
				return fmt.Errorf("wrapped: %w", &sio.ConnectError{Message: "bad", Data: map[string]int{"code": 7}})
			case 3:
				return &sio.ConnectError{Message: "bad", Data: json.RawMessage("null")}
			case 4:
				panic("a bug")
			}
			return nil
		})
		f.Of("/strict").Use(func(s *sio.Socket) error { s.SetData("passed"); return nil })
	})
	t.Run("a middleware emits first", func(t *testing.T) {
		w := f.dial(t)
		w.send("40/chatty")
		w.want(`42/chatty,["welcome",1]`)
		connectReply(t, "/chatty", w.recv())
		s := wait.For(t, "socket", f.connected)
		if rooms := s.Rooms(); len(rooms) != 2 || rooms[0] != s.ID() || rooms[1] != "room" {
			t.Errorf("the socket is in %q", rooms)
		}
		f.Of("/chatty").To("room").Emit("now")
		w.want(`42/chatty,["now"]`)
	})
	t.Run("a middleware refuses, then accepts", func(t *testing.T) {
		w := f.dial(t)
		for _, want := range []string{
			`44/strict,{"message":"bad"}`,
			`44/strict,{"message":"bad","data":{"code":7}}`,
			`44/strict,{"message":"bad","data":null}`,
			`44/strict,{"message":"internal server error"}`,
		} {
			w.send("40/strict,")
			w.want(want)
			if n := len(f.Of("/strict").Sockets()); n != 0 {
				t.Errorf("%d sockets are in the namespace", n)
			}
		}
		w.connect("/strict")
		if s := wait.For(t, "socket", f.connected); s.Data() != "passed" {
			t.Error("the second middleware did not run")
		}
		st := f.Stats()
		if st.Refused != 4 || st.HandlerPanics != 1 {
			t.Errorf("%d refused, %d panics; want 4, 1", st.Refused, st.HandlerPanics)
		}
	})
	empty(t, "errors", f.errors)
}

func TestMiddlewareOfALeavingClient(t *testing.T) {
	hold, inside := make(chan struct{}), make(chan *sio.Socket, 1)
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.watch("/slow")
		f.Of("/slow").Use(func(s *sio.Socket) error {
			s.Join("room")
			inside <- s
			<-hold
			s.Join("another")
			return nil
		})
	})
	w := f.join(t)
	wait.For(t, "connection", f.connected)
	w.send("40/slow")
	s := wait.For(t, "socket in the middleware", inside)
	w.conn.Close()
	wantReason(t, f, "/ transport close")
	// Its turn comes after that of "/", which has just been reported.
	wait.Until(t, "the socket is in no rooms", func() bool { return len(s.Rooms()) == 0 })
	close(hold)
	if err := f.Close(); err != nil && !strings.Contains(err.Error(), "context") {
		t.Error(err)
	}
	empty(t, "connections", f.connected)
	empty(t, "disconnections", f.disconnected)
	if rooms := s.Rooms(); len(rooms) != 0 {
		t.Errorf("the socket has joined %q", rooms)
	}
}

func TestHandshake(t *testing.T) {
	f := serve(t, sio.Config{}, nil)
	w := f.dial(t)
	w.send(`40{"user":"ann"}`)
	h := wait.For(t, "socket", f.connected).Handshake()
	if h.Headers["x-test"] != "yes" || h.Query["token"] != "abc" || h.Query["EIO"] != "4" ||
		!strings.HasPrefix(h.URL, "/socket.io/?EIO=4") || h.CrossDomain || h.Issued.IsZero() ||
		h.Address.String() != w.conn.LocalAddr().String() {
		t.Errorf("the handshake is %+v", h)
	}
	var auth struct{ User string }
	if err := h.BindAuth(&auth); err != nil || auth.User != "ann" {
		t.Errorf("auth is %+v, %v", auth, err)
	}
}

// TestEngineOptions shows that the engine gets its options.
func TestEngineOptions(t *testing.T) {
	f := serve(t, sio.Config{
		Path:   "/my",
		CORS:   &eio.CORS{},
		Cookie: &eio.Cookie{},
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("forbidden") {
				return eio.ErrForbidden
			}
			return nil
		},
	}, nil)
	for query, status := range map[string]int{"": http.StatusOK, "&forbidden": http.StatusForbidden} {
		res, err := pollingClient.Get("http://" + f.addr + "/my/?EIO=4&transport=polling" + query)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%q: %s, %v", query, res.Status, res.Header)
		}
		if cookie := res.Header.Get("Set-Cookie"); (cookie != "") != (query == "") {
			t.Errorf("%q: the cookie is %q", query, cookie)
		}
	}
}
