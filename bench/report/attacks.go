//go:build linux

package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/scenario"
)

// attackColumns are the figures of an attack; each cell has those of before,
// the peak and after, or of before, during and after; "collected" is after a
// garbage collection.
var attackColumns = []struct {
	head   string
	names  []string
	format func(float64) string
}{
	{"memory MB: before, peak, after, collected", []string{"rss_before_B", "rss_peak_B", "rss_after_B", "rss_collected_B"}, scaled(mega, 0)},
	{"live heap MB: before, after", []string{"heap_before_B", "heap_after_B"}, scaled(mega, 1)},
	{"descriptors", []string{"files_before", "files_peak", "files_after"}, plain(0)},
	{"goroutines", []string{"goroutines_before", "goroutines_peak", "goroutines_after"}, plain(0)},
	{"honest disconnects", []string{"disconnects"}, plain(0)},
	{"p99 ms: before, during, after", []string{"p99_before_us", "p99_during_us", "p99_after_us"}, scaled(milli, 1)},
	{"server CPU s", []string{"cpu_during_s"}, plain(1)},
}

// WriteAttacks writes a Markdown table for each profile of attacks, or for the
// one with the name when it is not empty. A run that failed is included, with
// the figures that it has: what an attack achieves is a result.
func WriteAttacks(w io.Writer, records []result.Record, name string) error {
	var profiles []string
	of := map[string][]result.Record{}
	for _, r := range records {
		if r.Type != result.Run || r.Kind != string(scenario.Attack) || (name != "" && r.Profile != name) {
			continue
		}
		if of[r.Profile] == nil {
			profiles = append(profiles, r.Profile)
		}
		of[r.Profile] = append(of[r.Profile], r)
	}
	for _, profile := range profiles {
		if err := writeAttacks(w, of[profile]); err != nil {
			return err
		}
	}
	return nil
}

func writeAttacks(w io.Writer, runs []result.Record) error {
	head := []string{"attack", "server", "what it did"}
	for _, c := range attackColumns {
		head = append(head, c.head)
	}
	head = append(head, "counters that moved", "found")
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s (%s)\n\n", runs[0].Title, runs[0].Profile)
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(head)
	row(slices.Repeat([]string{"---"}, len(head)))
	var names []string
	for _, r := range runs {
		row(attackCells(r))
		if !slices.Contains(names, r.Attack) {
			names = append(names, r.Attack)
		}
	}
	b.WriteByte('\n')
	for _, name := range names {
		if a, err := attack.Find(name); err == nil {
			fmt.Fprintf(&b, "- %s: %s\n", name, a.What)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func attackCells(r result.Record) []string {
	cells := []string{r.Attack, r.Label, numbers(r.Seen, "%s %.0f")}
	for _, c := range attackColumns {
		var parts []string
		for _, name := range c.names {
			if value, found := r.Figures[name]; found {
				parts = append(parts, c.format(value))
			} else {
				parts = append(parts, "–")
			}
		}
		cells = append(cells, strings.Join(parts, ", "))
	}
	cells = append(cells, numbers(r.Moved, "%s %+.0f"), cmp.Or(r.Error, "nothing"))
	for i, cell := range cells {
		cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
	}
	return cells
}

// numbers lists named numbers by name.
func numbers(of map[string]float64, format string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		list = append(list, fmt.Sprintf(format, name, of[name]))
	}
	return cmp.Or(strings.Join(list, ", "), "–")
}
