package conformance

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// client is where the clients of these tests are; proxies are at 127.0.0.1.
const client = "127.0.0.2"

// opened is where a session comes from.
type opened struct {
	addr   netip.Addr
	secure bool
}

// arrivals is the upper layer of a server that only notes its sessions.
type arrivals struct {
	origin
	came chan opened
}

func (a *arrivals) Opened(s *eio.Session) {
	a.came <- opened{s.RemoteAddr().Addr(), s.Request().Secure()}
}

// behind starts a server that trusts 127.0.0.1 alone, and returns its address.
func behind(t *testing.T, cfg eio.Config) (addr string, a *arrivals) {
	t.Helper()
	a = &arrivals{came: make(chan opened, 10)}
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Fallback = a
	srv, err := eio.NewServer(cfg, a)
	if err != nil {
		t.Fatal(err)
	}
	return listen.Loopback(t, srv, loop.Config{Loops: 2}).Addr().String(), a
}

// visit opens a session from the client's address, over addr, with what a
// client may forge.
func visit(t *testing.T, addr string, config *tls.Config) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}, Timeout: eiotest.Timeout}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	c := eiotest.NewConn(t, conn)
	c.WriteString("GET " + handshake + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n")
	if r := c.ReadResponse(); r.Status != http.StatusOK {
		t.Fatalf("%+v", r)
	}
}

// freePort is a port of 127.0.0.1 on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestBehindProxies: HAProxy and nginx name the client's address in each of
// their ways.
func TestBehindProxies(t *testing.T) {
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	header := eio.Config{ProxyProtocol: &eio.ProxyProtocol{From: here}}
	fields := eio.Config{TrustedProxies: here}
	for name, c := range map[string]struct {
		start  func(t *testing.T, server string) (addr string, config *tls.Config)
		cfg    eio.Config
		secure bool
	}{
		"HAProxy, version 1":       {haproxy("mode tcp", "send-proxy", false), header, false},
		"HAProxy, version 2":       {haproxy("mode tcp", "send-proxy-v2", false), header, false},
		"HAProxy, TLS":             {haproxy("mode tcp", "send-proxy-v2-ssl-cn", true), header, true},
		"HAProxy, with a checksum": {haproxy("mode tcp", "send-proxy-v2 proxy-v2-options crc32c,unique-id", false), header, false},
		"HAProxy, HTTP":            {haproxy("mode http", "send-proxy-v2", false), header, false},
		"HAProxy, a field":         {haproxy("mode http\n\toption forwardfor", "", false), fields, false},
		"HAProxy, RFC 7239": {haproxy("mode http\n\thttp-request add-header Forwarded for=%[src];proto=https", "", true),
			eio.Config{TrustedProxies: here, AddressField: "Forwarded"}, true},
		"nginx, version 1": {nginxStream, header, false},
		"nginx, a field":   {nginxHTTP("X-Forwarded-For $proxy_add_x_forwarded_for"), fields, false},
		"nginx, X-Real-IP": {nginxHTTP("X-Real-IP $remote_addr"), eio.Config{TrustedProxies: here, AddressField: "X-Real-IP"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, a := behind(t, c.cfg)
			addr, config := c.start(t, server)
			visit(t, addr, config)
			want := opened{netip.MustParseAddr(client), c.secure}
			if got := eiotest.Receive(t, a.came); got != want {
				t.Errorf("%+v; want %+v", got, want)
			}
		})
	}
}

// haproxy returns what starts HAProxy before a server, with the given lines of
// its backend and options of the server.
func haproxy(lines, options string, encrypted bool) func(*testing.T, string) (string, *tls.Config) {
	return func(t *testing.T, server string) (string, *tls.Config) {
		program := find(t, "haproxy", "/usr/sbin/haproxy")
		dir, addr := folder(t), freePort(t)
		mode, bind := "tcp", ""
		if bytes.Contains([]byte(lines), []byte("mode http")) {
			mode = "http"
		}
		var config *tls.Config
		if encrypted {
			file := filepath.Join(dir, "pem")
			config = certificate(t, file)
			bind = "ssl crt " + file
		}
		write(t, filepath.Join(dir, "haproxy.cfg"), fmt.Sprintf(`defaults
	timeout connect 1m
	timeout client 1m
	timeout server 1m
frontend clients
	mode %s
	bind %s %s
	bind unix@%s/socket
	default_backend servers
backend servers
	%s
	server one %s %s
`, mode, addr, bind, dir, lines, server, options))
		run(t, filepath.Join(dir, "socket"), program, "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
		return addr, config
	}
}

// certificate writes a certificate with its key to a file, and returns the
// configuration of a client that accepts it.
func certificate(t *testing.T, file string) *tls.Config {
	t.Helper()
	h := httptest.NewTLSServer(nil)
	defer h.Close()
	own := h.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	write(t, file, string(text)+string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	pool := x509.NewCertPool()
	pool.AddCert(h.Certificate())
	return &tls.Config{RootCAs: pool, ServerName: "example.com"}
}

// nginx starts nginx with the given block of its configuration, which uses addr
// and a socket in the folder that is passed to it.
func nginx(t *testing.T, modules string, block func(dir, addr string) string) string {
	t.Helper()
	program := find(t, "nginx", "/usr/sbin/nginx")
	dir, addr := folder(t), freePort(t)
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, fmt.Sprintf(`%s
daemon off;
master_process off;
pid %[2]s/pid;
error_log %[2]s/errors;
events { worker_connections 64; }
%[3]s
`, modules, dir, block(dir, addr)))
	run(t, filepath.Join(dir, "socket"), program, "-p", dir, "-c", file, "-e", filepath.Join(dir, "errors"))
	return addr
}

// nginxStream passes connections on with headers of version 1.
func nginxStream(t *testing.T, server string) (string, *tls.Config) {
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(module); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("nginx has no stream module")
	}
	return nginx(t, "load_module "+module+";", func(dir, addr string) string {
		return fmt.Sprintf(`stream {
	server {
		listen %s;
		listen unix:%s/socket;
		proxy_pass %s;
		proxy_protocol on;
	}
}`, addr, dir, server)
	}), nil
}

// nginxHTTP passes requests on with a field.
func nginxHTTP(field string) func(*testing.T, string) (string, *tls.Config) {
	return func(t *testing.T, server string) (string, *tls.Config) {
		return nginx(t, "", func(dir, addr string) string {
			return fmt.Sprintf(`http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		listen unix:%[1]s/socket;
		location / {
			proxy_pass http://%[3]s;
			proxy_set_header %[4]s;
		}
	}
}`, dir, addr, server, field)
		}), nil
	}
}
