package loop_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// startTLS runs an engine that serves with TLS.
func startTLS(tb testing.TB, cfg loop.Config, accept func(*loop.Conn) loop.Handler) *loop.Engine {
	tb.Helper()
	if cfg.TLS == nil {
		cfg.TLS, _ = identity()
	}
	return start(tb, cfg, accept)
}

// dialTLS makes a handshake.
func dialTLS(tb testing.TB, e *loop.Engine, change func(*tls.Config)) (*tls.Conn, error) {
	tb.Helper()
	_, config := identity()
	config = config.Clone()
	if change != nil {
		change(config)
	}
	c := tls.Client(dial(tb, e), config)
	return c, c.Handshake()
}

func mustDialTLS(tb testing.TB, e *loop.Engine, change func(*tls.Config)) *tls.Conn {
	tb.Helper()
	c, err := dialTLS(tb, e, change)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// exchange sends b and expects it back.
func exchange(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(b)
		sent <- err
	}()
	got := make([]byte, len(b))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	if err := wait.For(t, "the write", sent); err != nil {
		t.Fatal(err)
	}
}

func version(max uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MaxVersion = max }
}

func TestTLSEcho(t *testing.T) {
	e := startTLS(t, loop.Config{Loops: 2}, acceptEcho)
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 3)
	}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := mustDialTLS(t, e, version(v))
		for _, size := range []int{1, 10, 1023, 16 << 10, 16<<10 + 1, 70000, len(want)} {
			exchange(t, c, want[:size])
		}
		c.Close()
	}
	st := e.Stats()
	if st.Handshakes != 2 || st.HandshakesFailed != 0 || st.BytesIn < int64(2*len(want)) {
		t.Errorf("%+v", st)
	}
}

// TestTLSMoves: a connection moves between loops between its records, with what
// is unread and what is queued.
func TestTLSMoves(t *testing.T) {
	e := startTLS(t, loop.Config{Loops: 2}, func(*loop.Conn) loop.Handler { return moving{} })
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := mustDialTLS(t, e, version(v))
		for i := range 20 {
			exchange(t, c, bytes.Repeat([]byte{byte(i)}, 1+i*5000))
		}
		c.Close()
	}
	if st := e.Stats(); st.LostMoves != 0 {
		t.Errorf("%+v", st)
	}
}

// moving echoes, and moves to the other loop each time.
type moving struct{}

func (m moving) Data(c *loop.Conn, b []byte) {
	c.Send(frame(b))
	c.MoveTo(c.Loop().Engine().Loops()[1-c.Loop().Index()], nil, func(*loop.Conn) loop.Handler { return m })
}
func (moving) Flushed(*loop.Conn)       {}
func (moving) Closed(*loop.Conn, error) {}

// TestTLSState: a handler sees what was negotiated. ALPN is http/1.1 unless the
// config has something else; h2 is never offered.
func TestTLSState(t *testing.T) {
	server, _ := identity()
	for name, c := range map[string]struct {
		protos []string
		offer  []string
		want   string
	}{
		"default":      {nil, []string{"h2", "http/1.1"}, "http/1.1"},
		"reduced":      {[]string{"h2", "http/1.1"}, []string{"h2", "http/1.1"}, "http/1.1"},
		"only h2":      {[]string{"h2"}, []string{"h2", "http/1.1"}, "http/1.1"},
		"another":      {[]string{"x", "http/1.1"}, []string{"http/1.1", "x"}, "x"},
		"none offered": {nil, nil, ""},
	} {
		for _, how := range []string{"config", "GetConfigForClient"} {
			t.Run(name+", "+how, func(t *testing.T) {
				config := server.Clone()
				config.NextProtos = c.protos
				if how != "config" {
					inner := config
					config = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return inner, nil }}
				}
				states := make(chan *tls.ConnectionState, 1)
				e := startTLS(t, loop.Config{Loops: 1, TLS: config}, func(conn *loop.Conn) loop.Handler {
					if !conn.Secure() {
						t.Error("not secure")
					}
					states <- conn.TLS()
					return echo{}
				})
				client := mustDialTLS(t, e, func(cc *tls.Config) { cc.NextProtos, cc.ServerName = c.offer, "example.com" })
				state := wait.For(t, "the connection", states)
				if state.NegotiatedProtocol != c.want || client.ConnectionState().NegotiatedProtocol != c.want || state.ServerName != "example.com" {
					t.Errorf("%q by %q", state.NegotiatedProtocol, state.ServerName)
				}
			})
		}
	}
	e := start(t, loop.Config{Loops: 1}, func(c *loop.Conn) loop.Handler {
		if c.Secure() || c.TLS() != nil {
			t.Error("a plain connection is secure")
		}
		return echo{}
	})
	exchange(t, dial(t, e), []byte("x"))
}

