//go:build linux

package scenario_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/attack"
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

func TestParseMakesEveryAttack(t *testing.T) {
	p, err := scenario.Parse("all", []byte("kind = \"attack\"\nclients = 1\nrate = 1\nwindow = \"2s\"\npeak_mb = 1\nduration = \"1s\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Attacks, attack.Names()) || p.After.Std() != time.Minute {
		t.Errorf("attacks %q, after %s", p.Attacks, p.After.Std())
	}
}

func TestParseRefuses(t *testing.T) {
	const echo = "kind = \"echo\"\nclients = 1\nin_flight = 1\nduration = \"1s\"\n"
	const attack = "kind = \"attack\"\nclients = 1\nrate = 1\nwindow = \"2s\"\npeak_mb = 100\nduration = \"1s\"\n"
	const flood = "kind = \"flood\"\nclients = 1\nrate = 1\nwindow = \"2s\"\nflooders = 2\nevents = 100\n"
	const soak = "kind = \"soak\"\nclients = 1\nrate = 1\nchurn = 1\nduration = \"1m\"\nsample = \"1s\"\nattacks = [\"sessions\"]\n"
	const link = "kind = \"link\"\nwithin = \"1m\"\n"
	for _, tc := range []struct{ name, file, want string }{
		{"no kind", `title = "x"`, `kind = "": must be one of attack, broadcast, cluster, echo, flood, idle, latency, link, rooms, soak, storm, waves`},
		{"an unknown kind", "\n" + `kind = "eho"`, `line 2: kind = "eho": must be one of`},
		{"a setting that no kind has", echo + `client = 5`, `line 5: there is no setting "client"`},
		{"a setting of another kind", echo + `rooms = 5`, `line 5: rooms: kind "echo" has no such setting`},
		{"a missing setting", `kind = "idle"`, `kind "idle" needs the setting "steps"`},
		{"a wrong type", "kind = \"echo\"\nclients = \"many\"", "line 2: clients"},
		{"a wrong duration", echo + `warmup = "3 parsecs"`, "line 5: warmup"},
		{"no TOML", "kind = = 3", "line 1"},
		{"an unknown transport", echo + `transport = "smoke"`, `transport = "smoke": must be websocket, polling or upgrade`},
		{"a share without upgrade", echo + `stay_polling = 0.5`, `only the transport "upgrade"`},
		{"a share above one", echo + "transport = \"upgrade\"\nstay_polling = 1.5", "must be between 0 and 1"},
		{"a payload that is too small", echo + `payload = 4`, "line 5: payload = 4: must be at least 16"},
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
		{"an unknown attack", attack + `attacks = ["fragments", "smoke"]`, `line 7: attacks = "smoke": must be among fragments, unfinished,`},
		{"an attack twice", attack + "attacks = [\"stalled\",\n\"stalled\"]", `line 7: attacks = "stalled": is there twice`},
		{"no attack", attack + "attacks = []", `line 7: attacks = []: needs one of fragments`},
		{"no bound for an early end", attack + "early = true", `line 7: early = true: needs the setting "after_mb"`},
		{"a bound of nothing", attack + "after_mb = 0", `line 7: after_mb = 0: must be at least 1`},
		{"no window", strings.Replace(attack, "2s", "0s", 1), `line 4: window = "0s": must be more than 0`},
		{"no bound of the memory", strings.Replace(attack, "peak_mb", "after_mb", 1), `kind "attack" needs the setting "peak_mb"`},
		{"a flood of nothing", strings.Replace(flood, "100", "0", 1), `line 6: events = 0: must be at least 1`},
		{"a flood that compresses", flood + "deflate = true", `line 7: deflate: kind "flood" has no such setting`},
		{"an unknown case", link + `case = "smoke"`, `line 3: case = "smoke": must be one of messages, fetch,`},
		{"a case without what it needs", link + `case = "burst"`, `line 3: case = "burst": needs the setting "events"`},
		{"a line of negative speed", link + "case = \"burst\"\nevents = 1\nspeed_mb = -1.0", `line 5: speed_mb = -1`},
		{"a case over polling", link + "case = \"burst\"\nevents = 1\ntransport = \"polling\"", `line 5: transport: kind "link" has no such setting`},
		{"a case without an end", "kind = \"link\"\ncase = \"burst\"\nevents = 1", `kind "link" needs the setting "within"`},
		{"a soak without a pause", soak + "every = \"1s\"\neach = \"1s\"", `line 9: each = "1s": must be less than every`},
		{"a soak of one transport", soak + "every = \"1s\"\neach = \"500ms\"\ntransport = \"polling\"", `line 10: transport: kind "soak" has no such setting`},
		{"a soak with an attack on another server", strings.Replace(soak, "sessions", "redis", 1) + "every = \"1s\"\neach = \"500ms\"", `line 7: attacks = "redis": needs a server that soaks do not have`},
		{"attacks of a flood", flood + `attacks = ["stalled"]`, `line 7: attacks: kind "flood" has no such setting`},
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
	for _, dir := range []string{"", "quick", "range", "link", "soak"} {
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
