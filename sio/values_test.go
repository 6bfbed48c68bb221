package sio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

type valueKey string

// withValue is a middleware as authentication has it: it adds a value and sets
// a header. The request's context ends with the request.
func withValue(name, value string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", name+"="+value)
			ctx, cancel := context.WithCancel(context.WithValue(r.Context(), valueKey(name), value+" of "+r.URL.Query().Get("transport")))
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// seen is what handlers find in all places that have the values.
func seen(ctx context.Context, s *sio.Socket) string {
	var b strings.Builder
	for _, name := range []valueKey{"outer", "user", "claims"} {
		found, _ := ctx.Value(name).(string)
		for _, v := range []any{s.Context().Value(name), s.Handshake().Value(name), s.Conn().Value(name)} {
			if other, _ := v.(string); other != found {
				return "the places differ: " + found + ", " + other
			}
		}
		b.WriteString("[" + found + "]")
	}
	return b.String()
}

// valuesServer adds values in Middleware and AllowRequest.
func valuesServer(discard bool) sio.Config {
	return sio.Config{
		DiscardRequest: discard,
		Middleware:     []func(http.Handler) http.Handler{withValue("user", "ann")},
		AllowRequest: func(r *http.Request) error {
			if r.Context().Value(valueKey("user")) == nil {
				return errors.New("the middleware's value is missing")
			}
			*r = *r.WithContext(context.WithValue(r.Context(), valueKey("claims"), "admin"))
			return nil
		},
	}
}

// TestValues: what the code around the server knows of a client's first request
// reaches its handlers.
func TestValues(t *testing.T) {
	for _, discard := range []bool{false, true} {
		for _, place := range []string{"Listen", "Handler"} {
			name := place
			if discard {
				name += ", the request discarded"
			}
			t.Run(name, func(t *testing.T) {
				middlewares := make(chan string, 10)
				f := serve(t, valuesServer(discard), func(f *fixture) {
					f.Use(func(s *sio.Socket) error {
						middlewares <- seen(s.Context(), s)
						return nil
					})
					sio.OnAck(f.Server, "who", func(ctx context.Context, s *sio.Socket, _ sio.None) (string, error) { return seen(ctx, s), nil })
				})
				outer := ""
				if place == "Handler" {
					handler, err := f.Handler()
					if err != nil {
						t.Fatal(err)
					}
					h := httptest.NewServer(withValue("outer", "chi")(handler))
					defer h.Close()
					f.addr, outer = h.Listener.Addr().String(), "chi of "
				}
				want := func(transport string) string {
					first := "[]"
					if outer != "" {
						first = "[" + outer + transport + "]"
					}
					return first + "[ann of " + transport + "][admin]"
				}

				w := f.join(t)
				w.send(`421["who"]`)
				w.want(`431["` + want("websocket") + `"]`)

				p := f.polling(t)
				p.connect()
				p.post(`421["who"]`)
				p.want(`431["` + want("polling") + `"]`)
				conn := eiotest.DialTCP(t, f.addr)
				conn.Upgrade(strings.Replace(strings.TrimPrefix(p.url, "http://"+f.addr), "polling", "websocket", 1))
				conn.Text("2probe")
				conn.Expect("3probe")
				conn.Text("5", `422["who"]`)
				conn.Expect(`432["` + want("polling") + `"]`) // those of the first request
				for _, transport := range []string{"websocket", "polling"} {
					if got := wait.For(t, "a middleware", middlewares); got != want(transport) {
						t.Errorf("a middleware has seen %s, want %s", got, want(transport))
					}
				}
			})
		}
	}
}

// TestValuesOfContext: the socket's context has the values of the request, not
// its end.
func TestValuesOfContext(t *testing.T) {
	ended := make(chan error, 1)
	derived := make(chan error, 1)
	f := serve(t, sio.Config{Middleware: []func(http.Handler) http.Handler{withValue("user", "ann")}}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) {
			ctx, cancel := context.WithCancel(s.Context())
			go func() {
				defer cancel()
				<-ctx.Done()
				derived <- context.Cause(ctx)
			}()
			if err := s.Context().Err(); err != nil {
				t.Errorf("the context is done: %v", err)
			}
			context.AfterFunc(s.Context(), func() { ended <- context.Cause(s.Context()) })
		})
	})
	w := f.join(t)
	wait.For(t, "the socket", f.connected)
	w.conn.Close()
	for what, c := range map[string]chan error{"the context": ended, "a derived one": derived} {
		if err := wait.For(t, what, c); err != sio.ErrDisconnected {
			t.Errorf("the cause of %s is %v", what, err)
		}
	}
}