func TestTLSConfigInvalid(t *testing.T) {
	if _, err := loop.Listen(loop.Config{TLS: &tls.Config{}}, acceptEcho); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("without a certificate: %v", err)
	}
	if _, err := loop.Listen(loop.Config{HandshakeTimeout: -1}, acceptEcho); err == nil {
		t.Error("a negative timeout is accepted")
	}
}

// TestTLSHandshakeFails: a peer that does not make a handshake gets an alert,
// or an answer that it understands, and the connection ends.
func TestTLSHandshakeFails(t *testing.T) {
	e := startTLS(t, loop.Config{Loops: 1}, acceptEcho)
	if _, err := dialTLS(t, e, func(c *tls.Config) { c.MaxVersion, c.MinVersion = tls.VersionTLS10, tls.VersionTLS10 }); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("an old version: %v", err)
	}
	plain := dial(t, e)
	io.WriteString(plain, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if b, _ := io.ReadAll(plain); !strings.HasPrefix(string(b), "HTTP/1.0 400 ") {
		t.Errorf("HTTP: %q", b)
	}
	junk := dial(t, e)
	io.WriteString(junk, "\x00\x01\x02")
	if b, err := io.ReadAll(junk); len(b) > 0 || err != nil {
		t.Errorf("junk: %q, %v", b, err)
	}
	large := dial(t, e)
	io.WriteString(large, "\x16\x03\x01\x40\x00\x01\x01\x00\x00")
	if !loop.Polled { // crypto/tls waits for the whole record
		large.CloseWrite()
	}
	if b, err := io.ReadAll(large); len(b) > 0 || err != nil {
		t.Errorf("a large message: %q, %v", b, err)
	}
	plain.Close()
	junk.Close()
	large.Close()
	wait.Until(t, "the end of all", func() bool {
		st := e.Stats()
		return st.Connections == 0 && st.HandshakesFailed == 4 && st.HandshakesRunning == 0
	})
	if n := e.Stats().Handshakes; n != 0 {
		t.Errorf("%d handshakes have succeeded", n)
	}
}

