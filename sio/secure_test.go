package sio_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestSecure: a handshake tells whether the connection is encrypted, over each
// transport and after an upgrade: by Handler behind HTTPS, and behind proxies
// that are trusted, which nothing else is.
func TestSecure(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/0")}
	const proto = "X-Forwarded-Proto"
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		tls     bool
		fields  []string
		want    bool
	}{
		"plain":                {},
		"HTTPS":                {tls: true, want: true},
		"HTTPS, said plain":    {tls: true, trusted: loopback, fields: []string{proto, "http"}, want: true},
		"proxy":                {trusted: loopback, fields: []string{proto, "https"}, want: true},
		"proxy, by RFC 7239":   {trusted: loopback, fields: []string{"Forwarded", "for=1.2.3.4;proto=https"}, want: true},
		"proxy, after a forge": {trusted: loopback, fields: []string{proto, "https", proto, "http"}},
		"proxy, plain":         {trusted: loopback, fields: []string{proto, "http"}},
		"proxy, silent":        {trusted: loopback},
		"another proxy":        {trusted: elsewhere, fields: []string{proto, "https"}},
		"forged":               {fields: []string{proto, "https", "Forwarded", "proto=https"}},
	} {
		t.Run(name, func(t *testing.T) {
			secure := make(chan bool, 10)
			f := serve(t, sio.Config{TrustedProxies: c.trusted}, func(f *fixture) {
				f.OnConnection(func(s *sio.Socket) { secure <- s.Handshake().Secure })
				sio.On(f.Server, "again", func(_ context.Context, s *sio.Socket, _ sio.None) error {
					secure <- s.Handshake().Secure
					return nil
				})
			})
			addr := f.addr
			if c.tls {
				handler, err := f.Handler()
				if err != nil {
					t.Fatal(err)
				}
				h := httptest.NewTLSServer(handler)
				defer h.Close()
				addr = h.Listener.Addr().String()
			}
			dial := func() *eiotest.Conn {
				conn := eiotest.DialTCP(t, addr)
				if !c.tls {
					return conn
				}
				return eiotest.NewConn(t, tls.Client(conn.Conn, &tls.Config{InsecureSkipVerify: true}))
			}
			request := func(method, query, body string) string {
				t.Helper()
				conn := dial()
				defer conn.Close()
				head := fmt.Sprintf("%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n", method, query, len(body))
				for i := 0; i < len(c.fields); i += 2 {
					head += c.fields[i] + ": " + c.fields[i+1] + "\r\n"
				}
				conn.WriteString(head + "\r\n" + body)
				r := conn.ReadResponse()
				if r.Status != http.StatusOK {
					t.Fatalf("%s: %+v", method, r)
				}
				return r.Body
			}
			webSocket := func(query string) *eiotest.Conn {
				conn := dial()
				conn.Upgrade("/socket.io/?EIO=4&transport=websocket"+query, c.fields...)
				return conn
			}
			want := func(what string) {
				t.Helper()
				if got := wait.For(t, what, secure); got != c.want {
					t.Errorf("%s: secure is %v", what, got)
				}
			}

			ws := webSocket("")
			ws.Next()
			ws.Text("40")
			want("WebSocket")
			ws.Close()

			query := "&sid=" + openPacket(t, request("GET", "", ""))
			request("POST", query, "40")
			want("polling")
			ws = webSocket(query)
			ws.Text("2probe")
			ws.Expect("3probe")
			ws.Text("5", `42["again"]`)
			want("upgraded")
			ws.Close()
		})
	}
}
