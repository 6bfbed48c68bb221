package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/stats"
)

// Row is what the runs of one server in one profile came to.
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

// Tables groups the records by profile and server, in the order in which they first appear.
func Tables(records []result.Record) []Table {
	type place struct{ table, row int }
	var tables []Table
	at := map[[2]string]place{}
	tableAt := map[string]int{}
	values := map[[3]string][]float64{}
	for _, r := range records {
		if r.Type != result.Run {
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
	fmt.Fprintf(w, "\n%s (%s)\n", t.Title, t.Profile)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	cols := columns[t.Kind]
	head := []string{"server"}
	for i, c := range cols {
		head = append(head, c.head)
		if i == 0 {
			head = append(head, "min–max")
		}
	}
	fmt.Fprintln(tw, strings.Join(append(head, "runs"), "\t")+"\t")
	for _, row := range t.Rows {
		if row.Runs == 0 {
			continue
		}
		cells := []string{row.Label}
		for i, c := range cols {
			s, found := row.Figures[c.figure]
			if !found {
				cells = append(cells, "–")
			} else {
				cells = append(cells, c.format(s.Median))
			}
			if i == 0 {
				cells = append(cells, c.format(s.Min)+"–"+c.format(s.Max))
			}
		}
		runs := fmt.Sprint(row.Runs)
		if row.Disturbed > 0 {
			runs += fmt.Sprintf(" (%d disturbed)", row.Disturbed)
		}
		fmt.Fprintln(tw, strings.Join(append(cells, runs), "\t")+"\t")
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, row := range t.Rows {
		for _, e := range row.Errors {
			if _, err := fmt.Fprintf(w, "FAILED  %s: %s\n", row.Label, e); err != nil {
				return err
			}
		}
	}
	return nil
}