// TestTLSHandshakeTimeout: a client that sends nothing, a part of its first
// message, or nothing after it, is closed.
func TestTLSHandshakeTimeout(t *testing.T) {
	e := startTLS(t, loop.Config{Loops: 1, HandshakeTimeout: 50 * time.Millisecond}, acceptEcho)
	hello := firstMessage(t)
	for name, b := range map[string][]byte{"nothing": nil, "a part": hello[:100], "one message": hello} {
		c := dial(t, e)
		c.Write(b)
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
	wait.Until(t, "the end of all", func() bool {
		st := e.Stats()
		return st.Connections == 0 && st.HandshakesRunning == 0 && st.HandshakesFailed == 3
	})
}

// firstMessage is what a client begins a handshake with.
func firstMessage(t *testing.T) []byte {
	t.Helper()
	server, client := net.Pipe()
	defer server.Close()
	go tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake()
	b := make([]byte, 4<<10)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// TestTLSCallbacks: functions of the config run off the loop. They may block,
// panic or end their goroutine.
func TestTLSCallbacks(t *testing.T) {
	server, _ := identity()
	entered, release := make(chan struct{}, 100), make(chan struct{})
	var released sync.Once
	free := func() { released.Do(func() { close(release) }) }
	defer free()
	var canceled atomic.Int64
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		switch hello.ServerName {
		case "panics":
			panic("as asked")
		case "exits":
			runtime.Goexit()
		case "fails":
			return nil, errors.New("as asked")
		case "blocks":
			entered <- struct{}{}
			select {
			case <-release:
			case <-hello.Context().Done():
				canceled.Add(1)
			}
		}
		return &server.Certificates[0], nil
	}}
	e := startTLS(t, loop.Config{Loops: 1, TLS: config}, acceptEcho)
	named := func(name string) func(*tls.Config) {
		return func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = name, true }
	}
	for _, name := range []string{"panics", "exits", "fails"} {
		if _, err := dialTLS(t, e, named(name)); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
	// More block than may compute at a time.
	blocked := make(chan error, 100)
	var left *tls.Conn
	for i := range 10 {
		c := tls.Client(dial(t, e), &tls.Config{ServerName: "blocks", InsecureSkipVerify: true})
		if i == 0 {
			left = c
		}
		go func() { blocked <- c.Handshake() }()
		wait.For(t, "a blocked handshake", entered)
	}
	exchange(t, mustDialTLS(t, e, nil), []byte("x"))
	lost := 0
	if loop.Polled { // otherwise none reads meanwhile
		lost = 1
		left.NetConn().Close()
		wait.Until(t, "the context's end", func() bool { return canceled.Load() == 1 })
	}
	free()
	failed := 0
	for range 10 {
		if err := wait.For(t, "the handshakes", blocked); err != nil {
			failed++
		}
	}
	if failed != lost || e.Stats().Panics != 2 {
		t.Errorf("%d failed, %d panics", failed, e.Stats().Panics)
	}
}

// TestTLSAcceptRefuses: accept may refuse a connection, and panic.
func TestTLSAcceptRefuses(t *testing.T) {
	var n atomic.Int64
	e := startTLS(t, loop.Config{Loops: 1}, func(*loop.Conn) loop.Handler {
		switch n.Add(1) {
		case 1:
			return nil
		case 2:
			panic("as asked")
		}
		return echo{}
	})
	for range 2 {
		if b, err := io.ReadAll(mustDialTLS(t, e, nil)); len(b) > 0 || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	}
	exchange(t, mustDialTLS(t, e, nil), []byte("x"))
}

// TestTLSEarlyData: what a client sends right behind its handshake is
// delivered, much of it too.
func TestTLSEarlyData(t *testing.T) {
	e := startTLS(t, loop.Config{Loops: 1}, acceptEcho)
	for range 20 {
		_, config := identity()
		c := tls.Client(dial(t, e), config)
		exchange(t, c, make([]byte, 300_000))
		c.Close()
	}
}

