//go:build linux

package run_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
	"github.com/sioserver/sioserver/bench/scenario"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

func cores(t *testing.T) []int {
	all, err := measure.Cores()
	if err != nil {
		t.Fatal(err)
	}
	return all[:1]
}

func profile(t *testing.T, file string) *scenario.Profile {
	p, err := scenario.Parse("test", []byte(file+"\nsettle = \"10ms\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func silent(string, int, int) {}

func runOnFloor(t *testing.T, file string) result.Record {
	servers, err := benchtest.Peer(benchtest.Floor).Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Stop()
	record, err := run.Run(t.Context(), profile(t, file), servers, silent)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestScenarios(t *testing.T) {
	const load = "\nwarmup = \"30ms\"\nduration = \"100ms\"\n"
	for _, tc := range []struct{ name, file string }{
		{"broadcast", "kind = \"broadcast\"\nclients = 50\nin_flight = 4" + load},
		{"rooms", "kind = \"rooms\"\nclients = 50\nrooms = 10\nin_flight = 8" + load},
		{"echo", "kind = \"echo\"\nclients = 10\nin_flight = 5\npayload = 300" + load},
		{"latency", "kind = \"latency\"\nclients = 10\nrate = 500" + load},
		{"storm", "kind = \"storm\"\ntotal = 100\nconcurrency = 10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			record := runOnFloor(t, tc.file)
			figures := record.Figures
			if figures["units"] < 1 || figures["rate_per_s"] <= 0 || figures["p50_us"] <= 0 || figures["max_us"] < figures["p50_us"] {
				t.Errorf("figures %v", figures)
			}
			if tc.name == "latency" && figures["units"] != 50 {
				t.Errorf("%v requests, want 100 ms at 500 a second", figures["units"])
			}
			if tc.name == "storm" && (figures["units"] != 100 || figures["files_left"] != 0) {
				t.Errorf("figures %v", figures)
			}
		})
	}
}

func TestIdle(t *testing.T) {
	record := runOnFloor(t, "kind = \"idle\"\nsteps = [0, 20, 50]\n")
	if len(record.Series) != 3 || record.Series[2].Clients != 50 || record.Series[2].HeapUsed != 12345 || record.Series[0].RSS == 0 {
		t.Errorf("series %+v", record.Series)
	}
	if _, found := record.Figures["rss_slope_B"]; !found || record.Figures["heap_live_B"] != 12345 {
		t.Errorf("figures %v", record.Figures)
	}
}

func TestWaves(t *testing.T) {
	record := runOnFloor(t, "kind = \"waves\"\nsteps = [30, 0, 20]\nhold = \"60ms\"\nsample = \"10ms\"\n")
	most, last := 0, 0
	for _, sample := range record.Series {
		most, last = max(most, sample.Clients), sample.Clients
	}
	if most != 30 || last != 20 || record.Figures["rss_peak_B"] < record.Figures["rss_first_B"] {
		t.Errorf("up to %d clients, %d at the end, figures %v", most, last, record.Figures)
	}
}

func TestAServerKilledMidRunIsNamed(t *testing.T) {
	servers, err := benchtest.Peer(benchtest.Floor).Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Stop()
	p := profile(t, "kind = \"waves\"\nsteps = [20, 10]\nhold = \"20s\"\nsample = \"10ms\"\n")
	kill := func(_ string, done, total int) {
		if done == total {
			_ = syscall.Kill(servers.Nodes[0].PID(), syscall.SIGKILL)
		}
	}
	record, err := run.Run(t.Context(), p, servers, kill)
	if err == nil || !strings.Contains(err.Error(), "the server floor (pid") || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("%v", err)
	}
	if len(record.Series) == 0 {
		t.Error("what was measured until then is lost")
	}
}

// series runs profiles over peers and returns the records.
func series(t *testing.T, p *scenario.Profile, peers ...*peer.Peer) ([]result.Record, error) {
	return watched(t, t.Context(), func(string, int, int) {}, p, peers...)
}

// watched is series with a function that learns of the progress.
func watched(t *testing.T, ctx context.Context, progress func(what string, done, total int), p *scenario.Profile, peers ...*peer.Peer) (records []result.Record, err error) {
	s := run.Series{
		Cores: result.Cores{Server: cores(t)}, Peers: map[string]*peer.Peer{}, Attempts: 1,
		Record:   func(r result.Record) error { records = append(records, r); return nil },
		Progress: func(_, what string, done, total int) { progress(what, done, total) },
	}
	for _, pr := range peers {
		s.Peers[pr.Name] = pr
		s.Names = append(s.Names, pr.Name)
	}
	err = s.Do(ctx, p)
	return records, err
}

func TestSeriesAlternatesAndLeavesOutWhatDoesNotStart(t *testing.T) {
	other := benchtest.Peer(benchtest.Floor)
	other.Name = "other"
	p := profile(t, "kind = \"idle\"\nruns = 2\nsteps = [0, 1]\n")
	records, err := series(t, p, benchtest.Peer(benchtest.Floor), benchtest.Peer(benchtest.Dies), other)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range records {
		order = append(order, string(r.Type)+" "+r.Peer)
	}
	if got := strings.Join(order, ", "); got != "skip dies, run floor, run other, run other, run floor" {
		t.Errorf("order: %s", got)
	}
	if !strings.Contains(records[0].Error, "nothing to serve") {
		t.Errorf("left out because: %s", records[0].Error)
	}
}

func TestSeriesInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	p := profile(t, "kind = \"waves\"\nsteps = [5, 1]\nhold = \"20s\"\nsample = \"5ms\"\n")
	interrupt := func(what string, done, total int) {
		if what == "clients" && done == total {
			cancel(run.Interrupted())
		}
	}
	records, err := watched(t, ctx, interrupt, p, benchtest.Peer(benchtest.Floor))
	if !errors.Is(err, run.Interrupted()) {
		t.Errorf("%v", err)
	}
	if len(records) != 1 || records[0].Error != run.Interrupted().Error() || len(records[0].Series) == 0 {
		t.Errorf("%+v", records)
	}
}
