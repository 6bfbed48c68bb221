package settings

import (
	"cmp"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// write makes a configuration file.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sioserver.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// keys returns the keys of a struct in a file, and its fields.
func keys(prefix string, v reflect.Value) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Tag.Get("toml")
		if v.Field(i).Kind() == reflect.Struct && slices.Contains(tables, name) {
			for k, f := range keys(name+".", v.Field(i)) {
				found[k] = f
			}
			continue
		}
		found[name] = v.Field(i)
	}
	return found
}

// TestEveryKeyIsAFlag: the file and the command line have the same settings.
func TestEveryKeyIsAFlag(t *testing.T) {
	s := Defaults()
	fs := newFlagSet()
	s.define(fs)
	known := map[string]bool{}
	for k := range keys("", reflect.ValueOf(s)) {
		name := strings.ReplaceAll(k, ".", "-")
		known[name] = true
		if fs.Lookup(name) == nil {
			t.Errorf("%s is no flag", name)
		}
		if got := key(name); got != k {
			t.Errorf("the key of -%s is %s, want %s", name, got, k)
		}
	}
	fs.VisitAll(func(f *flag.Flag) {
		if !known[f.Name] {
			t.Errorf("-%s is no key", f.Name)
		}
	})
}

// TestEverySettingArrives: each setting of a file that differs from the default
// changes something.
func TestEverySettingArrives(t *testing.T) {
	elsewhere := []string{"addr", "ops-addr", "health", "no-demo", "log-level", "log-format", "debug", "shutdown-timeout",
		"redis", "adapter", "advertise", "tls.cert", "tls.key", "tls.client-ca"} // which the program uses itself
	other := Defaults()
	other.CORS.Credentials, other.Cookie.Name, other.Compression.WebSocket = true, "io", 1
	other.Recovery.Duration.Duration = time.Hour
	other.Limits.AddressSessions, other.Limits.SocketEvents = 1, 1
	was := other.Server()
	for k := range keys("", reflect.ValueOf(other)) {
		if slices.Contains(elsewhere, k) {
			continue
		}
		t.Run(k, func(t *testing.T) {
			s := other
			change(t, k, keys("", reflect.ValueOf(&s).Elem())[k])
			if reflect.DeepEqual(s.Server(), was) {
				t.Error("it does not reach the server")
			}
		})
	}
}

// change gives a setting another valid value.
func change(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch field := v.Addr().Interface().(type) {
	case *bool:
		*field = !*field
	case *int:
		*field += 7
	case *int64:
		*field += 7
	case *float64:
		*field += 7
	case *Mode:
		field.FileMode = 0o660
	case *Duration:
		field.Duration += time.Second
	case *List:
		*field = List{"10.0.0.1"}
	case *string:
		values := map[string]string{"slow-consumer": "drop-oldest", "cookie.same-site": "strict", "limits.event-policy": "refuse"}
		*field = cmp.Or(values[name], *field+"x")
	default:
		t.Fatalf("%s is a %T", name, field)
	}
}

