//go:build linux

package report_test

import (
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/report"
	"github.com/sioserver/sioserver/bench/result"
)

func records() []result.Record {
	echo := func(peer string, run int, cpu float64) result.Record {
		return result.Record{Type: result.Run, Profile: "echo", Title: "Echo", Kind: "echo", Peer: peer, Label: "the " + peer, Run: run,
			Figures: map[string]float64{"cpu_us": cpu}}
	}
	failed := echo("a", 4, 1)
	failed.Error = "lost one"
	disturbed := echo("a", 3, 9)
	disturbed.Disturbed = true
	memory := func(kind string) result.Record {
		return result.Record{Type: result.Run, Profile: kind, Title: kind, Kind: kind, Peer: "a", Label: "the a", Run: 1,
			Figures: map[string]float64{"rss_slope_B": 1234.4},
			Series:  []result.Sample{{RSS: 1e7}, {Seconds: 1, Clients: 100, RSS: 2e7}}}
	}
	return []result.Record{
		{Type: result.Start, Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Machine: &measure.Machine{CPU: "a chip", Cores: 2}, Command: "go run ./bench"},
		{Type: result.Skip, Peer: "c", Error: "does not build"},
		{Type: result.Run, Profile: "nodes", Title: "Nodes", Kind: "cluster", Peer: "a", Label: "the a", Run: 1,
			Figures: map[string]float64{"cpu_us": 4, "sender_us": 1, "receiver_us": 3, "redis_message_us": 21.5}},
		echo("a", 1, 5), echo("b", 1, 50), echo("b", 2, 70), echo("a", 2, 7), disturbed, failed, memory("idle"), memory("waves"),
		{Type: result.End},
	}
}

func TestTables(t *testing.T) {
	tables := report.Tables(records())
	if len(tables) != 4 || tables[0].Profile != "nodes" || tables[1].Profile != "echo" || len(tables[1].Rows) != 2 {
		t.Fatalf("%+v", tables)
	}
	a, b := tables[1].Rows[0], tables[1].Rows[1]
	if cpu := a.Figures["cpu_us"]; cpu.Median != 7 || cpu.Min != 5 || cpu.Max != 9 || a.Runs != 3 || a.Disturbed != 1 {
		t.Errorf("a: %+v", a)
	}
	if len(a.Errors) != 1 || a.Errors[0] != "lost one" {
		t.Errorf("a's errors: %q", a.Errors)
	}
	if cpu := b.Figures["cpu_us"]; cpu.Median != 60 || b.Runs != 2 {
		t.Errorf("b: %+v", b)
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	for _, table := range report.Tables(records()) {
		if err := table.Write(&b); err != nil {
			t.Fatal(err)
		}
	}
	text := b.String()
	for _, want := range []string{"Echo (echo)", "CPU µs/round trip", "5.00–9.00", "3 (1 disturbed)", "FAILED  the a: lost one", "1234",
		"Nodes (nodes)", "receiver", "Redis µs/message", "21.5"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestCharts(t *testing.T) {
	published := report.Published{Name: "published", Clients: 50, Megabytes: map[string]float64{"a": 12}}
	styles := map[string]report.Style{"a": {Color: color.RGBA{1, 2, 3, 255}, Bold: true}}
	charts := report.Charts(records(), styles, published)
	if len(charts) != 4 {
		t.Fatalf("%d charts", len(charts))
	}
	for i, want := range []struct{ name, text string }{{"idle", "the a  20.0 MB"}, {"waves", "the a  20.0 MB"}, {"cpu", "the b"}, {"cluster", "Nodes: Redis"}} {
		var b strings.Builder
		if err := charts[i].Scene.EncodeSVG(&b); err != nil {
			t.Fatal(err)
		}
		if charts[i].Name != want.name || !strings.Contains(b.String(), want.text) || !strings.Contains(b.String(), "a chip · 2 cores") {
			t.Errorf("chart %q lacks %q or its machine:\n%s", charts[i].Name, want.text, b.String())
		}
		if want.name == "cpu" && strings.Contains(b.String(), "Nodes") {
			t.Error("what a cluster costs is in the chart of single servers")
		}
		if want.name == "idle" && (!strings.Contains(b.String(), "polygon") || !strings.Contains(b.String(), ">published<")) {
			t.Error("the published figure is not shown")
		}
	}
	if charts := report.Charts(nil, nil, published); len(charts) != 0 {
		t.Errorf("%d charts of nothing", len(charts))
	}
}

func TestReadPublished(t *testing.T) {
	p, err := report.ReadPublished(filepath.Join("..", "..", "profiles", "reference", "memory.toml"))
	if err != nil || p.Clients != 10000 || p.Megabytes["socketio-ws"] != 98 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := report.ReadPublished(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
}
