//go:build linux

package run_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
)

const attackOnce = "kind = \"attack\"\nruns = 1\nclients = 10\nrate = 200\nwindow = \"100ms\"\nafter = \"200ms\"\n" +
	"attacks = [\"descriptors\"]\n"

func runOn(t *testing.T, p *peer.Peer, file string) (result.Record, error) {
	servers, err := p.Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	defer servers.Stop()
	return run.Run(t.Context(), profile(t, file), servers, silent)
}

func TestAnAttackThatDoesNothing(t *testing.T) {
	record, err := runOn(t, benchtest.Peer(benchtest.Floor), attackOnce+"duration = \"300ms\"\npeak_mb = 1000\nafter_mb = 1000\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, figure := range []string{
		"rss_before_B", "rss_peak_B", "rss_after_B", "rss_collected_B", "heap_before_B", "heap_after_B", "files_before", "files_peak", "files_end", "files_after",
		"goroutines_before", "goroutines_peak", "goroutines_after", "p99_before_us", "p99_during_us", "p99_after_us", "lasted_s",
	} {
		if record.Figures[figure] <= 0 {
			t.Errorf("%s is %v", figure, record.Figures[figure])
		}
	}
	if f := record.Figures; f["disconnects"] != 0 || f["unanswered"] != 0 || f["rss_peak_B"] < f["rss_before_B"] {
		t.Errorf("figures %v", f)
	}
	if record.Attack != "descriptors" || record.Seen["joined"] < 1 || len(record.Moved) > 0 {
		t.Errorf("attack %q saw %v and moved %v", record.Attack, record.Seen, record.Moved)
	}
}

func TestAnAttackEndsEarlyWhenTheMemoryIsBack(t *testing.T) {
	record, err := runOn(t, benchtest.Peer(benchtest.Floor), strings.Replace(attackOnce, "200ms\"\nattacks", "1h\"\nattacks", 1)+
		"duration = \"50ms\"\npeak_mb = 1000\nafter_mb = 1000\nearly = true\n")
	if err != nil || record.Figures["rss_after_B"] == 0 {
		t.Errorf("%v, %v", record.Figures, err)
	}
}

func TestAnAttackThatFillsTheMemoryIsFound(t *testing.T) {
	record, err := runOn(t, benchtest.Peer(benchtest.Floor), attackOnce+"duration = \"1h\"\npeak_mb = 1\n")
	var findings *run.Findings
	if !errors.As(err, &findings) || len(findings.Found) != 1 || !strings.Contains(err.Error(), "MB, more than 1") {
		t.Errorf("%v", err)
	}
	if record.Figures["p99_after_us"] <= 0 {
		t.Errorf("what was measured is lost: %v", record.Figures)
	}
}

func TestAnAttackThatEndsTheServerIsNamed(t *testing.T) {
	record, err := runOn(t, benchtest.Peer(benchtest.Fragile), attackOnce+"duration = \"5s\"\npeak_mb = 1000\n")
	if err == nil || !strings.Contains(err.Error(), "ended by itself") || !strings.Contains(err.Error(), "too many open files") {
		t.Errorf("%v", err)
	}
	if record.Figures["rss_before_B"] <= 0 {
		t.Errorf("what was measured is lost: %v", record.Figures)
	}
}

func TestAttacksAreRunsOfTheirOwnWhereTheyAreOffered(t *testing.T) {
	p := profile(t, strings.Replace(attackOnce, "[", "[\"namespaces\", ", 1)+"duration = \"50ms\"\npeak_mb = 1000\n")
	records, err := series(t, p, benchtest.Peer(benchtest.Floor))
	if err != nil || len(records) != 1 || records[0].Attack != "descriptors" {
		t.Errorf("%+v, %v", records, err)
	}
	p.Attacks = []string{"namespaces"}
	if _, err := series(t, p, benchtest.Peer(benchtest.Floor)); err == nil || !strings.Contains(err.Error(), "no server offers") {
		t.Errorf("%v", err)
	}
}

func TestASoakNeedsAServerThatOffersIt(t *testing.T) {
	p := profile(t, "kind = \"soak\"\nclients = 1\nrate = 1\nchurn = 1\nduration = \"1s\"\nsample = \"1s\"\nattacks = [\"sessions\"]\n"+
		"every = \"2s\"\neach = \"1s\"\nruns = 1\n")
	if _, err := series(t, p, benchtest.Peer(benchtest.Floor)); err == nil || !strings.Contains(err.Error(), "no server offers") {
		t.Errorf("%v", err)
	}
}

// stock is a server whose stock clients say what the script prints for each of
// two.
func stock(script string) *peer.Peer {
	p := benchtest.Peer(benchtest.Floor)
	p.Clients.Command = []string{"sh", "-c", "echo '{\"ready\":true}'; read go; for client in 0 1; do " + script + "; done; read end", "stock"}
	return p
}

const flood = "kind = \"flood\"\ntransport = \"polling\"\nclients = 10\nrate = 200\nwindow = \"100ms\"\nflooders = 2\nevents = 30\n"

func TestFlood(t *testing.T) {
	record, err := runOn(t, stock(`echo "{\"client\":$client,\"handled\":$4}"`), flood+"peak_mb = 1000\n")
	if err != nil {
		t.Fatal(err)
	}
	if f := record.Figures; f["rate_per_s"] <= 0 || f["p99_before_us"] <= 0 || f["rss_peak_B"] <= 0 || f["disconnects"] != 0 {
		t.Errorf("figures %v", f)
	}
}

func TestFloodFinds(t *testing.T) {
	for _, tc := range []struct{ name, script, more, want string }{
		{"lost events", `echo "{\"client\":$client,\"handled\":29}"`, "", "2 of 2 stock clients lost events, first client 0: 29 of 30 handled, 0 out of order, still connected"},
		{"disorder", `echo "{\"client\":$client,\"handled\":30,\"disordered\":$client}"`, "", "1 of 2 stock clients lost events, first client 1: 30 of 30 handled, 1 out of order"},
		{"a disconnect", `echo "{\"client\":$client,\"reason\":\"disconnected: $2\"}"`, "", "0 of 30 handled, 0 out of order, disconnected: polling"},
		{"the memory", `echo "{\"client\":$client,\"handled\":30}"`, "peak_mb = 1\n", "MB, more than 1"},
		{"clients that end", "exit 3", "", "stock clients of floor"},
		{"clients that say nonsense", "echo hello", "", "invalid character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := runOn(t, stock(tc.script), flood+tc.more); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestFloodsNeedStockClients(t *testing.T) {
	p := profile(t, flood+"runs = 1\n")
	if _, err := series(t, p, benchtest.Peer(benchtest.Floor)); err == nil || !strings.Contains(err.Error(), "no server to measure") {
		t.Errorf("%v", err)
	}
	unready := stock("exit 1")
	unready.Transports = nil
	unready.Clients.Prepare = []string{"sh", "-c", "echo no package >&2; exit 1"}
	records, err := series(t, p, unready)
	if err != nil || len(records) != 1 || records[0].Type != result.Skip || !strings.Contains(fmt.Sprint(records[0].Error), "no package") {
		t.Errorf("%+v, %v", records, err)
	}
}
