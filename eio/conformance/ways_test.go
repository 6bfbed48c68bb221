package conformance

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// way is one on which a request reaches the server. What is in front of the
// server, if anything, marks each request that it sends by a field that no
// client can guess.
type way struct {
	name    string
	version string // the program in front and its version
	unknown bool   // the table is of another version, so this one may wait for more of a request
	network string
	addr    string
	secret  string          // what marks begin with; empty if nothing is in front
	marks   map[string]bool // that the server has seen
	origin  *origin
	srv     *eio.Server
}

// markField is the field with the mark: the secret and what is different in
// each request.
const markField = "X-Mark"

// origin is the application of the servers: what they serve and have seen. Safe
// for concurrent use.
type origin struct {
	mu       sync.Mutex
	seen     []seen   // since the last take
	messages []string // likewise, of the engine's sessions
}

// seen is a request that the server has taken up, whatever its answer was.
type seen struct{ line, mark string }

func (o *origin) note(r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, seen{r.Method + " " + r.RequestURI, r.Header.Get(markField)})
}

func (o *origin) take() (requests []seen, messages []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests, messages = o.seen, o.messages
	o.seen, o.messages = nil, nil
	return requests, messages
}

// ServeHTTP serves what is outside of the engine's path: it answers with the
// request.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.note(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the framing is broken
	}
	fmt.Fprintf(w, "%s %s %q", r.Method, r.RequestURI, body)
}

func (o *origin) NewSession() *eio.Session { return new(eio.Session) }

func (o *origin) Opened(*eio.Session) {}

func (o *origin) Closed(*eio.Session, eio.Reason, error) {}

func (o *origin) Message(_ *eio.Session, data []byte, _ bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages = append(o.messages, string(data))
}

// open starts a server with an origin of its own, and returns the way to it by
// its own port. Behind something else, a middleware sees the engine's requests.
func open(t *testing.T, name string, behind bool) (way, *loop.Engine) {
	t.Helper()
	o := new(origin)
	cfg := eio.Config{Fallback: o, Logger: slog.New(slog.DiscardHandler)}
	w := way{name: name, network: "tcp", origin: o, marks: map[string]bool{}}
	if behind {
		w.secret = fmt.Sprintf("%s-%d-", name, time.Now().UnixNano())
		cfg.Middleware = []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				o.note(r)
				next.ServeHTTP(w, r)
			})
		}}
	}
	srv, err := eio.NewServer(cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	engine := listen.Loopback(t, srv, loop.Config{Loops: 2})
	w.srv, w.addr = srv, engine.Addr().String()
	return w, engine
}

// byHandler is the way through net/http, which is what stands in front.
func byHandler(t *testing.T) way {
	t.Helper()
	w, engine := open(t, "handler", true)
	handler := w.srv.Handler(engine)
	var mu sync.Mutex
	n := 0
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		r.Header.Set(markField, fmt.Sprint(w.secret, n))
		mu.Unlock()
		handler.ServeHTTP(out, r)
	}))
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.Start()
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	w.version, w.addr = "Go "+versionNumber.FindString(runtime.Version()), h.Listener.Addr().String()
	return w
}

// byNginx is the way through nginx, which passes bodies on as they come and
// uses its connections to the server again.
func byNginx(t *testing.T) way {
	t.Helper()
	program := find(t, "nginx", "/usr/sbin/nginx")
	w, _ := open(t, "nginx", true)
	dir := folder(t)
	config := fmt.Sprintf(`daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/errors;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	map $http_upgrade $connection_upgrade {
		default upgrade;
		"" "";
	}
	upstream server {
		server %[2]s;
		keepalive 4;
	}
	server {
		listen unix:%[1]s/socket;
		location / {
			proxy_pass http://server;
			proxy_http_version 1.1;
			proxy_request_buffering off;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header %[3]s %[4]s$request_id;
		}
	}
}
`, dir, w.addr, markField, w.secret)
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, config)
	w.version, w.network, w.addr = "nginx "+version(t, program), "unix", filepath.Join(dir, "socket")
	run(t, w.addr, program, "-p", dir, "-c", file, "-e", filepath.Join(dir, "errors"))
	return w
}

// byHAProxy is the way through HAProxy, which shares its connections to the
// server among its clients.
func byHAProxy(t *testing.T) way {
	t.Helper()
	program := find(t, "haproxy", "/usr/sbin/haproxy")
	w, _ := open(t, "haproxy", true)
	dir := folder(t)
	config := fmt.Sprintf(`global
	maxconn 256
defaults
	mode http
	timeout connect 1m
	timeout client 1m
	timeout server 1m
	timeout http-request 1m
	http-reuse always
frontend clients
	bind unix@%[1]s/socket
	unique-id-format %[4]s%%Ts-%%ci-%%cp-%%rt
	http-request set-header %[3]s %%[unique-id]
	default_backend servers
backend servers
	server one %[2]s
`, dir, w.addr, markField, w.secret)
	file := filepath.Join(dir, "haproxy.cfg")
	write(t, file, config)
	w.version, w.network, w.addr = "HAProxy "+version(t, program), "unix", filepath.Join(dir, "socket")
	run(t, w.addr, program, "-db", "-f", file)
	return w
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// folder is a new one whose name is short enough for sockets.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eio")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// find returns the path of a program, which may be in the path of root alone.
// It skips the test where the program is missing, or fails it under CI.
func find(t *testing.T, program, usual string) string {
	t.Helper()
	for _, name := range []string{program, usual} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// run runs a program until the test ends, and waits until it listens.
func run(t *testing.T, socket, program string, args ...string) {
	t.Helper()
	var complaints bytes.Buffer
	process := exec.Command(program, args...)
	process.Stdout, process.Stderr = &complaints, &complaints
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = process.Wait() // it is ended by a signal
	}()
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		eiotest.Receive(t, ended)
		if t.Failed() {
			t.Logf("%s: %s", program, complaints.String())
		}
	})
	eiotest.Eventually(t, program+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s: %s", program, complaints.String())
		default:
		}
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

var versionNumber = regexp.MustCompile(`[0-9]+\.[0-9]+`)

// version returns the first two numbers of a program's version.
func version(t *testing.T, program string) string {
	t.Helper()
	b, err := exec.Command(program, "-v").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return versionNumber.FindString(string(b))
}

// dial opens a connection on this way.
func (w *way) dial(t *testing.T) *eiotest.Conn {
	t.Helper()
	conn, err := net.DialTimeout(w.network, w.addr, eiotest.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	return eiotest.NewConn(t, conn)
}

// session opens a session over polling and returns its sid.
func (w *way) session(t *testing.T) string {
	t.Helper()
	conn := w.dial(t)
	conn.WriteString("GET " + handshake + " HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
	r := conn.ReadResponse()
	_, rest, _ := strings.Cut(r.Body, `"sid":"`)
	sid, _, found := strings.Cut(rest, `"`)
	if r.Status != http.StatusOK || !found {
		t.Fatalf("no session: %d %s", r.Status, r.Body)
	}
	return sid
}
