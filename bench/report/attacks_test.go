//go:build linux

package report_test

import (
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/report"
	"github.com/sioserver/sioserver/bench/result"
)

func attacks() []result.Record {
	run := func(profile, name, err string, figures map[string]float64) result.Record {
		return result.Record{Type: result.Run, Profile: profile, Title: "Range", Kind: "attack", Attack: name, Peer: "a", Label: "the a",
			Run: 1, Figures: figures, Error: err}
	}
	whole := run("range", "sessions", "", map[string]float64{
		"rss_before_B": 20e6, "rss_peak_B": 208.4e6, "rss_after_B": 30e6, "rss_collected_B": 25e6, "heap_before_B": 2e6, "heap_after_B": 2.26e6, "files_before": 214, "files_peak": 218, "files_after": 214,
		"disconnects": 0, "p99_before_us": 1500, "p99_during_us": 2340000, "p99_after_us": 1600, "cpu_during_s": 0.94,
	})
	whole.Seen = map[string]float64{"sessions": 655632, "connections": 4}
	whole.Moved = map[string]float64{"Loop.Accepted": 7, "Clients": -3}
	return []result.Record{
		whole,
		run("range", "descriptors", "the server | ended:\nexit status 1", map[string]float64{"rss_before_B": 20e6}),
		run("other", "stalled", "", nil),
		{Type: result.Skip, Profile: "range", Kind: "attack", Peer: "b", Error: "does not build"},
	}
}

func TestWriteAttacks(t *testing.T) {
	var b strings.Builder
	if err := report.WriteAttacks(&b, append(records(), attacks()...), "range"); err != nil {
		t.Fatal(err)
	}
	want := `
Range (range)

| attack | server | what it did | memory MB: before, peak, after, collected | live heap MB: before, after | descriptors | goroutines | honest disconnects | p99 ms: before, during, after | server CPU s | counters that moved | found |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| sessions | the a | connections 4, sessions 655632 | 20, 208, 30, 25 | 2.0, 2.3 | 214, 218, 214 | –, –, – | 0 | 1.5, 2340.0, 1.6 | 0.9 | Clients -3, Loop.Accepted +7 | nothing |
| descriptors | the a | – | 20, –, –, – | –, – | –, –, – | –, –, – | – | –, –, – | – | – | the server \| ended: exit status 1 |

- sessions: polling sessions opened, 4 connections
- descriptors: no descriptors left because of another part of the process, while clients come
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestWriteAttacksOfAllProfilesOrNone(t *testing.T) {
	var all, none strings.Builder
	if err := report.WriteAttacks(&all, attacks(), ""); err != nil {
		t.Fatal(err)
	}
	if text := all.String(); !strings.Contains(text, "Range (range)") || !strings.Contains(text, "Range (other)") {
		t.Errorf("%s", text)
	}
	if err := report.WriteAttacks(&none, records(), ""); err != nil || none.Len() > 0 {
		t.Errorf("%q, %v", none.String(), err)
	}
	if tables := report.Tables(attacks()); len(tables) != 0 {
		t.Errorf("attacks are among the other tables: %+v", tables)
	}
}
