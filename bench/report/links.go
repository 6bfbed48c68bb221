//go:build linux

package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

// WriteLinks writes one Markdown table of all scenarios with slow links, or of
// the one with the name when it is not empty. before are results of another
// version, in a column of their own unless there are none. A run that failed is
// in the table: what is lost is a result.
func WriteLinks(w io.Writer, records, before []result.Record, name string) error {
	runs := linksOf(records, name)
	if len(runs) == 0 {
		return nil
	}
	earlier := linksOf(before, name)
	head := []string{"tried", "servers"}
	if len(earlier) > 0 {
		head = append(head, "before")
	}
	head = append(head, "result")
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	b.WriteByte('\n')
	row(head)
	row(slices.Repeat([]string{"---"}, len(head)))
	for _, r := range runs {
		cells := []string{r.Title, r.Label}
		if len(earlier) > 0 {
			i := slices.IndexFunc(earlier, func(e result.Record) bool { return e.Profile == r.Profile && e.Peer == r.Peer })
			if i < 0 {
				cells = append(cells, "–")
			} else {
				cells = append(cells, linkCell(earlier[i], false))
			}
		}
		row(append(cells, linkCell(r, true)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// linksOf picks the runs of scenarios with slow links.
func linksOf(records []result.Record, name string) (runs []result.Record) {
	for _, r := range records {
		if r.Type == result.Run && r.Kind == string(scenario.Link) && (name == "" || r.Profile == name) {
			runs = append(runs, r)
		}
	}
	return runs
}

// linkCell is the result of one run: in words, the counters, the memory, and,
// if wanted, what is wrong.
func linkCell(r result.Record, wrong bool) string {
	parts := []string{cmp.Or(r.Shown, "–")}
	if missing := r.Figures["missing"]; missing > 0 {
		parts = append(parts, fmt.Sprintf("%.0f missing somewhere, %.0f counted, %.0f outages", missing, r.Figures["counted"], r.Figures["outages"]))
	}
	if refused := r.Figures["refused"]; refused > 0 {
		parts = append(parts, fmt.Sprintf("%.0f refused to the emitter", refused))
	}
	parts = append(parts, fmt.Sprintf("%.0f MB", r.Figures["rss_peak_B"]/mega))
	if wrong && r.Error != "" {
		parts = append(parts, "**"+r.Error+"**")
	}
	return strings.NewReplacer("|", `\|`, "\n", "; ").Replace(strings.Join(parts, "; "))
}