func TestFlagsComeBeforeTheFile(t *testing.T) {
	file := write(t, `
addr = ":1"
ping-interval = "3s"
transports = ["websocket"]
[cors]
origins = ["https://a.example"]
`)
	c, err := Parse([]string{"-config", file, "-addr", ":2", "-cors-origins", "https://b.example,https://c.example"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.Server()
	if c.Addr != ":2" || cfg.PingInterval != 3*time.Second || !slices.Equal(cfg.Transports, []string{"websocket"}) ||
		!slices.Equal(cfg.CORS.Origins, []string{"https://b.example", "https://c.example"}) || cfg.PingTimeout != 20*time.Second {
		t.Errorf("settings %+v", c.Settings)
	}
}

// TestPrintedSettingsAreAFile: what check prints means the same again.
func TestPrintedSettingsAreAFile(t *testing.T) {
	c, err := Parse([]string{"-redis", "redis://:secret@127.0.0.1:1", "-recovery-duration", "2m", "-origins", "https://a.example", "-log-level", "warn"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.TOML()
	if err != nil || strings.Contains(string(text), "secret") {
		t.Fatalf("%v:\n%s", err, text)
	}
	again, err := Parse([]string{"-config", write(t, string(text))})
	if err != nil {
		t.Fatal(err)
	}
	c.Redis, again.Redis = "", ""
	if !reflect.DeepEqual(c.Server(), again.Server()) || again.LogLevel != c.LogLevel {
		t.Errorf("the file means %+v, the flags %+v", again.Settings, c.Settings)
	}
}

func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "addr = \":1\"\n\nping = 3\n", `line 3: there is no setting "ping"`},
		{"two unknown keys", "a = 1\n[cors]\nb = 2\n", `line 1: there is no setting "a"; line 3: there is no setting "cors.b"`},
		{"unknown table", "[corse]\norigins = []\n", `line 1: there is no setting "corse"`},
		{"wrong type", "\nloops = \"many\"\n", "line 2: loops: "},
		{"wrong duration", "\n\nping-interval = \"soon\"\n", "line 3: ping-interval: "},
		{"number for a duration", "\nping-interval = 25\n", "line 2: it must be a time with its unit"},
		{"no TOML", "addr: 1\n", "line 1: "},
		{"given twice", "addr = \":1\"\naddr = \":2\"\n", "addr"},
		{"wrong value", "loops = 300\n", `invalid value "300" for loops: it must be between 1 and 256`},
		{"wrong value in a table", "[cookie]\nsame-site = \"some\"\n", `invalid value "some" for cookie.same-site: it must be lax, strict or none`},
		{"half of two", "[tls]\ncert = \"a\"\n", `invalid value "" for tls.key: -tls-cert and -tls-key need each other`},
		{"wrong permissions", "addr = \"unix:/a\"\nsocket-mode = \"0999\"\n", "line 2: socket-mode: "},
		{"permissions without a file", "socket-mode = \"0660\"\n", `invalid value "0660" for socket-mode: it needs -addr unix:/path`},
		{"wrong policy", "[limits]\nevent-policy = \"drop\"\n", `invalid value "drop" for limits.event-policy: it must be pause, refuse or disconnect`},
		{"wrong proxy", "trusted-proxies = [\"10.0.0.0/33\"]\n", `invalid value "10.0.0.0/33" for trusted-proxies`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, c.text)
			_, err := Parse([]string{"-config", file})
			if err == nil || !strings.HasPrefix(err.Error(), file+": ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("says %v, want one line with %s: %s", err, file, c.want)
			}
		})
	}
	if _, err := Parse([]string{"-config", "nowhere.toml"}); err == nil || !strings.Contains(err.Error(), "nowhere.toml") {
		t.Errorf("a file that is missing: %v", err)
	}
	if _, err := Parse([]string{"-config", write(t, "x = \""+strings.Repeat("x", maxFile)+"\"")}); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("a large file: %v", err)
	}
}

// TestErrorsOfTheServerNameSettings: what sio.New refuses is found in the file
// or the command line.
func TestErrorsOfTheServerNameSettings(t *testing.T) {
	file := write(t, "max-pending = -1\n")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"a flag", []string{"-max-sessions", "-1"}, "flag -max-sessions is -1; it must be positive"},
		{"a key", []string{"-config", file}, file + ": max-pending is -1; it must be positive"},
		{"of a table", []string{"-cors-origins", "a.example/"}, `flag -cors-origins has "a.example/"; it must be`},
		{"two words in capitals", []string{"-max-http-buffer-size", "9223372036854775807"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			command, err := Parse(c.args)
			if err != nil {
				t.Fatal(err)
			}
			srv, err := sio.New(command.Server())
			if err == nil {
				srv.Close()
				if c.want != "" {
					t.Fatal("the server accepts it")
				}
				return
			}
			if got := command.Explain(err).Error(); !strings.HasPrefix(got, c.want) {
				t.Errorf("says %q of %q, want %q", got, err, c.want)
			}
		})
	}
	var c Command
	c.Flags = newFlagSet()
	if other := errors.New("disk full"); c.Explain(other) != other {
		t.Error("another error is changed")
	}
}

func TestKebab(t *testing.T) {
	for in, want := range map[string]string{
		"MaxHTTPBufferSize": "max-http-buffer-size",
		"AllowEIO3":         "allow-eio3",
		"CORS.Origins":      "cors-origins",
		"MaxQueued":         "max-queued",
	} {
		if got := kebab(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestDocumentedFile: the file of docs/operating.md is valid, and arrives.
func TestDocumentedFile(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^```toml\n(.*?)^```$").FindSubmatch(page)
	if m == nil {
		t.Fatal("the page has no file")
	}
	c, err := Parse([]string{"-config", write(t, string(m[1]))})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server().Drain != (sio.Drain{Notice: 15 * time.Second, Spread: time.Minute}) || !c.CORS.Credentials || !c.Health || c.Recovery.Duration.Duration != 2*time.Minute {
		t.Errorf("settings %+v", c.Settings)
	}
	if srv, err := sio.New(c.Server()); err != nil {
		t.Error(err)
	} else {
		srv.Close()
	}
}
