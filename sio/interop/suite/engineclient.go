package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop"
)

// engineClient is what the tests of engine.io-client expect: it greets, sends
// messages back, and sends some of its own when it is asked to.
type engineClient struct {
	echo
	// headers has the fields of each session's latest request, by sid.
	headers sync.Map
}

func (e *engineClient) Opened(s *eio.Session) { send(s, []byte("hi"), false) }

func (e *engineClient) Closed(s *eio.Session, _ eio.Reason, _ error) { e.headers.Delete(s.ID()) }

func (e *engineClient) Message(s *eio.Session, data []byte, binary bool) {
	switch string(data) {
	case "give binary":
		send(s, []byte{0, 1, 2, 3, 4}, true)
	case "give utf8":
		send(s, []byte("пойду спать всем спокойной ночи"), false)
	case "sendHeaders":
		headers, _ := e.headers.Load(s.ID())
		b, err := json.Marshal(headers)
		if err != nil {
			b = []byte(err.Error())
		}
		send(s, b, false)
	default:
		send(s, data, binary)
	}
}

// record is a middleware that notes the fields of each request of a session.
func (e *engineClient) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sid := r.URL.Query().Get("sid"); sid != "" {
			headers := map[string]string{}
			for name, values := range r.Header {
				headers[strings.ToLower(name)] = strings.Join(values, ", ")
			}
			e.headers.Store(sid, headers)
		}
		next.ServeHTTP(w, r)
	})
}

// cookies are set by the first answer of a session. The third and the fourth
// one have expired.
func cookies(header http.Header, _ *eio.Request) {
	for _, c := range []http.Cookie{
		{Name: "1", Value: "1", MaxAge: 86400},
		{Name: "2", Value: "2", SameSite: http.SameSiteStrictMode, Path: "/", HttpOnly: true, Secure: true},
		{Name: "3", Value: "3", MaxAge: -1},
		{Name: "4", Value: "4", Expires: time.Now()},
	} {
		header.Add("Set-Cookie", c.String())
	}
}

// serveEngineClient starts the server of the tests of engine.io-client.
func serveEngineClient(addr string) error {
	upper := new(engineClient)
	srv, err := eio.NewServer(eio.Config{
		PingInterval:      500 * time.Millisecond,
		MaxHTTPBufferSize: 100,
		AllowRequest: func(r *http.Request) error {
			if r.URL.Query().Has("deny") {
				return errors.New("denied")
			}
			return nil
		},
		Middleware:     []func(http.Handler) http.Handler{upper.record},
		InitialHeaders: cookies,
	}, upper)
	if err != nil {
		return err
	}
	_, err = loop.Listen(loop.Config{Addr: addr, Loops: 1}, srv.Accept)
	return err
}
