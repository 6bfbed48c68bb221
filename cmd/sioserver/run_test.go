package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// patience is how long a test waits for what must come; only failures take it.
const patience = wait.Patience

// start runs the program with args on a free port and gives the address that
// it prints, its signals, and its end.
func start(t *testing.T, stderr io.Writer, args ...string) (url string, signals chan os.Signal, ended chan int) {
	t.Helper()
	out, in := io.Pipe()
	signals, ended = make(chan os.Signal, 2), make(chan int, 1)
	go func() {
		code := run(append([]string{"-addr", "127.0.0.1:0"}, args...), in, stderr, signals)
		in.Close()
		ended <- code
	}()
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("no line about the address: %v", err)
	}
	_, url, _ = strings.Cut(strings.TrimSpace(string(line[:n])), "listens on ")
	return url, signals, ended
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// end waits for the program's exit code.
func end(t *testing.T, ended chan int) int {
	t.Helper()
	select {
	case code := <-ended:
		return code
	case <-time.After(patience):
		t.Fatal("the program does not end")
		return 0
	}
}

func TestServesUntilASignal(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			url, signals, ended := start(t, io.Discard)
			if status, body := get(t, url); status != 200 || !strings.Contains(body, "<h1>sioserver</h1>") {
				t.Errorf("page: status %d", status)
			}
			status, body := get(t, url+"socket.io/?EIO=4&transport=polling")
			if status != 200 || !strings.HasPrefix(body, `0{"sid":"`) {
				t.Errorf("handshake: status %d, body %s", status, body)
			}
			signals <- s
			if code := end(t, ended); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	url, signals, ended := start(t, io.Discard, "-no-demo", "-no-client", "-path", "/my", "-ping-interval", "3s",
		"-ping-timeout", "2s", "-max-http-buffer-size", "5000", "-transports", " polling , polling", "-loops", "1", "-log-format", "json")
	if !strings.HasSuffix(url, "/my/") {
		t.Errorf("address %s", url)
	}
	_, body := get(t, url+"?EIO=4&transport=polling")
	if !strings.HasSuffix(body, `"upgrades":[],"pingInterval":3000,"pingTimeout":2000,"maxPayload":5000}`) {
		t.Errorf("handshake %s", body)
	}
	if status, _ := get(t, strings.TrimSuffix(url, "my/")); status != 404 {
		t.Errorf("page: status %d without the demo", status)
	}
	signals <- os.Interrupt
	end(t, ended)
}

// TestOldClients opens a session of Engine.IO 3, which only -allow-eio3 serves.
func TestOldClients(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		body   string
	}{
		{"by default", nil, 400, `"Unsupported protocol version"`},
		{"with -allow-eio3", []string{"-allow-eio3"}, 200, `:0{"sid":"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, signals, ended := start(t, io.Discard, append(c.args, "-no-demo", "-no-client")...)
			if status, body := get(t, url+"?EIO=3&transport=polling"); status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("handshake: status %d, body %s", status, body)
			}
			signals <- os.Interrupt
			end(t, ended)
		})
	}
}

// TestOriginsFlag: only pages of the listed origins get a session.
func TestOriginsFlag(t *testing.T) {
	for origin, want := range map[string]int{"https://x.example": 200, "https://evil.example": 403} {
		url, signals, ended := start(t, io.Discard, "-no-demo", "-no-client", "-origins", "https://a.example, https://x.example")
		r, err := http.NewRequest(http.MethodGet, url+"?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("from %s: %s", origin, answer.Status)
		}
		signals <- os.Interrupt
		end(t, ended)
	}
}

// TestDemoWithoutClient warns of a demo that can't work.
func TestDemoWithoutClient(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		warnings int
	}{
		{"with the demo", []string{"-no-client"}, 1},
		{"without", []string{"-no-client", "-no-demo"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr bytes.Buffer
			_, signals, ended := start(t, &stderr, c.args...)
			signals <- os.Interrupt
			end(t, ended)
			if n := strings.Count(stderr.String(), "the demo does not work"); n != c.warnings {
				t.Errorf("%d warnings in\n%s", n, &stderr)
			}
		})
	}
}

// TestServesWithoutItsCluster starts when there is no Redis.
func TestServesWithoutItsCluster(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, adapter := range settings.Adapters {
		t.Run(adapter, func(t *testing.T) {
			var stderr bytes.Buffer
			url, signals, ended := start(t, &stderr, "-redis", "redis://"+nobody.Addr().String(), "-adapter", adapter,
				"-advertise", "127.0.0.1:3000", "-no-client")
			status, body := get(t, url+"socket.io/?EIO=4&transport=polling")
			if status != 200 || !strings.HasPrefix(body, `0{"sid":"`) {
				t.Errorf("handshake: status %d, body %s", status, body)
			}
			signals <- os.Interrupt
			if code := end(t, ended); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if n := strings.Count(stderr.String(), "list of nodes can't be read"); n != 1 {
				t.Errorf("%d warnings in\n%s", n, &stderr)
			}
		})
	}
}

