package scenario_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/scenario"
)

func TestParseFillsInDefaults(t *testing.T) {
	p, err := scenario.Parse("fan", []byte("kind = \"broadcast\"\nclients = 10\nin_flight = 2\nduration = \"1.5s\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := scenario.Profile{
		Name: "fan", Title: "fan", Kind: scenario.Broadcast, Transport: scenario.WebSocket, Runs: 3, Clients: 10, Concurrency: 64,
		Settle: scenario.Duration(time.Second), Payload: 100, InFlight: 2, Warmup: scenario.Duration(500 * time.Millisecond),
		Duration: scenario.Duration(1500 * time.Millisecond), Sample: scenario.Duration(500 * time.Millisecond),
	}
	if got := *p; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	const echo = "kind = \"echo\"\nclients = 1\nin_flight = 1\nduration = \"1s\"\n"
	for _, tc := range []struct{ name, file, want string }{
		{"no kind", `title = "x"`, `kind = "": must be one of broadcast, cluster, echo, idle, latency, rooms, storm, waves`},
		{"an unknown kind", `kind = "eho"`, `kind = "eho": must be one of`},
		{"a setting that no kind has", echo + `client = 5`, `line 5: there is no setting "client"`},
		{"a setting of another kind", echo + `rooms = 5`, `rooms: kind "echo" has no such setting`},
		{"a missing setting", `kind = "idle"`, `kind "idle" needs the setting "steps"`},
		{"a wrong type", "kind = \"echo\"\nclients = \"many\"", "line 2: clients"},
		{"a wrong duration", echo + `warmup = "3 parsecs"`, "line 5: warmup"},
		{"no TOML", "kind = = 3", "line 1"},
		{"an unknown transport", echo + `transport = "smoke"`, `transport = "smoke": must be websocket, polling or upgrade`},
		{"a share without upgrade", echo + `stay_polling = 0.5`, `only the transport "upgrade"`},
		{"a share above one", echo + "transport = \"upgrade\"\nstay_polling = 1.5", "must be between 0 and 1"},
		{"a payload that is too small", echo + `payload = 4`, "payload = 4: must be at least 16"},
		{"a payload that is too large", echo + `payload = 100000`, "must be at most 60000"},
		{"too much in flight", "kind = \"echo\"\nclients = 1\nduration = \"1s\"\nin_flight = 100", "in_flight = 100: must be at most 64"},
		{"too many dials", echo + `concurrency = 1000`, "must be at most 400"},
		{"no clients", "kind = \"echo\"\nclients = 0\nin_flight = 1\nduration = \"1s\"", "clients = 0: must be at least 1"},
		{"no time", "kind = \"echo\"\nclients = 1\nin_flight = 1\nduration = \"0s\"", `duration = "0s": must be more than 0`},
		{"a negative wait", echo + `settle = "-1s"`, "settle"},
		{"rooms that don't fit", "kind = \"rooms\"\nclients = 10\nrooms = 3\nin_flight = 1\nduration = \"1s\"", "clients (10) must be a multiple"},
		{"rooms that don't fit a cluster's clients", "kind = \"cluster\"\nclients = 10\nrooms = 3\nin_flight = 1\nduration = \"1s\"", "clients (10) must be a multiple"},
		{"one step", "kind = \"idle\"\nsteps = [5]", "at least two"},
		{"steps that fall", "kind = \"idle\"\nsteps = [5, 4]", "4 does not rise"},
		{"a negative step", "kind = \"waves\"\nhold = \"1s\"\nsteps = [5, -4]", "-4 is negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := scenario.Parse("x", []byte(tc.file))
			if err == nil {
				t.Fatalf("accepted as %+v", *p)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
		})
	}
}

func TestCommittedProfilesAreValid(t *testing.T) {
	for _, dir := range []string{"", "quick"} {
		profiles, err := scenario.LoadDir(filepath.Join("..", "..", "profiles", dir))
		if err != nil {
			t.Error(err)
		}
		for _, p := range profiles {
			if p.Title == p.Name || len(p.Peers) == 0 {
				t.Errorf("%s/%s: has no title or no peers", dir, p.Name)
			}
		}
	}
}

func TestLoadDirNamesTheFile(t *testing.T) {
	if _, err := scenario.LoadDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no profile") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := scenario.Load(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("a missing file: %v", err)
	}
}
