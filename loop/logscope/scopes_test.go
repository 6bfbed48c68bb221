package logscope_test

import (
	"bytes"
	"flag"
	"log/slog"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/logscope"
	"github.com/sioserver/sioserver/loop/safelog"
)

var all = []string{logscope.Engine, logscope.EngineSocket, logscope.Client, logscope.Socket}

// logger has scopes in front of a log at level Info.
func logger(scopes *logscope.Scopes) (*slog.Logger, *bytes.Buffer) {
	b := new(bytes.Buffer)
	plain := slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return safelog.Wrap(slog.New(scopes.Handler(plain))), b
}

func TestPatterns(t *testing.T) {
	for _, tc := range []struct{ patterns, on string }{
		{"", ""},
		{"*", "engine engine:socket socket.io:client socket.io:socket"},
		{"engine", "engine"},
		{"engine*", "engine engine:socket"},
		{"engine:*", "engine:socket"},
		{"engine,socket.io:*", "engine socket.io:client socket.io:socket"},
		{"*,-engine:socket", "engine socket.io:client socket.io:socket"},
		{"-engine:socket *:socket", "socket.io:socket"},
		{"*:*ket", "engine:socket socket.io:socket"},
		{"*engine", "engine"},
		{"*o*:*t", "socket.io:client socket.io:socket"},
	} {
		scopes := new(logscope.Scopes)
		log, _ := logger(scopes)
		if err := scopes.Set(tc.patterns); err != nil {
			t.Error(err)
		}
		var on []string
		for _, name := range all {
			if l := logscope.Of(log, name); l.Details() {
				on = append(on, name)
			}
		}
		if got := strings.Join(on, " "); got != tc.on || scopes.String() != tc.patterns {
			t.Errorf("%q: got %q, want %q; it is %q", tc.patterns, got, tc.on, scopes)
		}
	}
}

// TestUnknownPattern: an error names what there is, and nothing changes.
func TestUnknownPattern(t *testing.T) {
	scopes := new(logscope.Scopes)
	if err := scopes.Set("engine"); err != nil {
		t.Fatal(err)
	}
	for _, patterns := range []string{"engin", "engine,socketio", "-x", "*.*.*", "engine*e", strings.Repeat("*", 4000) + "x"} {
		err := scopes.Set(patterns)
		if err == nil || !strings.Contains(err.Error(), "there are engine, engine:socket") {
			t.Errorf("%q: got %v", patterns, err)
		}
	}
	if scopes.String() != "engine" {
		t.Errorf("it is %q", scopes)
	}
}

// TestRunTime: a scope is turned on and off while its logger is in use; others
// stay at the level of the log.
func TestRunTime(t *testing.T) {
	scopes := new(logscope.Scopes)
	log, b := logger(scopes)
	l, other := logscope.Of(log, logscope.EngineSocket), logscope.Of(log.With("server", 1), logscope.Socket)
	say := func(text string) {
		l.Detail(text)
		l.Trace(text + ", a packet")
		other.Detail(text + ", another scope")
		log.Debug(text + ", no scope")
	}
	say("before")
	if l.Traces() || !l.MayTrace() {
		t.Error("it traces before it is on")
	}
	_ = scopes.Set("engine:socket")
	say("on")
	if !l.Traces() {
		t.Error("it does not trace")
	}
	_ = scopes.Set("")
	say("after")
	other.Warn("a warning")
	const want = "level=DEBUG msg=on scope=engine:socket\n" +
		"level=DEBUG-4 msg=\"on, a packet\" scope=engine:socket\n" +
		"level=WARN msg=\"a warning\" server=1 scope=socket.io:socket\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
}

// TestWithoutScopes: the log's own level decides.
func TestWithoutScopes(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug, logscope.LevelTrace} {
		b := new(bytes.Buffer)
		l := logscope.Of(safelog.Wrap(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level}))), logscope.Engine)
		l.Detail("detail")
		l.Trace("packet")
		if l.Details() != (level <= slog.LevelDebug) || l.Traces() != (level <= logscope.LevelTrace) || l.MayTrace() != l.Traces() {
			t.Errorf("at %v: details %v, traces %v", level, l.Details(), l.Traces())
		}
		if strings.Contains(b.String(), "detail") != l.Details() || strings.Contains(b.String(), "packet") != l.Traces() || strings.Contains(b.String(), "scope") {
			t.Errorf("at %v: %s", level, b)
		}
	}
}

func TestFlag(t *testing.T) {
	scopes := new(logscope.Scopes)
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(new(bytes.Buffer))
	fs.Var(scopes, "debug", "scopes")
	if err := fs.Parse([]string{"-debug", "engine,socket.io:client"}); err != nil || scopes.String() != "engine,socket.io:client" {
		t.Errorf("%v, %q", err, scopes)
	}
	if err := fs.Parse([]string{"-debug", "nothing"}); err == nil {
		t.Error("an unknown scope is taken")
	}
	fs.PrintDefaults()
}
