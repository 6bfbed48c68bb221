//go:build linux

package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
	"github.com/sioserver/sioserver/bench/stats"
)

// Row is the result of one server's runs in one profile.
type Row struct {
	Peer, Label string
	Figures     map[string]stats.Summary
	Runs        int
	Disturbed   int      // runs that stayed disturbed
	Errors      []string // of runs that failed; these are not in Figures
}

// Table is one profile.
type Table struct {
	Profile, Title, Kind string
	Rows                 []Row
}

// Tables groups the records by profile and server, in the order in which they
// first appear. Attacks are left to WriteAttacks, links to WriteLinks.
func Tables(records []result.Record) []Table {
	type place struct{ table, row int }
	var tables []Table
	at := map[[2]string]place{}
	tableAt := map[string]int{}
	values := map[[3]string][]float64{}
	for _, r := range records {
		if r.Type != result.Run || r.Kind == string(scenario.Attack) || r.Kind == string(scenario.Link) {
			continue
		}
		t, found := tableAt[r.Profile]
		if !found {
			t = len(tables)
			tableAt[r.Profile] = t
			tables = append(tables, Table{Profile: r.Profile, Title: r.Title, Kind: r.Kind})
		}
		key := [2]string{r.Profile, r.Peer}
		p, found := at[key]
		if !found {
			p = place{t, len(tables[t].Rows)}
			at[key] = p
			tables[t].Rows = append(tables[t].Rows, Row{Peer: r.Peer, Label: r.Label, Figures: map[string]stats.Summary{}})
		}
		row := &tables[t].Rows[p.row]
		if r.Error != "" {
			row.Errors = append(row.Errors, r.Error)
			continue
		}
		row.Runs++
		if r.Disturbed {
			row.Disturbed++
		}
		for name, value := range r.Figures {
			k := [3]string{r.Profile, r.Peer, name}
			values[k] = append(values[k], value)
			row.Figures[name] = stats.Summarize(values[k])
		}
	}
	return tables
}

// Write prints the table: medians, and minimum to maximum of the first figure.
func (t Table) Write(w io.Writer) error {
	cols := columns[t.Kind]
	head := []string{"server"}
	for i, c := range cols {
		head = append(head, c.head)
		if i == 0 {
			head = append(head, "min–max")
		}
	}
	lines := [][]string{append(head, "runs")}
	for _, row := range t.Rows {
		if row.Runs > 0 {
			lines = append(lines, row.cells(cols))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (%s)\n", t.Title, t.Profile)
	align(&b, lines)
	for _, row := range t.Rows {
		for _, e := range row.Errors {
			fmt.Fprintf(&b, "FAILED  %s: %s\n", row.Label, e)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Row) cells(cols []column) []string {
	cells := []string{r.Label}
	for i, c := range cols {
		s, found := r.Figures[c.figure]
		if !found {
			cells = append(cells, "–")
		} else {
			cells = append(cells, c.format(s.Median))
		}
		if i == 0 {
			span := ""
			if s.N > 1 {
				span = c.format(s.Min) + "–" + c.format(s.Max)
			}
			cells = append(cells, span)
		}
	}
	runs := fmt.Sprint(r.Runs)
	if r.Disturbed > 0 {
		runs += fmt.Sprintf(" (%d disturbed)", r.Disturbed)
	}
	return append(cells, runs)
}

// align writes lines of as many cells each in columns, the first to the left
// and the others to the right.
func align(b *strings.Builder, lines [][]string) {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range lines {
		for i, cell := range cells {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + space)
			} else {
				b.WriteString("  " + space + cell)
			}
		}
		b.WriteByte('\n')
	}
}