// TestAnswerHeaders: headers that are set around the server are in its answers,
// beside its own.
func TestAnswerHeaders(t *testing.T) {
	f := serve(t, sio.Config{
		Cookie:     &eio.Cookie{Name: "io"},
		Middleware: []func(http.Handler) http.Handler{withValue("user", "ann")},
	}, nil)
	handler, err := f.Handler()
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(withValue("outer", "chi")(handler))
	defer h.Close()
	wantCookies := func(what string, header http.Header, want ...string) {
		t.Helper()
		got := strings.Join(header["Set-Cookie"], "\n")
		for _, cookie := range want {
			if strings.Count(got, cookie) != 1 {
				t.Errorf("%s: the cookies are %q, want %q", what, got, want)
			}
		}
		if n := len(header["Set-Cookie"]); n != len(want) {
			t.Errorf("%s: %d cookies %q, want %q", what, n, got, want)
		}
	}
	const target = "/socket.io/?EIO=4&transport="
	upgrade := func(addr, target string) http.Header {
		t.Helper()
		conn := eiotest.DialTCP(t, addr)
		conn.WriteString(eiotest.UpgradeRequest(target))
		return conn.ReadResponse().Header
	}
	wantCookies("Listen, polling", eiotest.Get(t, "http://"+f.addr+target+"polling").Header, "user=ann", "io=")
	wantCookies("Listen, WebSocket", upgrade(f.addr, target+"websocket"), "user=ann")
	at := h.Listener.Addr().String()
	wantCookies("Handler, polling", eiotest.Get(t, h.URL+target+"polling").Header, "outer=chi", "user=ann", "io=")
	wantCookies("Handler, WebSocket", upgrade(at, target+"websocket"), "outer=chi", "user=ann")
	wantCookies("Handler, a refused WebSocket", upgrade(at, target+"websocket&EIO=9&sid=x"), "outer=chi", "user=ann")
	f.addr = at
	p := f.polling(t)
	for range 4 { // on both loops
		wantCookies("Handler, upgrade", upgrade(at, strings.Replace(strings.TrimPrefix(p.url, h.URL), "polling", "websocket", 1)), "outer=chi", "user=ann")
	}
}

// statusError is an error of the kind that frameworks have.
type statusError struct{ code int }

func (e statusError) Error() string { return "no more today" }

func (e statusError) StatusCode() int { return e.code }

// TestRefusalStatus: an error of AllowRequest decides the status and the
// message.
func TestRefusalStatus(t *testing.T) {
	for name, c := range map[string]struct {
		err               error
		polling, upgraded int
		message           string
		header            string
	}{
		"any error":        {errors.New("not you"), 403, 400, "not you", ""},
		"ErrForbidden":     {eio.ErrForbidden, 403, 400, "Forbidden", ""},
		"a status":         {statusError{429}, 429, 429, "no more today", ""},
		"a wrapped one":    {errors.Join(errors.New("first"), statusError{503}), 503, 503, `first\nno more today`, ""},
		"none of an error": {statusError{200}, 403, 400, "no more today", ""},
		"HTTPError": {&eio.HTTPError{
			Status: 401, Message: "log in", Err: errors.New("the token has expired"),
			Header: http.Header{"Www-Authenticate": {"Bearer"}, "Content-Length": {"1"}},
		}, 401, 401, "log in", "Bearer"},
		"HTTPError without a text": {&eio.HTTPError{Status: 402}, 402, 402, "Payment Required", ""},
	} {
		t.Run(name, func(t *testing.T) {
			reported := make(chan *eio.ConnectionError, 2)
			f := serve(t, sio.Config{
				AllowRequest:      func(*http.Request) error { return c.err },
				OnConnectionError: func(e *eio.ConnectionError) { reported <- e },
			}, nil)
			r := eiotest.Get(t, "http://"+f.addr+"/socket.io/?EIO=4&transport=polling")
			if want := `{"code":4,"message":"` + c.message + `"}`; r.Status != c.polling || r.Body != want {
				t.Errorf("polling: %d %s, want %d %s", r.Status, r.Body, c.polling, want)
			}
			if got := r.Header.Get("WWW-Authenticate"); got != c.header {
				t.Errorf("WWW-Authenticate is %q, want %q", got, c.header)
			}
			conn := eiotest.DialTCP(t, f.addr)
			conn.WriteString(eiotest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket"))
			r = conn.ReadResponse()
			if want := strings.ReplaceAll(c.message, `\n`, "\n"); r.Status != c.upgraded || r.Body != want {
				t.Errorf("WebSocket: %d %q, want %d %q", r.Status, r.Body, c.upgraded, want)
			}
			for range 2 {
				if e := wait.For(t, "a report", reported); !errors.Is(e, c.err) {
					t.Errorf("reported %v", e)
				}
			}
		})
	}
}