// TestTLSAdopt: accepted connections of other listeners, with what was read of
// them.
func TestTLSAdopt(t *testing.T) {
	sc, cc := identity()
	secure, err := loop.NewTLS(sc)
	if err != nil {
		t.Fatal(err)
	}
	for name, ends := range map[string]func() (net.Conn, net.Conn){
		"TCP":  func() (net.Conn, net.Conn) { return pair(t) },
		"unix": func() (net.Conn, net.Conn) { return listenAndDial(t, "unix", filepath.Join(t.TempDir(), "s")) },
		"pipe": func() (net.Conn, net.Conn) { return net.Pipe() },
	} {
		for _, unread := range []int{0, 3, 200} {
			t.Run(name, func(t *testing.T) {
				e, err := loop.Start(loop.Config{Loops: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer shutdown(t, e)
				server, client := ends()
				defer client.Close()
				client.SetDeadline(time.Now().Add(wait.Patience))
				c := tls.Client(client, cc)
				shaken := make(chan error, 1)
				go func() { shaken <- c.Handshake() }()
				b := make([]byte, unread)
				if _, err := io.ReadFull(server, b); err != nil {
					t.Fatal(err)
				}
				if err := e.AdoptWith(server, loop.AdoptOptions{TLS: secure, Unread: b}, acceptEcho); err != nil {
					t.Fatal(err)
				}
				if err := wait.For(t, "the handshake", shaken); err != nil {
					t.Fatal(err)
				}
				exchange(t, c, make([]byte, 50_000))
			})
		}
	}
}

// TestTLSClientCertificate: a client's certificate is checked, and the handler
// sees it.
func TestTLSClientCertificate(t *testing.T) {
	sc, _ := identity()
	own, authority := clientCertificate(t)
	config := sc.Clone()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authority
	names := make(chan string, 1)
	e := startTLS(t, loop.Config{Loops: 1, TLS: config}, func(c *loop.Conn) loop.Handler {
		names <- c.TLS().VerifiedChains[0][0].Subject.CommonName
		return echo{}
	})
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := mustDialTLS(t, e, func(c *tls.Config) { c.MaxVersion, c.Certificates = v, []tls.Certificate{own} })
		exchange(t, c, []byte("x"))
		if got := wait.For(t, "the name", names); got != "a client" {
			t.Errorf("certificate of %q", got)
		}
		without, err := dialTLS(t, e, version(v))
		if err == nil {
			_, err = without.Read(make([]byte, 1)) // TLS 1.3's client does not wait
		}
		if err == nil || !strings.Contains(err.Error(), "remote error: tls: ") {
			t.Errorf("without a certificate: %v", err)
		}
	}
}

// clientCertificate is one, and what trusts it.
func clientCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{CommonName: "a client"},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestTLSTickets: a session that one server has begun is resumed by another one
// with the same key.
func TestTLSTickets(t *testing.T) {
	config, _ := identity()
	config = config.Clone()
	config.SetSessionTicketKeys([][32]byte{{1, 2, 3}})
	cache := tls.NewLRUClientSessionCache(10)
	connect := func(e *loop.Engine, v uint16) bool {
		c := mustDialTLS(t, e, func(c *tls.Config) { c.ClientSessionCache, c.MaxVersion = cache, v })
		exchange(t, c, []byte("x")) // takes the ticket in
		c.Close()
		return c.ConnectionState().DidResume
	}
	a := startTLS(t, loop.Config{Loops: 1, TLS: config}, acceptEcho)
	b := startTLS(t, loop.Config{Loops: 1, TLS: config}, acceptEcho)
	stranger := startTLS(t, loop.Config{Loops: 1}, acceptEcho)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		connect(a, v)
		if !connect(b, v) {
			t.Errorf("%x: not resumed", v)
		}
		if connect(stranger, v) {
			t.Errorf("%x: resumed with another key", v)
		}
	}
}

// TestTLSShutdown: handshakes that are under way end with the engine.
func TestTLSShutdown(t *testing.T) {
	server, _ := identity()
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "waits" {
			<-hello.Context().Done()
		}
		return &server.Certificates[0], nil
	}}
	e, err := loop.Listen(loop.Config{Addr: "127.0.0.1:0", Loops: 1, TLS: config}, acceptEcho)
	if err != nil {
		t.Fatal(err)
	}
	open := mustDialTLS(t, e, nil)
	dial(t, e).Write(firstMessage(t)[:50])
	dial(t, e).Write(firstMessage(t))
	go tls.Client(dial(t, e), &tls.Config{ServerName: "waits"}).Handshake()
	running := int64(2)
	if !loop.Polled {
		running = 3 // goroutines wait for the first message, too
	}
	wait.Until(t, "handshakes", func() bool { return e.Stats().HandshakesRunning == running })
	ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
	defer cancel()
	if err := e.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(open); err != nil {
		t.Errorf("an open connection: %v", err)
	}
}
