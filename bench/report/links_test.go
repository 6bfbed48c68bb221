//go:build linux

package report_test

import (
	"strings"
	"testing"

	"github.com/sioserver/sioserver/bench/report"
	"github.com/sioserver/sioserver/bench/result"
)

func link(profile, label, shown, err string, figures map[string]float64) result.Record {
	return result.Record{Type: result.Run, Profile: profile, Title: "the " + profile, Kind: "link", Peer: label, Label: label,
		Shown: shown, Figures: figures, Error: err}
}

func TestWriteLinks(t *testing.T) {
	now := append(records(),
		link("burst", "a", "10 of 10", "", map[string]float64{"rss_peak_B": 20e6}),
		link("burst", "b", "9 of 10", "one | is\nlate", map[string]float64{"rss_peak_B": 30e6, "missing": 1, "counted": 1, "refused": 2}),
		link("acks", "a", "", "no Redis", nil))
	before := []result.Record{link("burst", "a", "3 of 10", "seven are missing", map[string]float64{"rss_peak_B": 90e6})}
	var b strings.Builder
	if err := report.WriteLinks(&b, now, before, ""); err != nil {
		t.Fatal(err)
	}
	want := `
| tried | servers | before | result |
| --- | --- | --- | --- |
| the burst | a | 3 of 10; 90 MB | 10 of 10; 20 MB |
| the burst | b | – | 9 of 10; 1 missing somewhere, 1 counted, 0 outages; 2 refused to the emitter; 30 MB; **one \| is; late** |
| the acks | a | – | –; 0 MB; **no Redis** |
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := report.WriteLinks(&b, now, nil, "acks"); err != nil || strings.Contains(b.String(), "burst") || strings.Contains(b.String(), "before") {
		t.Errorf("%s, %v", b.String(), err)
	}
	b.Reset()
	if err := report.WriteLinks(&b, records(), before, ""); err != nil || b.Len() > 0 {
		t.Errorf("%q, %v", b.String(), err)
	}
	if tables := report.Tables(now[len(records()):]); len(tables) != 0 {
		t.Errorf("links are among the other tables: %+v", tables)
	}
}