// TestRefusals wants one clear line and exit code 2.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-colour", "red"}, "flag provided but not defined: -colour (sioserver -h explains the flags)"},
		{"bad duration", []string{"-ping-interval", "soon"}, `invalid value "soon" for flag -ping-interval`},
		{"bad scope", []string{"-debug", "engin"}, `invalid value "engin" for flag -debug: logscope: no scope matches "engin"; there are engine, `},
		{"bad level", []string{"-log-level", "loud"}, `invalid value "loud" for flag -log-level: it must be debug, info, warn or error`},
		{"bad format", []string{"-log-format", "xml"}, `invalid value "xml" for flag -log-format: it must be text or json`},
		{"bad path", []string{"-path", "socket.io"}, `invalid value "socket.io" for flag -path: it must begin with a slash`},
		{"demo's path", []string{"-path", "/"}, `invalid value "/" for flag -path: the demo has this path; add -no-demo`},
		{"no path", []string{"-path", ""}, `invalid value "" for flag -path: it must begin with a slash`},
		{"bad loops", []string{"-loops", "-1"}, `invalid value "-1" for flag -loops: it must be between 1 and 256`},
		{"too many loops", []string{"-loops", "257"}, `invalid value "257" for flag -loops`},
		{"negative time", []string{"-ping-timeout", "-1s"}, `invalid value "-1s" for flag -ping-timeout: it must be at least 1ms`},
		{"no time", []string{"-ping-interval", "0"}, `invalid value "0s" for flag -ping-interval: it must be at least 1ms`},
		{"short time", []string{"-connect-timeout", "1us"}, `invalid value "1µs" for flag -connect-timeout: it must be at least 1ms`},
		{"negative shutdown", []string{"-shutdown-timeout", "-1s"}, `invalid value "-1s" for flag -shutdown-timeout: it must not be negative`},
		{"bad size", []string{"-max-http-buffer-size", "0"}, `invalid value "0" for flag -max-http-buffer-size: it must be positive`},
		{"bad transport", []string{"-transports", "polling, pigeon"}, `invalid value "pigeon" for flag -transports: it must be polling, websocket or both`},
		{"bad origin", []string{"-origins", "https://a.example, https://b.example/"}, `invalid value "https://b.example/" for flag -origins: it must be an origin as browsers send it`},
		{"all origins", []string{"-origins", "*"}, `invalid value "*" for flag -origins`},
		{"no transport", []string{"-transports", ""}, `invalid value "" for flag -transports`},
		{"bad redis", []string{"-redis", "http://:secret@x"}, `sioserver: invalid value for flag -redis: the address is http://:xxxxx@x; it must be like redis://host:port: invalid URL scheme: http`},
		{"no redis", []string{"-redis", "redis://:secret@[x"}, `sioserver: invalid value for flag -redis: the address must be like redis://host:port: missing ']' in host`},
		{"bad adapter", []string{"-adapter", "pigeon"}, `invalid value "pigeon" for flag -adapter: it must be pubsub, sharded or streams`},
		{"adapter alone", []string{"-adapter", "streams"}, `invalid value "streams" for flag -adapter: it needs -redis`},
		{"advertise alone", []string{"-advertise", "10.0.0.1:3000"}, `invalid value "10.0.0.1:3000" for flag -advertise: it needs -redis`},
		{"bad advertise", []string{"-redis", "redis://127.0.0.1:1", "-advertise", ":3000"}, `invalid value ":3000" for flag -advertise: it must be host:port`},
		{"argument", []string{"3000"}, `unexpected argument "3000"`},
		{"port in use", []string{"-no-demo", "-addr", taken.Addr().String()}, "another program listens on " + taken.Addr().String() + " already; choose another address with -addr"},
		{"bad address", []string{"-no-demo", "-addr", "nowhere"}, "sioserver: can't listen on nowhere: missing port in address\n"},
		{"bad port", []string{"-no-demo", "-addr", ":99999"}, "sioserver: can't listen on :99999: invalid port\n"},
		{"no address", []string{"-addr", ""}, `invalid value "" for flag -addr: it must be host:port or :port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"-no-client"}, c.args...), &stdout, &stderr, nil)
			if code != exitUsage || stdout.Len() > 0 {
				t.Errorf("exit code %d, output %q", code, &stdout)
			}
			line := stderr.String()
			if !strings.HasPrefix(line, "sioserver: ") || !strings.Contains(line, c.want) || strings.Count(line, "\n") != 1 || strings.Contains(line, "secret") {
				t.Errorf("says %q, want one line with %q", line, c.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"-h"}, &stdout, &stderr, nil); code != exitDone || stderr.Len() > 0 {
		t.Errorf("exit code %d, complaints %q", code, &stderr)
	}
	for _, name := range []string{"-addr", "-path", "-loops", "-ping-interval", "-discard-request", "-no-demo", "(default info)", "-version", "Examples:"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("%s is not explained", name)
		}
	}
}

func TestVersion(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run([]string{"-version"}, &stdout, &stderr, nil)
	if line := stdout.String(); code != exitDone || !strings.HasPrefix(line, "sioserver ") || !strings.HasSuffix(line, " "+runtime.Version()+"\n") {
		t.Errorf("exit code %d, says %q", code, line)
	}
}

func TestPlace(t *testing.T) {
	for addr, want := range map[string]string{
		"[::]:3000":      "http://localhost:3000/ (all addresses)",
		"0.0.0.0:80":     "http://localhost:80/ (all addresses)",
		"127.0.0.1:3000": "http://127.0.0.1:3000/",
		"[::1]:3000":     "http://[::1]:3000/",
	} {
		if got := place(settings.Settings{}, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if got := place(settings.Settings{NoDemo: true, Path: "/my/"}, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::]:1"))); got != "http://localhost:1/my/ (all addresses)" {
		t.Errorf("without the demo: %q", got)
	}
}

// TestBundle serves the client when the build has it, and otherwise warns once
// and answers with what to do.
func TestBundle(t *testing.T) {
	var stderr bytes.Buffer
	url, signals, ended := start(t, &stderr)
	status, body := get(t, url+"socket.io/socket.io.js")
	signals <- os.Interrupt
	end(t, ended)
	warnings := strings.Count(stderr.String(), "make client")
	if _, present := clientFiles(); present {
		if status != 200 || warnings != 0 {
			t.Errorf("present: status %d, %d warnings", status, warnings)
		}
	} else if status != 404 || !strings.Contains(body, "make client") || warnings != 1 {
		t.Errorf("absent: status %d, %d warnings, body %s", status, warnings, body)
	}
}
