//go:build linux

package report

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/chart"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/stats"
)

// Chart is a picture with the name of its file, without an ending.
type Chart struct {
	Name  string
	Scene *chart.Scene
}

// Style says how a server is drawn.
type Style struct {
	Label string // its name, where no run of it has one
	Color color.RGBA
	Bold  bool
}

// Charts draws every chart that the records have figures for.
func Charts(records []result.Record, styles map[string]Style, published Published) []Chart {
	footer := footer(records)
	var charts []Chart
	for _, table := range Tables(records) {
		switch table.Kind {
		case "idle":
			charts = append(charts, Chart{table.Profile, memoryByClients(table, records, styles, published, footer)})
		case "waves":
			charts = append(charts, Chart{table.Profile, memoryOverTime(table, records, styles, footer)})
		}
	}
	return append(charts, processorTime(records, styles, footer)...)
}

// memoryByClients is the reference's first chart: the median of the runs at
// every number of clients.
func memoryByClients(t Table, records []result.Record, styles map[string]Style, published Published, footer string) *chart.Scene {
	c := chart.Lines{
		Title: t.Title, Subtitle: "Resident set of the server process (RSS); median of " + plural(maxRuns(t), "run"), Footer: footer,
		XName: "clients", YName: "MB", Unit: "MB",
	}
	for _, row := range t.Rows {
		rss := map[int][]float64{}
		for _, r := range of(records, t.Profile, row.Peer) {
			for _, sample := range r.Series {
				rss[sample.Clients] = append(rss[sample.Clients], float64(sample.RSS)/mega)
			}
		}
		style := styles[row.Peer]
		series := chart.Series{Label: row.Label, Color: style.Color, Marked: true, Bold: style.Bold}
		for _, clients := range slices.Sorted(maps.Keys(rss)) {
			series.Points = append(series.Points, chart.Point{X: float64(clients), Y: stats.Summarize(rss[clients]).Median})
		}
		c.Series = append(c.Series, series)
	}
	c.PublishedName = published.Name
	for _, peer := range slices.Sorted(maps.Keys(published.Megabytes)) {
		c.Published = append(c.Published, chart.Published{
			Point: chart.Point{X: float64(published.Clients), Y: published.Megabytes[peer]},
			Label: styles[peer].Label, Color: styles[peer].Color,
		})
	}
	return c.Draw()
}

// memoryOverTime is the reference's second chart: the first run of every
// server.
func memoryOverTime(t Table, records []result.Record, styles map[string]Style, footer string) *chart.Scene {
	c := chart.Lines{
		Title: t.Title, Subtitle: "Resident set of the server process (RSS)", Footer: footer,
		XName: "seconds", YName: "MB", Unit: "MB",
	}
	for _, row := range t.Rows {
		runs := of(records, t.Profile, row.Peer)
		if len(runs) == 0 {
			continue
		}
		style := styles[row.Peer]
		series := chart.Series{Label: row.Label, Color: style.Color, Bold: style.Bold}
		for _, sample := range runs[0].Series {
			series.Points = append(series.Points, chart.Point{X: sample.Seconds, Y: float64(sample.RSS) / mega})
		}
		c.Series = append(c.Series, series)
	}
	return c.Draw()
}

// of are the good runs of a server in a profile.
func of(records []result.Record, profile, peer string) (runs []result.Record) {
	for _, r := range records {
		if r.Type == result.Run && r.Profile == profile && r.Peer == peer && r.Error == "" {
			runs = append(runs, r)
		}
	}
	return runs
}

func maxRuns(t Table) int {
	return slices.MaxFunc(t.Rows, func(a, b Row) int { return cmp.Compare(a.Runs, b.Runs) }).Runs
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// footer names the machine and the command.
func footer(records []result.Record) string {
	for _, r := range records {
		if r.Type != result.Start || r.Machine == nil {
			continue
		}
		m := r.Machine
		parts := []string{r.Time.Format(time.DateOnly), m.CPU, plural(m.Cores, "core"), "Linux " + m.Kernel, m.Go}
		if r.Cores != nil {
			parts = append(parts, "server on "+plural(len(r.Cores.Server), "core"))
		}
		return strings.Join(parts, " · ") + "\n" + r.Command
	}
	return ""
}
