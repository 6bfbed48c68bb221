package sio_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// TestTLS: a server with Config.TLS serves polling, WebSocket and the upgrade.
// AllowRequest, Middleware, Handler and the handshake see the TLS connection:
// its server name, and the client's certificate.
func TestTLS(t *testing.T) {
	server, client := serverTLS(t)
	seen := make(chan string, 100)
	note := func(where string, state *tls.ConnectionState) {
		if state == nil {
			seen <- where + ": none"
			return
		}
		seen <- fmt.Sprintf("%s: %s by %s", where, state.PeerCertificates[0].Subject.CommonName, state.ServerName)
	}
	f := serve(t, sio.Config{
		TLS:   server,
		Loops: 2,
		AllowRequest: func(r *http.Request) error {
			note("AllowRequest", r.TLS)
			return nil
		},
		Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("sid") == "" {
					note("Middleware", r.TLS)
				}
				next.ServeHTTP(w, r)
			})
		}},
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { note("Handler", r.TLS) }),
	}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) {
			note("Handshake", s.Handshake().TLS)
			if !s.Handshake().Secure {
				t.Error("the handshake is not secure")
			}
		})
		sio.On(f.Server, "again", func(_ context.Context, s *sio.Socket, text string) error { return s.Emit("back", text) })
	})
	dial := func() *eiotest.Conn {
		return eiotest.NewConn(t, tls.Client(eiotest.DialTCP(t, f.addr).Conn, client))
	}
	const who = ": a server by example.com"
	want := func(where string) {
		t.Helper()
		if got := wait.For(t, where, seen); got != where+who {
			t.Errorf("%s, want %s", got, where+who)
		}
	}
	request := func(method, path, body string) string {
		t.Helper()
		conn := dial()
		defer conn.Close()
		conn.WriteString(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body))
		r := conn.ReadResponse()
		if r.Status != http.StatusOK {
			t.Fatalf("%s: %+v", method, r)
		}
		return r.Body
	}
	const path = "/socket.io/?EIO=4&transport="
	echo := func(ws *eiotest.Conn) {
		text := strings.Repeat("x", 100_000)
		ws.Text(`42["again","` + text + `"]`)
		ws.Expect(`42["back","` + text + `"]`)
	}

	request("GET", "/elsewhere", "")
	want("Handler")

	ws := dial()
	ws.Upgrade(path + "websocket")
	want("Middleware")
	want("AllowRequest")
	ws.Next()
	ws.Text("40")
	want("Handshake")
	ws.Next()
	echo(ws)
	ws.Close()

	// Each request is on a connection of its own, which moves to the loop of
	// the session.
	query := "&sid=" + openPacket(t, request("GET", path+"polling", ""))
	want("Middleware")
	want("AllowRequest")
	request("POST", path+"polling"+query, "40")
	want("Handshake")
	request("GET", path+"polling"+query, "")
	ws = dial()
	ws.Upgrade(path + "websocket" + query)
	ws.Text("2probe")
	ws.Expect("3probe")
	ws.Text("5")
	echo(ws)
	ws.Close()
	if st := f.Stats().Loop; st.Handshakes < 5 || st.HandshakesFailed != 0 {
		t.Errorf("%d handshakes, %d failed", st.Handshakes, st.HandshakesFailed)
	}
}

// TestTLSCertificateChanges: a connection stays while the certificate is
// replaced; the next one gets the new one.
func TestTLSCertificateChanges(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := writeCertificate(t, folder, "first")
	certs, err := sio.LoadCertificates(certFile, keyFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := serve(t, sio.Config{TLS: &tls.Config{GetCertificate: certs.Get}}, func(f *fixture) {})
	connect := func() (*eiotest.Conn, string) {
		conn := tls.Client(eiotest.DialTCP(t, f.addr).Conn, &tls.Config{InsecureSkipVerify: true})
		ws := eiotest.NewConn(t, conn)
		ws.Upgrade("/socket.io/?EIO=4&transport=websocket")
		ws.Next()
		return ws, conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	ws, name := connect()
	if name != "first" {
		t.Errorf("certificate of %q", name)
	}
	writeCertificate(t, folder, "second")
	if err := certs.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, name := connect(); name != "second" {
		t.Errorf("certificate of %q", name)
	}
	ws.Text("40")
	if text := string(ws.Next().Payload); !strings.HasPrefix(text, "40") {
		t.Errorf("the first connection got %q", text)
	}
}

// TestTLSListeners: all addresses of Listen have TLS, unix sockets too, and
// listeners of Serve do not.
func TestTLSListeners(t *testing.T) {
	server, client := serverTLS(t)
	f := serve(t, sio.Config{TLS: server}, func(f *fixture) {
		f.OnConnection(func(s *sio.Socket) { s.Emit("secure", s.Handshake().Secure) })
	})
	path := filepath.Join(t.TempDir(), "s")
	for _, addr := range []string{"127.0.0.1:0", "unix:" + path} {
		if err := f.Listen(addr); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(plain) }()
	for _, c := range []struct {
		network, addr string
		secure        bool
	}{
		{"tcp", f.addr, true}, {"tcp", f.Addrs()[1].String(), true}, {"unix", path, true}, {"tcp", plain.Addr().String(), false},
	} {
		conn, err := net.Dial(c.network, c.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(wait.Patience))
		if c.secure {
			conn = tls.Client(conn, client)
		}
		ws := eiotest.NewConn(t, conn)
		ws.Upgrade("/socket.io/?EIO=4&transport=websocket")
		ws.Next()
		ws.Text("40")
		ws.Next()
		ws.Expect(fmt.Sprintf(`42["secure",%v]`, c.secure))
		ws.Close()
	}
	plain.Close()
	wait.For(t, "the end of Serve", served)
}

// TestTLSConfig: what can't work is refused by New.
func TestTLSConfig(t *testing.T) {
	for _, cfg := range []sio.Config{{TLS: &tls.Config{}}, {TLSHandshakeTimeout: -1}, {MaxTLSHandshakes: -1}, {MaxTLSBuffered: -1}} {
		if _, err := sio.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "sio: Config.") {
			t.Errorf("New: %v", err)
		}
	}
	if _, err := sio.LoadCertificates("/nowhere", "/nowhere", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
