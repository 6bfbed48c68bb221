package ops

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

func TestState(t *testing.T) {
	var s State
	o, err := Listen("127.0.0.1:0", &s, NewMetrics(), new(sio.LogScopes), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	get := func(path string) (int, string) {
		t.Helper()
		r, err := http.Get("http://" + o.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, strings.TrimSpace(string(b))
	}
	for _, step := range []struct {
		do     func()
		status int
		text   string
	}{
		{func() {}, 503, "starting"},
		{s.Ready, 200, "ready"},
		{s.Drain, 503, "draining"},
		{s.Ready, 503, "draining"}, // a signal may come before the server listens
	} {
		step.do()
		if status, text := get("/readyz"); status != step.status || text != step.text {
			t.Errorf("/readyz: %d %s, want %d %s", status, text, step.status, step.text)
		}
		if status, text := get("/healthz"); status != 200 || text != "ok" {
			t.Errorf("/healthz: %d %s", status, text)
		}
	}
	for path, want := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "ops", "/metrics": "go_goroutines ", "/debug/pprof/heap?debug=1": "heap profile"} {
		if status, text := get(path); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := get("/"); status != 404 {
		t.Errorf("/: %d", status)
	}
}

func TestLog(t *testing.T) {
	scopes := new(sio.LogScopes)
	o, err := Listen("127.0.0.1:0", new(State), NewMetrics(), scopes, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, tc := range []struct {
		method, body string
		status       int
		answer, then string
	}{
		{"GET", "", 200, "", ""},
		{"PUT", "engine,socket.io:client", 200, "engine,socket.io:client", "engine,socket.io:client"},
		{"GET", "", 200, "engine,socket.io:client", "engine,socket.io:client"},
		{"PUT", "nonsense", 400, `logscope: no scope matches "nonsense"`, "engine,socket.io:client"},
		{"PUT", strings.Repeat("engine,", 1000), 413, "too long", "engine,socket.io:client"},
		{"POST", "engine", 405, "Method Not Allowed", "engine,socket.io:client"},
		{"PUT", "", 200, "", ""},
	} {
		r, err := http.NewRequest(tc.method, "http://"+o.Addr().String()+"/debug/log", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != tc.status || !strings.HasPrefix(string(b), tc.answer) || scopes.String() != tc.then {
			t.Errorf("%s %.30q: %d %q, then %q", tc.method, tc.body, answer.StatusCode, b, scopes)
		}
	}
}
