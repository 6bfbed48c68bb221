//go:build linux

package run_test

import (
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
	"github.com/sioserver/sioserver/bench/scenario"
)

// tryOnce runs one case with this repository's servers and Streams.
func tryOnce(t *testing.T, file string) (result.Record, error) {
	t.Helper()
	benchtest.NeedRedis(t)
	p, err := joined()
	if err != nil {
		t.Fatal(err)
	}
	var records []result.Record
	s := run.Series{
		Cores: result.Cores{Server: cores(t), Load: cores(t)}, Peers: map[string]*peer.Peer{p.Name: p}, Names: []string{p.Name},
		Record:   func(r result.Record) error { records = append(records, r); return nil },
		Progress: func(string, string, int, int) {},
	}
	tried, err := scenario.Parse("test", []byte("kind = \"link\"\nruns = 1\n"+file))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Do(t.Context(), tried)
	if len(records) != 1 {
		t.Fatalf("%+v", records)
	}
	return records[0], err
}

func TestLinkCase(t *testing.T) {
	record, err := tryOnce(t, "case = \"messages\"\nevents = 3\nbytes = 20000\nspeed_mb = 5.0\nwithin = \"1m\"\n")
	if err != nil || record.Error != "" {
		t.Fatalf("%v, %s", err, record.Error)
	}
	if record.Figures["sent"] != 56 || record.Figures["missing"] != 0 || record.Figures["rss_peak_B"] <= 0 || !strings.Contains(record.Shown, "6 of 6") {
		t.Errorf("%+v", record)
	}
}

func TestALinkCaseThatIsNotOverInTimeIsAFailure(t *testing.T) {
	record, err := tryOnce(t, "case = \"pauses\"\nstop = \"1ms\"\npause = \"1m\"\nshort = \"1ms\"\nwithin = \"3s\"\n")
	if err == nil || !strings.Contains(record.Error, "not over within 3s") {
		t.Errorf("%v, %s", err, record.Error)
	}
}

func TestALinkCaseThatHoldsTooMuchIsAFailure(t *testing.T) {
	record, err := tryOnce(t, "case = \"burst\"\nevents = 10\nwithin = \"1m\"\npeak_mb = 1\n")
	if err == nil || !strings.Contains(record.Error, "a server held") || record.Shown == "" {
		t.Errorf("%v, %+v", err, record)
	}
}
