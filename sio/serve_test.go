package sio_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// unserved makes a server that does not listen yet. Its sockets are in
// connected.
func unserved(t *testing.T, cfg sio.Config) *fixture {
	t.Helper()
	cfg.Logger, cfg.PingInterval = slog.New(slog.DiscardHandler), time.Hour
	srv, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: srv, connected: make(chan *sio.Socket, 100), disconnected: make(chan string, 100)}
	f.watch("/")
	echo(f)
	t.Cleanup(func() {
		if f.Addr() != nil {
			f.end(t)
		}
	})
	return f
}

// over connects a client through conn to "/".
func (f *fixture) over(t *testing.T, conn net.Conn, header ...string) (*ws, *sio.Socket) {
	t.Helper()
	w := &ws{t: t, conn: eiotest.NewConn(t, conn)}
	w.conn.Upgrade("/socket.io/?EIO=4&transport=websocket", header...)
	openPacket(t, w.recv())
	w.connect("/")
	return w, wait.For(t, "socket", f.connected)
}

func dialAt(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(addr.Network(), addr.String(), wait.Patience)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certificate writes a certificate for 127.0.0.1 and its key into files.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	h := httptest.NewTLSServer(nil)
	defer h.Close()
	key, err := x509.MarshalPKCS8PrivateKey(h.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	roots = x509.NewCertPool()
	roots.AddCert(h.Certificate())
	return write("cert.pem", "CERTIFICATE", h.Certificate().Raw), write("key.pem", "PRIVATE KEY", key), roots
}

// TestWaysToListen: one server serves ports, unix sockets and listeners of all
// kinds at the same time, and Shutdown ends them all.
func TestWaysToListen(t *testing.T) {
	f := unserved(t, sio.Config{SocketMode: 0o600, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("::/128")}})
	certFile, keyFile, roots := certificate(t)
	results := make(chan error, 2)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	plain, encrypted := listen(), listen()
	go func() { results <- f.Serve(plain) }()
	go func() { results <- f.ServeTLS(encrypted, certFile, keyFile) }()
	wait.Until(t, "listeners", func() bool { return len(f.Addrs()) == 2 })
	path := filepath.Join(t.TempDir(), "sock")
	for _, addr := range []string{"127.0.0.1:0", "unix:" + path} {
		if err := f.Listen(addr); err != nil {
			t.Fatal(err)
		}
	}
	if addrs := f.Addrs(); len(addrs) != 4 || f.Addr() != addrs[0] {
		t.Errorf("the addresses are %v, the first is %v", addrs, f.Addr())
	}
	for _, tt := range []struct {
		name   string
		conn   net.Conn
		header []string
		secure bool
		local  bool // it has no address
	}{
		{"Serve", dialAt(t, plain.Addr()), nil, false, false},
		{"ServeTLS", tls.Client(dialAt(t, encrypted.Addr()), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}), nil, true, false},
		{"Listen, a port", dialAt(t, f.Addrs()[2]), nil, false, false},
		{"Listen, a unix socket", dialAt(t, f.Addrs()[3]), nil, false, true},
		{"Listen, a unix socket behind a proxy", dialAt(t, f.Addrs()[3]), []string{"X-Forwarded-Proto", "https"}, true, true},
	} {
		w, s := f.over(t, tt.conn, tt.header...)
		w.alive()
		h := s.Handshake()
		if h.Secure != tt.secure {
			t.Errorf("%s: Secure is %v", tt.name, h.Secure)
		}
		if want := netip.MustParseAddrPort("[::]:0"); (h.Address == want) != tt.local {
			t.Errorf("%s: the address is %v", tt.name, h.Address)
		}
		defer w.wantClosed()
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := wait.For(t, "end of Serve", results); err != sio.ErrServerClosed {
			t.Errorf("Serve gave %v", err)
		}
	}
	if err := f.Wait(); err != sio.ErrServerClosed {
		t.Errorf("Wait gave %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the unix socket is left behind")
	}
	if err := f.Serve(listen()); err != sio.ErrServerClosed {
		t.Errorf("Serve after the end gave %v", err)
	}
}

// TestListenOnBothLoopbacks: IPv4 and IPv6 with an address each.
func TestListenOnBothLoopbacks(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		l.Close()
	}
	f := unserved(t, sio.Config{})
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		if err := f.Listen(addr); err != nil {
			t.Fatal(err)
		}
	}
	for _, addr := range f.Addrs() {
		w, s := f.over(t, dialAt(t, addr))
		w.alive()
		if got, want := s.Handshake().Address.Addr().String(), addr.(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("the address is %s, want %s", got, want)
		}
	}
}

// TestServeClosedListener: clients that are connected stay when their listener
// is closed, and a further one can be served.
func TestServeClosedListener(t *testing.T) {
	f := unserved(t, sio.Config{})
	serve := func() (net.Listener, <-chan error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- f.Serve(l) }()
		return l, result
	}
	l, result := serve()
	w, _ := f.over(t, dialAt(t, l.Addr()))
	l.Close()
	if err := wait.For(t, "end of Serve", result); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve gave %v", err)
	}
	w.alive()
	next, result := serve()
	other, _ := f.over(t, dialAt(t, next.Addr()))
	other.alive()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := wait.For(t, "end of Serve", result); err != sio.ErrServerClosed {
		t.Errorf("Serve gave %v", err)
	}
}

// TestListenAndServeTLS returns at the end of the server, or because it can't
// begin.
func TestListenAndServeTLS(t *testing.T) {
	f := unserved(t, sio.Config{})
	certFile, keyFile, roots := certificate(t)
	if err := f.ListenAndServeTLS("127.0.0.1:0", certFile, "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a key: %v", err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if err := f.ListenAndServeTLS(busy.Addr().String(), certFile, keyFile); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("at a busy port: %v", err)
	}
	result := make(chan error, 1)
	go func() { result <- f.ListenAndServeTLS("127.0.0.1:0", certFile, keyFile) }()
	wait.Until(t, "address", func() bool { return f.Addr() != nil })
	w, s := f.over(t, tls.Client(dialAt(t, f.Addr()), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}))
	w.alive()
	if !s.Handshake().Secure {
		t.Error("the connection is not secure")
	}
	if err := f.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := wait.For(t, "end of ListenAndServeTLS", result); err != sio.ErrServerClosed {
		t.Errorf("ListenAndServeTLS gave %v", err)
	}
}

// TestServeNothing: what is no listener, and a server that is attached to
// another, give errors.
func TestServeNothing(t *testing.T) {
	f := unserved(t, sio.Config{Loops: 1})
	for _, err := range []error{f.Serve(nil), f.ServeTLS(nil, "", "")} {
		if err == nil || !strings.Contains(err.Error(), "the listener is nil") {
			t.Errorf("got %v", err)
		}
	}
	other := unserved(t, sio.Config{Loops: 1, Path: "/other/"})
	if err := f.Attach(other.Server); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Serve(l); err != sio.ErrListening {
		t.Errorf("got %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is not closed: %v", err)
	}
}
